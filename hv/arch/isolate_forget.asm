; SPDX-License-Identifier: MIT
;
; isolate_forget.asm: this CPU's copies of roots (hv/arch/isolate.h) are no more
; what they were of: called behind what makes the processor forget, where x86.h
; has it, with isolate=on only. Invariant: all registers stay, but flags.

%include "offsets.inc"

default rel
bits 64

section .text progbits alloc exec nowrite align=16

; No flag changes.
global isolate_forget
isolate_forget:
        mov qword [gs:PERCPU_ISOLATE_OF], 0
        mov qword [gs:PERCPU_ISOLATE_OF + 8], 0
        ret

; The address is on the stack, and goes from there.
global isolate_forget_page
isolate_forget_page:
        push rax
        push rcx
        push rdx
        mov rcx, [rsp + 32]
        call isolate_look
        pop rdx
        pop rcx
        pop rax
        ret 8

; Is the entry of level 4 for RCX in both copies what it is in the root? Else both
; are forgotten, and ZF is clear. But for A, which is the processor's: it sets it
; in the copy. Clobbers RAX, RCX, RDX.
%macro LOOK 1                       ; which copy; not equal: it is another entry
        mov rax, [gs:PERCPU_ISOLATE_OF + %1 * 8]
        test rax, rax
        jz %%none
        mov rdx, HV_DIRECT_HIGH << 40
        add rdx, rax
        mov rax, [gs:PERCPU_ISOLATE_L4 + %1 * 8]
        mov rdx, [rdx + rcx * 8]
        xor rdx, [rax + rcx * 8]
        and rdx, ~ENTRY_A
        jnz isolate_forget          ; which leaves ZF as it is
%%none:
%endmacro

global isolate_look
isolate_look:
        shr rcx, 39
        and ecx, 511
        lea eax, [rcx - L4_FIRST]
        cmp eax, L4_COUNT
        jb isolate_look_same        ; the hypervisor's: another on purpose
        LOOK 0
        LOOK 1
isolate_look_same:
        cmp eax, eax
        ret

section .note.GNU-stack noalloc noexec nowrite progbits
