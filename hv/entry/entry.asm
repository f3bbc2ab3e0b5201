; SPDX-License-Identifier: MIT
;
; entry.asm: every way into the hypervisor and out of it again.
;
; Frame (struct regs, hv/arch/regs.h), from high to low addresses:
;       ss rsp rflags cs rip            pushed by the processor
;       error code and vector           one word; the code is 0 if there is none
;       rdi rsi rdx rcx rax             pushed here
;       r8 r9 r10 r11 rbx rbp r12 r13 r14 r15
;
; In the hypervisor GS is always the per-CPU area. From a guest it takes a
; swapgs; on an IST stack (NMI, #DF, #MC, #DB) what GS holds is not known, so
; the base is saved, and set by MSR to what lies where that stack begins.
;
; From a guest the frame lies in current_vcpu()->regs itself: TSS.RSP0 and
; PERCPU_REGS_END point behind it. C then runs on the CPU's one stack. No
; interrupt is taken in the hypervisor, so nothing below RSP is ever disturbed.
;
; A hypercall stores only what C may clobber. What C preserves still holds the
; guest's values when the handler returns; the fast path out leaves them where
; they are, the slow path (work to do, another vCPU to run) stores them first.
;
; The last two instructions of each way out are patched where a profile is
; wanted (hv/entry/patch.h).
;
; Labels here are never local (.name): NASM would tie them to whatever label a
; macro defines last.

%include "offsets.inc"

default rel
bits 64

extern trap_dispatch, trap_iret_fault, exit_work, hypercall_complete_regs
extern fast_exception, fast_invalid_opcode, fast_general_protection
extern fast_page_fault, fast_syscall, fast_iret
extern traced_call, profiled_iretq

%include "hv/entry/entry.inc"

section .text.entry progbits alloc exec nowrite align=16

; From any vector with a stack of the CPU's own.
global entry_common
entry_common:
        PUSH_REGS
        cld
        CLAC
        test byte [rsp + REGS_CS], 3
        jz common_hypervisor
        swapgs
global common_guest
common_guest:                       ; regs are complete, RSP is at them
        xor ebp, ebp                ; ends a backtrace
        mov rdi, rsp
        mov rsp, [gs:PERCPU_STACK_TOP]
        call trap_dispatch
        mov rsp, [gs:PERCPU_REGS_END]
        mov rdx, [rsp + VCPU(INFO)]
        cmp word [rdx], UPCALL_WANTED
        je exit_long
        cmp qword [gs:PERCPU_WORK], 0 ; nor anything owed: exit.c says so
        jne exit_long
        sub rsp, REGS_SIZE
exit_regs:
        POP_REGS
        add rsp, 8
global exit_iretq
exit_iretq:                         ; RSP is at RIP in regs
        swapgs
entry_iretq:
        iretq

common_hypervisor:
        lea rax, [entry_iretq]
        cmp [rsp + REGS_RIP], rax
        je common_iret_fault
        lea rax, [profiled_iretq]
        cmp [rsp + REGS_RIP], rax
        je common_iret_fault
        mov rdi, rsp
        lea rbp, [rsp + REGS_SIZE]
        push qword [rsp + REGS_RIP] ; a frame, for the backtrace
        push rbp
        mov rbp, rsp
        call trap_dispatch
        add rsp, 16
        POP_REGS
        add rsp, 8
        iretq

; The IRETQ to a guest faulted. Its frame is intact in regs, the registers are
; in the one just pushed: put together, it is a fault of the guest's.
global common_iret_fault
common_iret_fault:
        swapgs
        mov rdi, rsp
        mov rsp, [gs:PERCPU_STACK_TOP]
        call trap_iret_fault
        mov rsp, [gs:PERCPU_REGS_END]
        sub rsp, REGS_SIZE
        jmp common_guest

; The slow path out. PERCPU_VCPU may be another vCPU afterwards.
global exit_long
exit_long:
        mov rsp, [gs:PERCPU_STACK_TOP]
        xor ebp, ebp
        call exit_work
        mov rsp, [gs:PERCPU_REGS_END]
        sub rsp, REGS_SIZE
        jmp exit_regs

global exit_to_guest
exit_to_guest equ exit_long

; SYSCALL: RCX is RIP, R11 is RFLAGS, RSP is the guest's. SFMASK has cleared
; IF, DF, TF, NT and AC. What SYSRET restores by itself (CS, SS) and what stays
; in PERCPU_GUEST_RSP is put into regs on the slow path only.
global entry_syscall
entry_syscall:
        swapgs
        mov [gs:PERCPU_GUEST_RSP], rsp
        mov rsp, [gs:PERCPU_REGS_END]
global entry_syscall_regs
entry_syscall_regs:
        cmp byte [rsp + VCPU(IN_KERNEL)], 0
        je fast_syscall             ; the guest's kernel gets it
        cmp rax, HYPERCALL_IRET
        je fast_iret
global entry_hypercall
entry_hypercall:                    ; also the iret that fast.asm leaves to C
        mov [rsp + REG(RIP)], rcx
        mov [rsp + REG(RFLAGS)], r11
        mov [rsp + REG(RDI)], rdi
        mov [rsp + REG(RSI)], rsi
        mov [rsp + REG(RDX)], rdx
        mov [rsp + REG(R8)], r8
        mov [rsp + REG(R9)], r9
        mov [rsp + REG(R10)], r10
        inc qword [rsp + VCPU(HYPERCALLS)]
        cmp rax, HYPERCALL_COUNT
        jae syscall_unknown
        mov rcx, r10                ; the fourth argument, as C has it
        mov r10, [rsp + VCPU(CALLS)]
        mov rsp, [gs:PERCPU_STACK_TOP]
        call [r10 + rax * 8]
syscall_out:
        mov rsp, [gs:PERCPU_REGS_END]
        mov rdx, [rsp + VCPU(INFO)]
        cmp word [rdx], UPCALL_WANTED
        je syscall_long
        cmp qword [gs:PERCPU_WORK], 0
        jne syscall_long
; Only C that says WORK_REGS changes RIP, so this is the one SYSCALL left: the
; only address that can not be returned to by SYSRET is the first one behind
; the lower half (XSA-7).
        mov rcx, [rsp + REG(RIP)]
        cmp rcx, [noncanonical]
        je syscall_long
        mov rdi, [rsp + REG(RDI)]
        mov rsi, [rsp + REG(RSI)]
        mov rdx, [rsp + REG(RDX)]
        mov r8, [rsp + REG(R8)]
        mov r9, [rsp + REG(R9)]
        mov r10, [rsp + REG(R10)]
        mov r11, [rsp + REG(RFLAGS)]
        mov rsp, [gs:PERCPU_GUEST_RSP]
global exit_sysret
exit_sysret:
        swapgs
        o64 sysret

; The last of the table is one that there is none of.
syscall_unknown:
        mov rcx, r10
        mov r10, [rsp + VCPU(CALLS)]
        mov rsp, [gs:PERCPU_STACK_TOP]
        call [r10 + (HYPERCALL_COUNT - 1) * 8]
        jmp syscall_out

; RAX is the result. What C preserves is the guest's, still. If the handler
; rewrote registers, it completed them, too (hypercall_complete_regs()).
syscall_long:
        mov [rsp + REG(RAX)], rax
        mov [rsp + REG(RBX)], rbx
        mov [rsp + REG(RBP)], rbp
        mov [rsp + REG(R12)], r12
        mov [rsp + REG(R13)], r13
        mov [rsp + REG(R14)], r14
        mov [rsp + REG(R15)], r15
        test dword [gs:PERCPU_WORK], WORK_REGS
        jnz exit_long
        mov rsp, [gs:PERCPU_STACK_TOP]
        xor ebp, ebp
        call hypercall_complete_regs
        jmp exit_long

; What all of a traced vCPU's hypercalls are (hv/entry/traced.c): the number, in
; RAX, becomes C's seventh argument.
global hypercall_traced
hypercall_traced:
        push rax
        call traced_call
        add rsp, 8
        ret

; SYSCALL from compatibility mode (AMD only).
global entry_syscall32
entry_syscall32:
        swapgs
        mov [gs:PERCPU_GUEST_RSP], rsp
        mov rsp, [gs:PERCPU_REGS_END]
global entry_syscall32_regs
entry_syscall32_regs:
        push SELECTOR_GUEST_SS
        push qword [gs:PERCPU_GUEST_RSP]
        push r11
        push SELECTOR_GUEST_CS32
        push rcx
        push 0
        mov dword [rsp + 4], VECTOR_SYSCALL32
        PUSH_REGS
        jmp common_guest

; SYSENTER (Intel only): RIP, RSP and CS are lost; of RFLAGS only IF, VM and RF
; are cleared. TF traps after each instruction until it is saved and cleared
; (from_hypervisor() in hv/entry/trap.c); NT would make the next IRET fault (XSA-44),
; AC switch SMAP off.
global entry_sysenter, entry_sysenter_flags
entry_sysenter:
        swapgs
        mov rsp, [gs:PERCPU_REGS_END]
        push SELECTOR_GUEST_SS
        push 0                      ; RSP
        pushfq
entry_sysenter_flags:
        push 2
        popfq
        or dword [rsp], FLAG_IF     ; a guest has it set, always
        push 3                      ; CS: null, from level 3
        push 0                      ; RIP
        push 0
        mov dword [rsp + 4], VECTOR_SYSENTER
        PUSH_REGS
        jmp common_guest

; From a vector with an IST stack. From a guest the frame is moved to where it
; would have been without, and goes on like any other.
global entry_ist
entry_ist:
        test byte [rsp + 16], 3     ; CS: behind the error code and RIP
        jz ist_hypervisor
        push rdi
        swapgs
        mov rdi, rsp
        mov rsp, [gs:PERCPU_REGS_END]
        swapgs
        push qword [rdi + 48]       ; ss
        push qword [rdi + 40]       ; rsp
        push qword [rdi + 32]       ; rflags
        push qword [rdi + 24]       ; cs
        push qword [rdi + 16]       ; rip
        push qword [rdi + 8]        ; error code and vector
        mov rdi, [rdi]
        jmp entry_common

ist_hypervisor:
        IST_ENTER
        IST_DISPATCH
        IST_LEAVE

%macro STUB 1
stub_ %+ %1:
  %if !HAS_ERROR(%1)
        push 0
  %endif
        mov dword [rsp + 4], %1
        ENTRY_OF %1
        jmp ENTRY
%endmacro

%assign v 0
%rep 256
        STUB v
  %assign v v + 1
%endrep

section .rodata.entry progbits alloc noexec nowrite align=8
noncanonical:
        dq 0x0000800000000000
global entry_vectors
entry_vectors:
%assign v 0
%rep 256
        dq stub_ %+ v
  %assign v v + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
