; SPDX-License-Identifier: MIT
;
; entry.asm: every way into the hypervisor and out of it again.
;
; Frame (struct regs, hv/regs.h), from high to low addresses:
;       ss rsp rflags cs rip            pushed by the processor
;       error code and vector           one word; the code is 0 if there is none
;       rdi rsi rdx rcx rax             pushed here
;       r8 r9 r10 r11 rbx rbp r12 r13 r14 r15
;
; In the hypervisor GS is always the per-CPU area. From a guest it takes a
; swapgs; on an IST stack (NMI, #DF, #MC, #DB) what GS holds is not known, so
; the base is saved and set by MSR instead.
;
; Labels here are never local (.name): NASM would tie them to whatever label a
; macro defines last.

%include "offsets.inc"

default rel
bits 64

MSR_GS_BASE     equ 0xc0000101
STACK_PAGES     equ 4               ; as in hv/cpu.c
IST_COUNT       equ 5

extern trap_dispatch, cpu_percpu0

; CLAC, or a no-op of the same length until hv/cpu.c has seen SMAP. Entered by
; an interrupt, AC is still the guest's, which would switch SMAP off.
%macro CLAC 0
%%at:   db 0x0f, 0x1f, 0x00
[section .patch progbits alloc noexec nowrite align=4]
        dd %%at - $, 0
__?SECT?__
%endmacro

%macro PUSH_REGS 0
        push rdi
        push rsi
        push rdx
        push rcx
        push rax
        push r8
        push r9
        push r10
        push r11
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
%endmacro

%macro POP_REGS 0
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        pop r11
        pop r10
        pop r9
        pop r8
        pop rax
        pop rcx
        pop rdx
        pop rsi
        pop rdi
%endmacro

section .text.entry progbits alloc exec nowrite align=16

; From any vector with a stack of the CPU's own.
entry_common:
        PUSH_REGS
        cld
        CLAC
        test byte [rsp + REGS_CS], 3
        jz common_hypervisor
        swapgs
        xor ebp, ebp                ; ends a backtrace
        mov rdi, rsp
        call trap_dispatch
        cli
        POP_REGS
        add rsp, 8
        swapgs
global entry_iretq
entry_iretq:
        iretq

common_hypervisor:
        mov rdi, rsp
        lea rbp, [rsp + REGS_SIZE]
        push qword [rsp + REGS_RIP] ; a frame, for the backtrace
        push rbp
        mov rbp, rsp
        call trap_dispatch
        add rsp, 16
        POP_REGS
        add rsp, 8
        iretq

; From a vector with an IST stack. Of a guest, all but #DF go on on the normal
; stack, where they may be given to the guest like any other.
entry_ist:
        test byte [rsp + 16], 3     ; CS: behind the error code and RIP
        jz ist_hypervisor
        push rdi
        swapgs
        mov rdi, rsp
        mov rsp, [gs:PERCPU_STACK_TOP]
        swapgs
        push qword [rdi + 48]       ; ss
        push qword [rdi + 40]       ; rsp
        push qword [rdi + 32]       ; rflags
        push qword [rdi + 24]       ; cs
        push qword [rdi + 16]       ; rip
        push qword [rdi + 8]        ; error code and vector
        mov rdi, [rdi]
        jmp entry_common

ist_hypervisor:
        PUSH_REGS
        cld
        CLAC
        mov ecx, MSR_GS_BASE
        rdmsr
        shl rdx, 32
        or rax, rdx
        mov rbx, rax
        lea rax, [cpu_percpu0]
        mov rdx, rax
        shr rdx, 32
        wrmsr
        mov rdi, rsp
        call trap_dispatch
        mov ecx, MSR_GS_BASE
        mov rax, rbx
        mov rdx, rbx
        shr rdx, 32
        wrmsr
        POP_REGS
        add rsp, 8
        iretq

; The stubs. Vectors that push an error code: SDM vol. 3, table 6-1.
%macro STUB 1
stub_ %+ %1:
  %if %1 != 8 && (%1 < 10 || %1 > 14) && %1 != 17 && %1 != 21 && %1 != 29 && %1 != 30
        push 0
  %endif
        mov dword [rsp + 4], %1
  %if %1 == 1 || %1 == 2 || %1 == 8 || %1 == 18
        jmp entry_ist
  %else
        jmp entry_common
  %endif
%endmacro

%assign v 0
%rep 256
        STUB v
  %assign v v + 1
%endrep

section .rodata.entry progbits alloc noexec nowrite align=8
global entry_vectors
entry_vectors:
%assign v 0
%rep 256
        dq stub_ %+ v
  %assign v v + 1
%endrep

; Stacks, each above a page that cpu_guard_stacks() takes away.
section .bss.page nobits alloc noexec write align=4096
global hv_stack_guard, hv_boot_stack_top, hv_ist_guards
hv_stack_guard:
        resb 4096
        resb STACK_PAGES * 4096
hv_boot_stack_top:
hv_ist_guards:
        resb (IST_COUNT - 1) * 2 * 4096

section .note.GNU-stack noalloc noexec nowrite progbits
