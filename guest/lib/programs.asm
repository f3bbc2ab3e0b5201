; SPDX-License-Identifier: MIT
;
; programs.asm: programs for the guest's user mode. They are copied to a page of
; their own, so they refer to nothing but their registers.

bits 64
default rel

%define EXIT_RAX  42
%define USER_DATA 0x401000

section .rodata progbits alloc noexec nowrite align=16

%macro program 1
global %1, %1_end
%1:
%endmacro

program user_exit
    mov eax, EXIT_RAX
    syscall
    ud2
user_exit_end:

program user_add
    mov r8d, USER_DATA
    add [r8], rdi
    mov rdi, [r8]
    mov eax, EXIT_RAX
    syscall
    ud2
user_add_end:

program user_load
    mov rdi, [rdi]
    mov eax, EXIT_RAX
    syscall
    ud2
user_load_end:

program user_store
    mov [rdi], rdi
    mov eax, EXIT_RAX
    syscall
    ud2
user_store_end:

program user_ud
    ud2
user_ud_end:

program user_bp
    int3
    mov eax, EXIT_RAX
    syscall
    ud2
user_bp_end:

program user_int80
    int 0x80
    ud2
user_int80_end:

program user_int40
    int 0x40
    ud2
user_int40_end:

program user_hlt
    hlt
    ud2
user_hlt_end:

program user_readcr3
    mov rax, cr3
    ud2
user_readcr3_end:

program user_divide
    xor ecx, ecx
    mov eax, 1
    cdq
    idiv ecx
    ud2
user_divide_end:

program user_loop
    jmp user_loop
user_loop_end:

program user_gs
    mov rdi, [gs:0]
    mov eax, EXIT_RAX
    syscall
    ud2
user_gs_end:

program user_sysenter
    sysenter
    ud2
user_sysenter_end:

; Two bytes in either mode.
program user_syscall
    syscall
    ud2
user_syscall_end:

program user_rdtsc
    rdtsc
    mov eax, EXIT_RAX
    syscall
    ud2
user_rdtsc_end:

; A byte from port rdi, and to it.
program user_port
    mov edx, edi
    out dx, al
    in al, dx
    movzx edi, al
    mov eax, EXIT_RAX
    syscall
    ud2
user_port_end:

; rdi bytes into USER_DATA, and out of it.
program user_port_string
    mov edx, 0x80
    mov ecx, edi
    mov edi, USER_DATA
    rep insb
    mov esi, USER_DATA
    outsw
    sub rdi, rsi
    mov eax, EXIT_RAX
    syscall
    ud2
user_port_string_end:

program user_in
    mov edx, 0x3f8
    in al, dx
    ud2
user_in_end:

program user_jump
    jmp rdi
user_jump_end:

; --- in a compatibility mode segment: they end by int 0x80 ---

bits 32

; A byte to port edi, and four from it.
program user_port32
    mov edx, edi
    out dx, al
    in eax, dx
    mov edi, eax
    mov eax, EXIT_RAX
    int 0x80
    ud2
user_port32_end:

; edi >> 16 bytes to offset 0 of segment di, and four out of it.
program user_string32
    mov ecx, edi
    shr ecx, 16
    mov es, edi
    mov ds, edi
    xor edi, edi
    xor esi, esi
    mov edx, 0x80
    rep insb
    outsd
    add edi, esi
    mov eax, EXIT_RAX
    int 0x80
    ud2
user_string32_end:

; Two bytes by 16-bit addresses: the upper halves stay.
program user_string16
    mov es, edi
    mov edi, 0x30000
    mov ecx, 0x50002
    mov edx, 0x80
    a16 rep insb
    add edi, ecx
    mov eax, EXIT_RAX
    int 0x80
    ud2
user_string16_end:

; Four bytes from ss:edi, and from the segment it runs in.
program user_override32
    mov edx, 0x80
    mov esi, edi
    ss outsd
    xor esi, esi
    cs outsd
    mov edi, esi
    mov eax, EXIT_RAX
    int 0x80
    ud2
user_override32_end:

bits 16

; Two bytes from port di.
program user_port16
    mov dx, di
    xor eax, eax
    in ax, dx
    mov edi, eax
    mov eax, EXIT_RAX
    int 0x80
    ud2
user_port16_end:

section .note.GNU-stack noalloc noexec nowrite progbits
