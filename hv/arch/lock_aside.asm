; SPDX-License-Identifier: MIT
;
; lock_aside.asm: a lock is waited for (mm/base/lock.h) aside.

%include "hv/arch/aside.inc"

bits 64

extern port_lock_wait

section .text.lock progbits alloc exec nowrite align=16
ASIDE port_lock_wait_aside, port_lock_wait

section .note.GNU-stack noalloc noexec nowrite progbits
