; SPDX-License-Identifier: MIT
;
; discharge.asm: what is owed is discharged (hv/domain/tlb.h) from the middle of
; C that counts on no call, so with no stack alignment and all registers in use.
; Not often.

bits 64

extern cpu_discharge

section .text.discharge progbits alloc exec nowrite align=16
global cpu_discharge_aside
cpu_discharge_aside:
        push rbp
        mov rbp, rsp
        push rax
        push rcx
        push rdx
        push rsi
        push rdi
        push r8
        push r9
        push r10
        push r11
        and rsp, -16
        call cpu_discharge
        lea rsp, [rbp - 9 * 8]
        pop r11
        pop r10
        pop r9
        pop r8
        pop rdi
        pop rsi
        pop rdx
        pop rcx
        pop rax
        pop rbp
        ret

section .note.GNU-stack noalloc noexec nowrite progbits
