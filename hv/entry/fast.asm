; SPDX-License-Identifier: MIT
;
; fast.asm: the fast paths that a guest's kernel and its programs go all the time,
; without C: an exception or a system call given to the guest's kernel, and
; the iret hypercall back. hv/domain/bounce.c draws the frames and does all that is
; not taken care of here; whatever looks unusual goes there, nothing changed.
;
; What it is worth: an exception bounced and taken back by iret (guest/bench) is
; 147 instructions by this file and 461 by C alone, as `fast=off` has it
; (hv/entry/patch.c). Both must come to the same: tests/boot/fast compares them.
;
; Invariants as there. The guest's memory is touched only above the
; hypervisor's range, on the CPU's own stack, and a fault goes to a label.
; Nothing is owed (mm/alloc/owed.h): it comes straight from a guest.

%include "offsets.inc"
%include "hv/entry/entry.inc"

default rel
bits 64

extern common_guest, entry_common, exit_long, exit_iretq
extern bounce_bad_stack, hypercall_iret_slow

; mov to or from the guest's memory; a fault goes on at the label. In one line of
; data $ is where that begins, for each item of it: so there are two.
%macro GUEST 2+
%%at:   %2
[section .extable progbits alloc noexec nowrite align=4]
        dd %%at - $
        dd %1 - $
__?SECT?__
%endmacro

; The GS base of one mode is kept at %1, that of the other comes from %2.
; Clobbers RAX, RCX, RDX.
%macro SWITCH_GS 2
        mov ecx, MSR_KERNEL_GS
        rdmsr
        mov [%1], eax
        mov [%1 + 4], edx
        mov eax, [%2]
        mov edx, [%2 + 4]
        wrmsr
%endmacro

section .text.entry progbits alloc exec nowrite align=16

; Fields as RSI sees them, which is at regs.r8.
%define R(field)        rsi + REGS_ %+ field - REGS_R8
%define V(field)        rsi + VCPU_ %+ field - VCPU_REGS - REGS_R8

; A vector that the hypervisor itself has no use for, or #PF. The processor
; has pushed into regs; the word of error code and vector is there, too.
global fast_exception
fast_exception:
        test byte [rsp + REGS_CS - REGS_ERROR], 3
        jz entry_common
        swapgs
        push rdi
        push rsi
        push rdx
        push rcx
        push rax
        push r8
        mov rsi, rsp
        mov rsp, [gs:PERCPU_STACK_TOP]
        movzx eax, byte [R(VECTOR)]
        cmp eax, VECTOR_PF
        je page_fault
exception:
        inc qword [V(EXCEPTIONS)]
        shl eax, 4                  ; sizeof(struct trap_info)
        lea r8, [V(TRAPS) + rax]

; R8: a struct trap_info. RDI becomes the lowest word of the longer frame,
; RDX the CS in it.
deliver:
        cmp qword [r8 + TRAP_ADDRESS], 0
        je slow_counted
        cmp word [V(IN_KERNEL)], 1  ; and not SLOW, the byte behind it
        jne deliver_user
        mov rdi, [R(RSP)]
        and rdi, -16
        sub rdi, 64
        cmp rdi, [hv_end]
        jb slow_counted
        mov rdx, [R(CS)]
        and rdx, -4                 ; says that it was in its kernel
frame:
        STAC
        mov rax, [R(SS)]
        GUEST bad_stack, mov [rdi + 56], rax
        mov rax, [R(RSP)]
        GUEST bad_stack, mov [rdi + 48], rax
        mov rcx, [V(INFO)]
        movzx ecx, byte [rcx + INFO_MASK]
        mov rax, [R(RFLAGS)]        ; IF is set, IOPL is 0
        test ecx, ecx
        jz frame_unmasked
        btr rax, 9
frame_unmasked:
        GUEST bad_stack, mov [rdi + 40], rax
        shl rcx, 32
        or rdx, rcx
        GUEST bad_stack, mov [rdi + 32], rdx
        mov rax, [R(RIP)]
        GUEST bad_stack, mov [rdi + 24], rax
        mov rcx, [R(RCX)]
        cmp byte [R(VECTOR)], VECTOR_PF
        je frame_error
        add rdi, 8
frame_low:
        GUEST bad_stack, mov [rdi], rcx
        GUEST bad_stack, mov [rdi + 8], r11
        CLAC
        test byte [r8 + TRAP_FLAGS], TRAP_IF
        jz enter_guest
        mov rcx, [V(INFO)]
        mov byte [rcx + INFO_MASK], 1
enter_guest:
        mov rcx, [r8 + TRAP_ADDRESS] ; canonical: checked when it was set
        mov r11, [R(RFLAGS)]
        and r11d, ~BOUNCE_CLEARED
        mov rax, [R(RAX)]
        mov rdx, [R(RDX)]
        mov r8, [R(R8)]
        mov rsp, rdi
        mov rdi, [R(RDI)]
        mov rsi, [R(RSI)]
global exit_fast_sysret
exit_fast_sysret:
        swapgs
        o64 sysret

frame_error:
        mov eax, [R(ERROR)]
        GUEST bad_stack, mov [rdi + 16], rax
        jmp frame_low

deliver_user:
        cmp byte [V(SLOW)], 0
        jne slow_counted
        mov rdi, [V(KERNEL_SP)]
        and rdi, -16
        sub rdi, 64
        cmp rdi, [hv_end]
        jb slow_counted
        SWITCH_GS V(GS_USER), V(GS_KERNEL)
        mov rax, [V(ROOT_KERNEL)]
        shl rax, 12
        mov cr3, rax
        mov byte [V(IN_KERNEL)], 1
        mov rdx, [R(CS)]
        jmp frame

; Not for an address of the hypervisor's (a late LDT page), nor where an entry
; may have been absent for a moment only (hv/domain/retry.h), nor for a kernel's
; store to what is present (a page table, perhaps).
page_fault:
        mov rcx, cr2
        mov rdi, rcx
        shr rdi, 43
        cmp edi, HV_TOP_BITS
        je slow
        mov rdi, [V(DOMAIN)]
        mov edi, [rdi + DOMAIN_ABSENT]
        cmp edi, [V(ABSENT_SEEN)]
        jne slow
        cmp byte [V(IN_KERNEL)], 0
        je page_fault_user
        mov edi, [R(ERROR)]
        and edi, PAGE_FAULT_STORE
        cmp edi, PAGE_FAULT_STORE
        je slow
        and dword [R(ERROR)], ~PAGE_FAULT_USER
page_fault_user:
        inc qword [V(FAULTS)]
        mov rdi, [V(INFO)]
        mov [rdi + INFO_CR2], rcx
        jmp exception

; SYSCALL of guest user mode; RSP is behind regs.
global fast_syscall, fast_syscall_deliver
fast_syscall:
        push SELECTOR_GUEST_SS
        push qword [gs:PERCPU_GUEST_RSP]
        push r11
        push SELECTOR_GUEST_CS64
        push rcx
        push 0
        mov dword [rsp + 4], VECTOR_SYSCALL
        push rdi
        push rsi
        push rdx
        push rcx
        push rax
        push r8
        mov rsi, rsp
        mov rsp, [gs:PERCPU_STACK_TOP]
        lea r8, [V(SYSCALL)]
fast_syscall_deliver:
        jmp strict near deliver

; All of regs, then C.
%macro REST_OF_REGS 0
        mov rsp, rsi
        push r9
        push r10
        push r11
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
        cld
        CLAC
%endmacro

; C counts it, so it must not have been counted here.
slow_counted:
        mov eax, [R(VECTOR)]
        cmp eax, VECTOR_SYSCALL
        je slow
        dec qword [V(EXCEPTIONS)]
        cmp eax, VECTOR_PF
        jne slow
        dec qword [V(FAULTS)]
global fast_give_up
fast_give_up:
slow:
        REST_OF_REGS
        jmp common_guest

bad_stack:
        REST_OF_REGS
        mov rsp, [gs:PERCPU_STACK_TOP]
        xor ebp, ebp
        call bounce_bad_stack
        jmp exit_long

; --- the iret hypercall ----------------------------------------------------

; Called like a handler; what it cannot do it leaves to C, on the same stack. RSI
; is behind regs; RDI is at the guest's struct iret_context.
global hypercall_iret, fast_iret_give_up
hypercall_iret:
        mov rdi, [gs:PERCPU_GUEST_RSP]
        cmp rdi, [hv_end]
        jb iret_slow
        mov rsi, [gs:PERCPU_REGS_END]
        cmp byte [rsi + VCPU(SLOW)], 0
        jne iret_slow
        STAC
        GUEST iret_fault, mov rax, [rdi + IRET_RIP]
        mov [rsi + REG(RIP)], rax
        GUEST iret_fault, mov rax, [rdi + IRET_RSP]
        mov [rsi + REG(RSP)], rax
        GUEST iret_fault, movzx eax, word [rdi + IRET_SS]
        or eax, 3
        mov [rsi + REG(SS)], rax
        GUEST iret_fault, mov r8d, [rdi + IRET_FLAGS]
        GUEST iret_fault, movzx r9d, word [rdi + IRET_CS]
        GUEST iret_fault, mov r10d, [rdi + IRET_RFLAGS]
        GUEST iret_fault, mov rcx, [rdi + IRET_RCX]
        GUEST iret_fault, mov r11, [rdi + IRET_R11]
        GUEST iret_fault, mov rax, [rdi + IRET_RAX]
        CLAC
        mov edx, r9d
        or r9d, 3
        mov [rsi + REG(CS)], r9
        cmp edx, r9d                ; level 3: to user mode
        je iret_user
iret_mode:
        mov rdx, [rsi + VCPU(INFO)]
        bt r10d, 9
        setnc [rdx + INFO_MASK]
        and r10d, RFLAGS_FREE
        or r10d, RFLAGS_FORCED
        mov [rsi + REG(RFLAGS)], r10
        test r8d, IRET_IN_SYSCALL
        jnz iret_in_syscall
iret_leave:
        cmp word [rdx], UPCALL_WANTED
        je iret_events
        mov rdx, [rsi + REG(RDX)]
        mov rdi, [rsi + REG(RDI)]
        mov r8, [rsi + REG(R8)]
        mov r9, [rsi + REG(R9)]
        mov r10, [rsi + REG(R10)]
        lea rsp, [rsi + REG(RIP)]
        mov rsi, [rsi + REG(RSI)]
        jmp exit_iretq

iret_in_syscall:                    ; as SYSRET would leave them
        mov rcx, [rsi + REG(RIP)]
        mov r11, r10
        jmp iret_leave

iret_user:
        cmp qword [rsi + VCPU(ROOT_USER)], -1
        je iret_slow
        mov [rsi + REG(RAX)], rax
        mov [rsi + REG(RCX)], rcx
        SWITCH_GS rsi + VCPU(GS_KERNEL), rsi + VCPU(GS_USER)
        mov rax, [rsi + VCPU(ROOT_USER)]
        shl rax, 12
        mov cr3, rax
        mov byte [rsi + VCPU(IN_KERNEL)], 0
        mov rax, [rsi + REG(RAX)]
        mov rcx, [rsi + REG(RCX)]
        jmp iret_mode

iret_events:
        mov [rsi + REG(RAX)], rax
        mov [rsi + REG(RCX)], rcx
        mov [rsi + REG(R11)], r11
        mov [rsi + REG(RBX)], rbx
        mov [rsi + REG(RBP)], rbp
        mov [rsi + REG(R12)], r12
        mov [rsi + REG(R13)], r13
        mov [rsi + REG(R14)], r14
        mov [rsi + REG(R15)], r15
        jmp exit_long

iret_fault:
        CLAC
fast_iret_give_up:
iret_slow:
        jmp hypercall_iret_slow

section .rodata.entry progbits alloc noexec nowrite align=8
hv_end: dq HV_END_HIGH << 40

section .note.GNU-stack noalloc noexec nowrite progbits
