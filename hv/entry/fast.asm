; SPDX-License-Identifier: MIT
;
; fast.asm: the fast paths that a guest's kernel and its programs go all the time,
; without C: an exception or a system call given to the guest's kernel, and
; the iret hypercall back. hv/domain/bounce.c draws the frames and does all that is
; not taken care of here; whatever looks unusual goes there, nothing changed.
;
; What it is worth: an exception bounced and taken back by iret (guest/bench) is
; 135 instructions by this file and 526 by C alone, as `fast=off` has it
; (hv/entry/patch.c). Both must come to the same: tests/boot/fast compares them.
;
; Invariants as there. The guest's memory is touched only above the
; hypervisor's range, on the CPU's own stack, and a fault goes to a label.
; Nothing is owed (mm/alloc/owed.h): it comes straight from a guest.

%include "offsets.inc"
%include "hv/entry/entry.inc"

default rel
bits 64

extern common_guest, entry_common, entry_hypercall, exit_long, exit_iretq
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

; From a guest: the processor has pushed into regs; the word of error code and
; vector is there, too. RSI is behind what is pushed here, EAX is the vector.
%macro FROM_GUEST 0
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
%endmacro

; With code 0 it may be a privileged instruction, and INT n has one that says
; so (emulate_soft_interrupt()).
global fast_general_protection
fast_general_protection:
        FROM_GUEST
        mov ecx, [R(ERROR)]
        test ecx, ecx
        jz slow
        and ecx, 7
        cmp ecx, 2
        je slow
        jmp exception

; If it does not begin as the prefix of emulate_forced() does. The last of those
; bytes has to be there: without, C says that it is not.
global fast_invalid_opcode
fast_invalid_opcode:
        FROM_GUEST
        mov rcx, [R(RIP)]
        mov rdi, rcx
        shr rdi, 43
        cmp edi, HV_TOP_BITS
        je slow
        STAC
        GUEST slow, mov ecx, [rcx + 1]
        CLAC
        cmp ecx, FORCED_PREFIX
        je slow
        jmp exception

; A vector that the hypervisor itself has no use for.
global fast_exception
fast_exception:
        FROM_GUEST
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
        movzx eax, byte [R(VECTOR)] ; of a system call: 0
        bt [with_code], eax
        jc frame_error
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

; SLOW is others' to change at any moment: who is in its kernel still goes to C.
deliver_user:
        cmp word [V(IN_KERNEL)], 0
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
; store to what is present (a page table, perhaps), if it wants those emulated.
global fast_page_fault
fast_page_fault:
        FROM_GUEST
        mov rcx, cr2
        mov rdi, rcx
        shr rdi, 43
        cmp edi, HV_TOP_BITS
        je slow
        mov rdi, [V(DOMAIN)]
        mov r8d, [rdi + DOMAIN_ABSENT]
        cmp r8d, [V(ABSENT_SEEN)]
        jne slow
        cmp byte [V(IN_KERNEL)], 0
        je page_fault_user
        mov r8d, [R(ERROR)]
        and r8d, PAGE_FAULT_STORE
        cmp r8d, PAGE_FAULT_STORE
        je page_fault_store
page_fault_kernel:
        and dword [R(ERROR)], ~PAGE_FAULT_USER
page_fault_user:
        inc qword [V(FAULTS)]
        mov rdi, [V(INFO)]
        mov [rdi + INFO_CR2], rcx
        jmp exception
page_fault_store:
        test byte [rdi + DOMAIN_VM_ASSIST], ASSIST_TABLES
        jz page_fault_kernel
        jmp slow

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

; From entry_syscall: RSP is behind regs, nothing is in them yet. RAX, RCX and R11
; come from the frame, so they are free; all others are the guest's still. What
; it cannot do it leaves to C, as if it had never been here. R11 is behind regs,
; for an access that faults needs a stack.
%define I(field)        r11 + REGS_ %+ field - REGS_SIZE
%define W(field)        r11 + VCPU_ %+ field - VCPU_REGS_END
global fast_iret, fast_iret_give_up
fast_iret:
        mov rax, [gs:PERCPU_GUEST_RSP]
        cmp rax, [hv_end]
        jb fast_iret_give_up
        cmp byte [rsp + VCPU(SLOW)], 0
        jne fast_iret_give_up
        mov [rsp + REG(R10)], rcx   ; for as long: RIP in regs is the frame's
        mov [rsp + REG(RFLAGS)], r11
        mov r11, rsp
        mov rsp, [gs:PERCPU_STACK_TOP]
        STAC
        GUEST iret_fault, mov rcx, [rax + IRET_RIP]
        mov [I(RIP)], rcx
        GUEST iret_fault, mov rcx, [rax + IRET_RSP]
        mov [I(RSP)], rcx
        GUEST iret_fault, movzx ecx, word [rax + IRET_SS]
        or ecx, 3
        mov [I(SS)], rcx
        GUEST iret_fault, mov rcx, [rax + IRET_RCX]
        mov [I(RCX)], rcx
        GUEST iret_fault, mov rcx, [rax + IRET_R11]
        mov [I(R11)], rcx
        GUEST iret_fault, movzx ecx, word [rax + IRET_CS]
        mov [I(CS)], rcx
        or byte [I(CS)], 3
        not ecx
        test cl, 3                  ; level 3: to user mode
        jz iret_user
        GUEST iret_fault, test dword [rax + IRET_FLAGS], IRET_IN_SYSCALL
        jnz iret_fault              ; of a kernel: rare
        GUEST iret_fault, mov ecx, [rax + IRET_RFLAGS]
        GUEST iret_fault, mov rax, [rax + IRET_RAX]
        CLAC
        mov [I(RAX)], rax

; ECX is RFLAGS of the frame, RAX will be at vcpu_info.
%macro IRET_FLAGS_MASK 0
        mov rax, [W(INFO)]
        bt ecx, 9
        setnc [rax + INFO_MASK]
        and ecx, RFLAGS_FREE
        or ecx, RFLAGS_FORCED
        mov [I(RFLAGS)], rcx
        inc qword [W(HYPERCALLS)]
%endmacro

        IRET_FLAGS_MASK
        cmp word [rax], UPCALL_WANTED
        je iret_events
iret_leave:
        mov rax, [I(RAX)]
        mov rcx, [I(RCX)]
        lea rsp, [I(RIP)]
        mov r11, [I(R11)]
        jmp exit_iretq

iret_user:
        cmp qword [W(ROOT_USER)], -1
        je iret_fault
        GUEST iret_fault, mov ecx, [rax + IRET_FLAGS]
        mov [I(RDX)], rdx
        mov edx, ecx
        GUEST iret_user_fault, mov ecx, [rax + IRET_RFLAGS]
        GUEST iret_user_fault, mov rax, [rax + IRET_RAX]
        CLAC
        mov [I(RAX)], rax
        IRET_FLAGS_MASK
        test edx, IRET_IN_SYSCALL
        jnz iret_in_syscall
iret_switch:
        SWITCH_GS W(GS_KERNEL), W(GS_USER)
        mov rax, [W(ROOT_USER)]
        shl rax, 12
        mov cr3, rax
        mov byte [W(IN_KERNEL)], 0
        mov rax, [W(INFO)]
        mov rdx, [I(RDX)]
        cmp word [rax], UPCALL_WANTED
        jne iret_leave

; RAX, RCX and R11 are in regs.
iret_events:
        mov [I(RDX)], rdx
        mov [I(RDI)], rdi
        mov [I(RSI)], rsi
        mov [I(R8)], r8
        mov [I(R9)], r9
        mov [I(R10)], r10
        mov [I(RBX)], rbx
        mov [I(RBP)], rbp
        mov [I(R12)], r12
        mov [I(R13)], r13
        mov [I(R14)], r14
        mov [I(R15)], r15
        jmp exit_long

iret_in_syscall:                    ; as SYSRET would leave them
        mov [I(R11)], rcx
        mov rcx, [I(RIP)]
        mov [I(RCX)], rcx
        jmp iret_switch

iret_user_fault:
        mov rdx, [I(RDX)]
iret_fault:
        CLAC
        mov rsp, r11
        mov rcx, [rsp + REG(R10)]
        mov r11, [rsp + REG(RFLAGS)]
fast_iret_give_up:
        mov eax, HYPERCALL_IRET
        jmp entry_hypercall

; The one in the table.
global hypercall_iret
hypercall_iret:
        jmp hypercall_iret_slow

section .rodata.entry progbits alloc noexec nowrite align=8
hv_end: dq HV_END_HIGH << 40
with_code:                          ; #TS #NP #SS #GP #PF #AC
        dd 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17

section .note.GNU-stack noalloc noexec nowrite progbits
