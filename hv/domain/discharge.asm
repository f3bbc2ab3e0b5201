; SPDX-License-Identifier: MIT
;
; discharge.asm: what is owed is discharged (hv/domain/tlb.h) aside.

%include "hv/arch/aside.inc"

bits 64

extern cpu_discharge

section .text.discharge progbits alloc exec nowrite align=16
ASIDE cpu_discharge_aside, cpu_discharge

section .note.GNU-stack noalloc noexec nowrite progbits
