; SPDX-License-Identifier: MIT
;
; The way in: the Multiboot2 header GRUB looks for, and the steps from 32-bit
; protected mode, paging off, to hv_main() in 64-bit mode. It is linked where
; it is loaded (see linker.ld), so plain addresses are right.
;
; The boot tables are provisional (everything writable and executable): they
; map the first 4 GiB at 0 and in the direct map, and 16 MiB from the load
; address at the linked address. hv/arch/paging.c replaces them.

bits 32
default abs

MB2_MAGIC     equ 0xe85250d6
MB2_LOADED    equ 0x36d76289
HV_LOAD       equ 0x200000

PTE_TABLE     equ 0x003             ; present, writable
PTE_SUPER     equ 0x083             ; present, writable, 2 MiB
SLOT_IMAGE    equ 261               ; 0xffff82d080000000
IMAGE_L3      equ 322
SLOT_DIRECT   equ 264               ; 0xffff840000000000

CR0_PE_PG     equ 0x80000001
CR4_PAE       equ 0x20
EFER          equ 0xc0000080
EFER_LME_NXE  equ 0x900

extern boot_tables_pa, boot_stack_top, boot_stack_pa, hv_main
extern refuse ; boot/refuse.asm

section .multiboot2 progbits alloc noexec nowrite align=8
header:
        dd MB2_MAGIC, 0, header.end - header
        dd -(MB2_MAGIC + (header.end - header)) & 0xffffffff
        align 8
        dw 1, 0                     ; information request
        dd .request_end - $ + 4
        dd 1, 3, 6                  ; command line, modules, memory map
.request_end:
        align 8
        dw 5, 1                     ; framebuffer: welcome, not needed
        dd 20, 0, 0, 0              ; any width, height, depth
        align 8
        dw 4, 1                     ; console: VGA text will do
        dd 12, 2
        align 8
        dw 6, 0                     ; modules at page boundaries
        dd 8
        dw 0, 0
        dd 8
.end:

section .boot progbits alloc exec nowrite align=16
global boot_entry
boot_entry:
        cli
        cld
        mov esp, boot_stack_pa
        xor ebp, ebp
        mov esi, text.loader
        cmp eax, MB2_LOADED
        jne refuse
        mov ebp, ebx                ; the boot information
        call check_processor

        call build_tables

        ; SDM vol. 3, 10.8.5: PAE, CR3, LME, then PG. Whatever the firmware or
        ; the loader had in CR4 goes: LA57 as well, which can be changed now
        ; only, while paging is off (2.5), as Multiboot2 promises.
        mov eax, CR4_PAE
        mov cr4, eax
        mov eax, boot_tables_pa
        mov cr3, eax
        mov ecx, EFER
        rdmsr
        or eax, EFER_LME_NXE
        wrmsr
        mov eax, cr0
        or eax, CR0_PE_PG
        mov cr0, eax
        lgdt [gdt.ptr]
        jmp 0x08:long_mode

; Tables: L4, L3 low (also direct map), L3 image, L2 image, four L2 low.
build_tables:
        mov edi, boot_tables_pa
        lea eax, [edi + 0x1000 + PTE_TABLE]
        mov [edi], eax
        mov [edi + SLOT_DIRECT * 8], eax
        lea eax, [edi + 0x2000 + PTE_TABLE]
        mov [edi + SLOT_IMAGE * 8], eax
        lea eax, [edi + 0x3000 + PTE_TABLE]
        mov [edi + 0x2000 + IMAGE_L3 * 8], eax

        xor ecx, ecx
        lea eax, [edi + 0x4000 + PTE_TABLE]
.l3:    mov [edi + 0x1000 + ecx * 8], eax
        add eax, 0x1000
        inc ecx
        cmp ecx, 4
        jne .l3

        xor ecx, ecx
        mov eax, PTE_SUPER
.l2:    mov [edi + 0x4000 + ecx * 8], eax
        add eax, 0x200000
        inc ecx
        cmp ecx, 4 * 512
        jne .l2

        xor ecx, ecx
        mov eax, HV_LOAD + PTE_SUPER
.image: mov [edi + 0x3000 + ecx * 8], eax
        add eax, 0x200000
        inc ecx
        cmp ecx, 8
        jne .image
        ret

; CPUID exists on whatever GRUB runs on that has long mode. What a leaf that is
; not there would say is no (SDM vol. 2, CPUID); SYSCALL an Intel processor
; shows in 64-bit mode only, so that hv/arch/cpu.c asks for it.
check_processor:
        mov edi, needed
.next:  mov esi, [edi + NEED_TEXT]
        mov eax, [edi + NEED_LEAF]
        and eax, 0x80000000
        cpuid
        cmp eax, [edi + NEED_LEAF]
        jb refuse
        mov eax, [edi + NEED_LEAF]
        cpuid
        test edx, [edi + NEED_EDX]
        jnz .has
        test ecx, [edi + NEED_ECX]
        jz refuse
.has:   add edi, NEED_SIZE
        cmp edi, needed.end
        jb .next
        ret

; A leaf, the one bit of its edx or ecx, and what is said if it is clear.
NEED_LEAF     equ 0
NEED_EDX      equ 4
NEED_ECX      equ 8
NEED_TEXT     equ 12
NEED_SIZE     equ 16
        align 4
needed: dd 0x80000001, 1 << 29, 0, text.long
        dd 0x80000001, 1 << 20, 0, text.nx
        dd 1, 0, 1 << 23, text.popcnt ; the compiler was told it may use it
        dd 1, 1 << 9, 0, text.apic
        dd 1, 1 << 13, 0, text.pge
.end:

text:
.loader db "(hv) not started by a Multiboot2 loader, such as GRUB", 0
.long   db "(hv) this processor has no 64-bit mode", 0
.nx     db "(hv) this processor has no NX bit, or the firmware's setup hides it", 0
.popcnt db "(hv) this processor is older than x86-64-v2: no POPCNT", 0
.apic   db "(hv) this processor has no local APIC, or the firmware disabled it", 0
.pge    db "(hv) this processor has no global pages", 0

        align 8
gdt:    dq 0
        dq 0x00af9b000000ffff       ; 64-bit code
        dq 0x00cf93000000ffff       ; data
.ptr:   dw $ - gdt - 1
        dq gdt

bits 64
long_mode:
        mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        xor eax, eax
        mov fs, eax
        mov gs, eax
        lldt ax
        mov rsp, boot_stack_top
        mov edi, ebp
        xor ebp, ebp                ; ends a backtrace
        mov rax, hv_main
        call rax
        ud2

section .bss.page nobits alloc noexec write align=4096
global boot_tables
boot_tables:
        resb 8 * 4096

section .note.GNU-stack noalloc noexec nowrite progbits
