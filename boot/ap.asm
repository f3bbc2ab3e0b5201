; SPDX-License-Identifier: MIT
;
; ap.asm: the way in of every processor but the boot CPU: from the real mode
; that a startup IPI leaves it in (SDM vol. 3, 9.4.4) to smp_enter() in 64-bit
; mode. hv/arch/smp.c copies the first part to a page below 1 MiB; it goes on by
; the boot tables (boot/header.asm), which map that page where it is and the
; image where it is linked, to the second part, which is in the image, and
; there to the hypervisor's own tables and a stack.
;
; Nothing of the first part depends on where it lies, and nothing on who comes:
; one does at a time.

extern boot_tables_pa, smp_cr3, smp_stack, smp_enter

CR0_ET_PE     equ 0x11              ; and so caches on: no CD, no NW
CR0_ET_PE_PG  equ 0x80000011
CR4_PAE       equ 0x20
EFER          equ 0xc0000080
EFER_LME_NXE  equ 0x900

SEL_CODE64    equ 0x08
SEL_DATA      equ 0x10
SEL_CODE32    equ 0x18

%define AT(label) label - ap_begin  ; in the page

section .rodata.ap progbits alloc noexec nowrite align=16
global ap_begin, ap_end

bits 16
ap_begin:
        cli
        cld
        mov ax, cs
        mov ds, ax
        movzx ebx, ax
        shl ebx, 4                  ; where this is
        lea eax, [ebx + AT(gdt)]
        mov [AT(gdt_ptr) + 2], eax
        lea eax, [ebx + AT(in_protected)]
        mov [AT(to_protected)], eax
        lea eax, [ebx + AT(in_long)]
        mov [AT(to_long)], eax
        o32 lgdt [AT(gdt_ptr)]
        mov eax, CR0_ET_PE
        mov cr0, eax
        o32 jmp far [AT(to_protected)]

bits 32
in_protected:
        mov eax, SEL_DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        ; SDM vol. 3, 10.8.5: PAE, CR3, LME, then PG.
        mov eax, CR4_PAE
        mov cr4, eax
        mov eax, boot_tables_pa
        mov cr3, eax
        mov ecx, EFER
        rdmsr
        or eax, EFER_LME_NXE
        wrmsr
        mov eax, CR0_ET_PE_PG
        mov cr0, eax
        jmp far [ebx + AT(to_long)]

bits 64
in_long:
        mov rax, ap_image
        jmp rax

        align 8
gdt:    dq 0
        dq 0x00af9b000000ffff       ; 64-bit code
        dq 0x00cf93000000ffff       ; data
        dq 0x00cf9b000000ffff       ; 32-bit code
gdt_ptr:
        dw $ - gdt - 1
        dd 0
        align 8
to_protected:
        dd 0
        dw SEL_CODE32
        align 8
to_long:
        dd 0
        dw SEL_CODE64
ap_end:

section .text progbits alloc exec nowrite align=16
default rel
ap_image:
        mov rax, [smp_cr3]
        mov cr3, rax
        mov rsp, [smp_stack]
        xor eax, eax
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov fs, eax
        mov gs, eax
        xor ebp, ebp                ; ends a backtrace
        call smp_enter
        ud2

section .note.GNU-stack noalloc noexec nowrite progbits
