; SPDX-License-Identifier: MIT
;
; thirtytwo.asm: a 32-bit program of Linux: the same system call by INT 0x80 and
; by what the kernel offers (the vDSO's entry: SYSENTER or SYSCALL, as the
; processor has it), from a place the C library would call it from. Both have
; to answer the same, and every register has to be what it was.

bits 32

SYS_exit    equ 1
SYS_write   equ 4
SYS_getpid  equ 20
AT_SYSINFO  equ 32

section .text
global _start
_start:
    mov esi, esp                ; argc, argv, 0, environment, 0, auxv
    lodsd
    lea esi, [esi + eax * 4 + 4]
environment:
    lodsd
    test eax, eax
    jnz environment
auxv:
    lodsd
    test eax, eax
    jz no_entry
    cmp eax, AT_SYSINFO
    lodsd
    jne auxv
    mov [entry], eax

    mov eax, SYS_getpid
    int 0x80
    mov [pid], eax
    mov ecx, 1000               ; a stray interrupt more or less
again:
    push ecx
    mov ebx, 0x11111111
    mov edx, 0x33333333
    mov esi, 0x44444444
    mov edi, 0x55555555
    mov ebp, 0x66666666
    mov eax, SYS_getpid
    call [entry]
    cmp eax, [pid]
    jne differs
    cmp ebx, 0x11111111
    jne differs
    cmp edx, 0x33333333
    jne differs
    cmp esi, 0x44444444
    jne differs
    cmp edi, 0x55555555
    jne differs
    cmp ebp, 0x66666666
    jne differs
    pop ecx
    loop again
    mov ecx, good
    mov edx, good_end - good
    jmp leave_with

no_entry:
    mov ecx, none
    mov edx, none_end - none
    jmp leave_with
differs:
    mov ecx, bad
    mov edx, bad_end - bad
leave_with:
    mov eax, SYS_write
    mov ebx, 1
    int 0x80
    mov eax, SYS_exit
    xor ebx, ebx
    int 0x80

section .rodata
good:   db "LINUX a 32-bit program: both ways agree", 10
good_end:
bad:    db "LINUX fail: a 32-bit program: the two ways differ", 10
bad_end:
none:   db "LINUX fail: a 32-bit program finds no entry of the vDSO", 10
none_end:

section .bss
entry:  resd 1
pid:    resd 1
