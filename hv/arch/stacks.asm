; SPDX-License-Identifier: MIT
;
; stacks.asm: the stacks of the processor, each above a page that
; cpu_guard_stacks() takes away: the one all work is done on, which boot has
; too, and one for each kind of entry that may not share.

bits 64

STACK_PAGES     equ 4               ; as in hv/arch/cpu.c
IST_COUNT       equ 5
IST_PAGES       equ 2

section .bss.page nobits alloc noexec write align=4096
global hv_stack_guard, hv_boot_stack_top, hv_ist_guards
hv_stack_guard:
        resb 4096
        resb STACK_PAGES * 4096
hv_boot_stack_top:
hv_ist_guards:
        resb (IST_COUNT - 1) * (1 + IST_PAGES) * 4096

section .note.GNU-stack noalloc noexec nowrite progbits
