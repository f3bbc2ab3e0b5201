; SPDX-License-Identifier: MIT
;
; isolated.asm: with isolate=on, the ways in that load the guest's root before
; they go on to those of entry.asm and fast.asm, and the ways out that load a
; copy of it last (hv/arch/isolate.h): then patch.c leads here. Without, nothing
; of it is on any path.
;
; Invariant: what runs while CR3 has a copy is in the section .isolated, which
; copies map, and touches nothing but what they map. A way in goes on with all
; registers, GS among them, as the processor left them.
;
; A copy is loaded in ring 0 for the first instructions of a way in and the last
; of a way out. There only vectors with an IST stack come, and the faults of the
; IRETQ.

%include "offsets.inc"

default rel
bits 64

%include "hv/entry/entry.inc"

extern entry_common, entry_ist, entry_syscall_regs, entry_syscall32_regs
extern entry_sysenter, common_iret_fault, exit_iretq
extern fast_exception, fast_invalid_opcode, fast_general_protection
extern fast_page_fault
extern trap_dispatch, isolate_refresh, isolate_look

section .isolated progbits alloc exec nowrite align=4096

; --- ways in -----------------------------------------------------------------

; RSP is at the word of error code and vector.
FRAME_RIP       equ 8
FRAME_CS        equ 16

; The guest's root, with GS the hypervisor's; %1 is free.
%macro LOAD_FULL 1
        mov %1, [gs:PERCPU_ISOLATE_FULL]
        mov cr3, %1
%endmacro

; In the hypervisor: of the IRETQ to a guest, or CR3 is what it has chosen.
%macro IN_HYPERVISOR 1              ; where that goes on
        push rax
        lea rax, [isolated_iretq]
        cmp [rsp + 8 + FRAME_RIP], rax
        pop rax
        jne %1
        jmp isolated_iret_fault
%endmacro

%macro ENTER 2                      ; a label, and where it goes on
%1:
        test byte [rsp + FRAME_CS], 3
        jz %%hypervisor
        swapgs
        push rax
        LOAD_FULL rax
        pop rax
        swapgs
        jmp %2
%%hypervisor:
        IN_HYPERVISOR %2
%endmacro

        ENTER isolated_entry_common, entry_common
        ENTER isolated_fast_exception, fast_exception
        ENTER isolated_fast_invalid_opcode, fast_invalid_opcode
        ENTER isolated_fast_general_protection, fast_general_protection

; The pushed frame is below the guest's, as entry.asm's way has it.
isolated_iret_fault:
        swapgs
        push rax
        LOAD_FULL rax
        pop rax
        swapgs
        PUSH_REGS
        cld
        CLAC
        jmp common_iret_fault

; An entry of level 4 that the root has had since it was copied is no fault.
isolated_fast_page_fault:
        test byte [rsp + FRAME_CS], 3
        jz isolated_page_fault_hypervisor
        swapgs
        push rax
        push rcx
        push rdx
        LOAD_FULL rax
        mov rcx, cr2
        call isolate_look
        pop rdx
        pop rcx
        jne isolated_page_fault_again
        pop rax
        swapgs
        jmp fast_page_fault
isolated_page_fault_again:
        pop rax
        add rsp, 8
        jmp exit_iretq              ; patched
isolated_page_fault_hypervisor:
        IN_HYPERVISOR fast_page_fault

; NMI, #DF, #MC, #DB: with whichever of the two CR3 has.
isolated_entry_ist:
        test byte [rsp + FRAME_CS], 3
        jz isolated_ist_hypervisor
        swapgs
        push rax
        LOAD_FULL rax
        pop rax
        mov byte [gs:PERCPU_ISOLATE_IST_USED], 1
        swapgs
        jmp entry_ist

; As entry.asm's ist_hypervisor; R12 is CR3 as it was. The way out is to look anew:
; the hypervisor may be at work for somebody else than the vCPU that goes on.
isolated_ist_hypervisor:
        IST_ENTER
        mov byte [rax + PERCPU_ISOLATE_IST_USED], 1
        mov qword [rax + PERCPU_ISOLATE_SHOWN], 0
        mov r12, cr3
        cmp r12, [rax + PERCPU_ISOLATE_COPY]
        je isolated_ist_copy
        cmp r12, [rax + PERCPU_ISOLATE_COPY + 8]
        jne isolated_ist_full
isolated_ist_copy:
        mov rdx, [rax + PERCPU_ISOLATE_FULL]
        mov cr3, rdx
isolated_ist_full:
        IST_DISPATCH
        mov cr3, r12
        IST_LEAVE

; RSP is what is free, so it takes the root.
%macro SYSCALL_IN 0
        swapgs
        mov [gs:PERCPU_GUEST_RSP], rsp
        LOAD_FULL rsp
        mov rsp, [gs:PERCPU_REGS_END]
%endmacro

global isolated_syscall, isolated_syscall32
isolated_syscall:
        SYSCALL_IN
        jmp entry_syscall_regs
isolated_syscall32:
        SYSCALL_IN
        jmp entry_syscall32_regs

; No flag changes: entry_sysenter saves those (before_flags() in trap.c).
global isolated_sysenter, isolated_sysenter_end
isolated_sysenter:
        swapgs
        LOAD_FULL rsp
        swapgs
        jmp entry_sysenter
isolated_sysenter_end:

; --- ways out ----------------------------------------------------------------

; All registers are the guest's but GS. The usual: CR3's root has a copy, and the
; vCPU is the one whose page is mapped. VERW is of a descriptor that may be
; written, in memory that is mapped (see profiled.asm).
%macro WAY_OUT 4                    ; label; VERW? 1 or 0; label and last one
global %1
%1:
        mov [gs:PERCPU_ISOLATE_SAVE], rax
        mov rax, [gs:PERCPU_REGS_END]
        cmp rax, [gs:PERCPU_ISOLATE_SHOWN]
        jne %%refresh
        mov rax, cr3
        cmp rax, [gs:PERCPU_ISOLATE_OF]
        jne %%second
        mov [gs:PERCPU_ISOLATE_FULL], rax
        mov rax, [gs:PERCPU_ISOLATE_COPY]
%%load:
        mov cr3, rax
        mov rax, [gs:PERCPU_ISOLATE_SAVE]
  %if %2
        verw [isolated_verw_selector]
  %endif
        swapgs
%3:
        %4
%%second:
        cmp rax, [gs:PERCPU_ISOLATE_OF + 8]
        jne %%refresh
        mov [gs:PERCPU_ISOLATE_FULL], rax
        mov rax, [gs:PERCPU_ISOLATE_COPY + 8]
        jmp %%load
%%refresh:
        mov [gs:PERCPU_ISOLATE_SAVE + 8], rsp
        mov rsp, [gs:PERCPU_STACK_TOP]
        push rcx
        push rdx
        push rsi
        push rdi
        push r8
        push r9
        push r10
        push r11
        cld                         ; both may be the guest's still
        CLAC
        call isolate_refresh
        pop r11
        pop r10
        pop r9
        pop r8
        pop rdi
        pop rsi
        pop rdx
        pop rcx
        mov rsp, [gs:PERCPU_ISOLATE_SAVE + 8]
        jmp %%load
%endmacro

        WAY_OUT isolated_exit_sysret, 0, isolated_sysret, o64 sysret
        WAY_OUT isolated_verw_exit_sysret, 1, isolated_verw_sysret, o64 sysret
        WAY_OUT isolated_exit_iretq, 0, isolated_iretq, iretq
        WAY_OUT isolated_verw_exit_iretq, 1, isolated_verw_iretq, jmp isolated_iretq

        align 8
isolated_verw_selector:
        dw SELECTOR_HV_SS

; --- the vectors' stubs ------------------------------------------------------

%macro STUB 1
isolated_stub_ %+ %1:
  %if !HAS_ERROR(%1)
        push 0
  %endif
        mov dword [rsp + 4], %1
        ENTRY_OF %1
        jmp isolated_ %+ ENTRY
%endmacro

%assign v 0
%rep 256
        STUB v
  %assign v v + 1
%endrep

section .rodata.isolated progbits alloc noexec nowrite align=8
global isolated_vectors
isolated_vectors:
%assign v 0
%rep 256
        dq isolated_stub_ %+ v
  %assign v v + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
