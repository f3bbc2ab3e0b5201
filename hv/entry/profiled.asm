; SPDX-License-Identifier: MIT
;
; profiled.asm: entry points that read the clock before they go on to those of
; entry.asm, and ways out that read it again: in use with `profile`, or in a
; build with LOCKDEP=1, only. And ways out with VERW, or that load SS.
;
; Between the two PERCPU_PROFILE_LINES is where the vCPU that entered has its
; lines; 0: nobody's entry is under way, and nothing is added to anything.
; What happens here is not in the ticks. PERCPU_PROFILE_START is 0 while an idle
; CPU takes interrupts, and before the first guest.

%include "offsets.inc"
%include "hv/entry/entry.inc"

default rel
bits 64

extern entry_syscall, entry_vectors, profile_longest

section .text.profile progbits alloc exec nowrite align=16

; GS is the hypervisor's; clobbers RAX, RDX and flags.
%macro START 0
        rdtsc
        mov [gs:PERCPU_PROFILE_START], eax
        mov [gs:PERCPU_PROFILE_START + 4], edx
        mov rdx, [gs:PERCPU_VCPU]
        mov rax, [rdx + VCPU_PROFILE]
        mov [gs:PERCPU_PROFILE_LINES], rax
%endmacro

; What SYSCALL has not saved is kept here, as there is no stack yet.
global profiled_syscall
profiled_syscall:
        swapgs
        mov [gs:PERCPU_PROFILE_SAVE], rax
        mov [gs:PERCPU_PROFILE_SAVE + 8], rdx
        START
        mov rax, [gs:PERCPU_PROFILE_SAVE]
        cmp byte [rdx + VCPU_IN_KERNEL], 0
        mov edx, PROFILE_SYSCALL
        je syscall_kind
        mov edx, PROFILE_UNKNOWN
        cmp rax, HYPERCALL_COUNT
        jae syscall_kind
        mov edx, eax
syscall_kind:
        mov [gs:PERCPU_PROFILE_KIND], edx
        mov rdx, [gs:PERCPU_PROFILE_SAVE + 8]
        swapgs
        jmp entry_syscall

; %1: the vector, %2: the words the processor pushed below CS.
%macro VECTOR 2
profiled_vector_ %+ %1:
        push rax
        push rdx
        test byte [rsp + 16 + %2 * 8], 3
        jz %%hypervisor
        swapgs
        START
  %if %1 < 32
        mov dword [gs:PERCPU_PROFILE_KIND], PROFILE_VECTOR + %1
  %else
        mov dword [gs:PERCPU_PROFILE_KIND], PROFILE_INTERRUPT
  %endif
        swapgs
  %if %1 >= 32
        jmp %%out
%%hypervisor:                       ; GS is its own
        cmp qword [gs:PERCPU_PROFILE_START], 0
        jne %%out
        rdtsc
        mov [gs:PERCPU_PROFILE_START], eax
        mov [gs:PERCPU_PROFILE_START + 4], edx
        mov dword [gs:PERCPU_PROFILE_KIND], PROFILE_IDLE
%%out:
  %else
%%hypervisor:
  %endif
        pop rdx
        pop rax
        jmp [entry_vectors + %1 * 8]
%endmacro

%assign v 0
%rep 256
  %if HAS_ERROR(v)
        VECTOR v, 2
  %else
        VECTOR v, 1
  %endif
  %assign v v + 1
%endrep

; All registers are the guest's but GS.
%macro STOP 0
        mov [gs:PERCPU_PROFILE_SAVE], rax
        mov [gs:PERCPU_PROFILE_SAVE + 8], rdx
        mov [gs:PERCPU_PROFILE_SAVE + 16], rcx
        mov rcx, [gs:PERCPU_PROFILE_START]
        jrcxz %%out
        rdtsc
        shl rdx, 32
        or rax, rdx
        sub rax, rcx
        mov edx, [gs:PERCPU_PROFILE_KIND]
        mov rcx, [gs:PERCPU_PROFILE_LINES]
        jrcxz %%longest
        shl rdx, 4                  ; sizeof(struct profile_line)
        inc qword [rcx + rdx]
        add [rcx + rdx + 8], rax
        shr rdx, 4
        mov qword [gs:PERCPU_PROFILE_LINES], 0
%%longest:
        lea rcx, [profile_longest]
        lea rdx, [rcx + rdx * 8]
        mov rcx, rax
        mov rax, [rdx]
%%again:
        cmp rcx, rax
        jbe %%out
        lock cmpxchg [rdx], rcx
        jne %%again
%%out:
        mov rax, [gs:PERCPU_PROFILE_SAVE]
        mov rdx, [gs:PERCPU_PROFILE_SAVE + 8]
        mov rcx, [gs:PERCPU_PROFILE_SAVE + 16]
        cmp byte [profiled_verw], 0
        je %%leave
        verw [verw_selector]
%%leave:
        swapgs
%endmacro

global profiled_exit_sysret
profiled_exit_sysret:
        STOP
        o64 sysret

global profiled_exit_iretq, profiled_iretq
profiled_exit_iretq:
        STOP
        jmp profiled_iretq

; The ways out of entry.asm and fast.asm, where what the processor has buffered
; is to be overwritten (hv/arch/spec.h). Of a descriptor that may be written;
; only with an operand in memory does it overwrite anything.
global verw_exit_sysret
verw_exit_sysret:
        verw [verw_selector]
        swapgs
        o64 sysret

; After an exception, where SYSRET does not load it (hv/arch/vendor.h).
global load_ss_exit_sysret, load_ss_rest
load_ss_exit_sysret:
        mov ss, [verw_selector]
load_ss_rest:
        swapgs
        o64 sysret

global verw_exit_iretq
verw_exit_iretq:
        verw [verw_selector]
        swapgs
profiled_iretq:
        iretq

section .data progbits alloc noexec write align=8
global profiled_verw
profiled_verw:
        db 0

section .rodata.profile progbits alloc noexec nowrite align=8
verw_selector:
        dw SELECTOR_HV_SS
        align 8
global profiled_vectors
profiled_vectors:
%assign v 0
%rep 256
        dq profiled_vector_ %+ v
  %assign v v + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
