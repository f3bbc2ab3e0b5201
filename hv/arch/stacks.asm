; SPDX-License-Identifier: MIT
;
; stacks.asm: the stacks of the boot CPU, as hv/arch/stacks.h says, each above a
; page that cpu_guard_stacks() takes away. Boot has the first of them, too.

bits 64

STACK_PAGES     equ 4               ; as in hv/arch/stacks.h
IST_COUNT       equ 5
IST_PAGES       equ 2

section .bss.page nobits alloc noexec write align=4096
global hv_stack_guard, hv_boot_stack_top
hv_stack_guard:
        resb 4096
        resb STACK_PAGES * 4096
hv_boot_stack_top:
        resb (IST_COUNT - 1) * (1 + IST_PAGES) * 4096

section .note.GNU-stack noalloc noexec nowrite progbits
