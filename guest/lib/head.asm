; SPDX-License-Identifier: MIT
;
; head.asm: everything of the guest runtime that cannot be C: the notes the
; domain builder reads, the entry point, the trap stubs, and the two places
; where control leaves a C function sideways (guest_try, guest_user_run).
;
; Every way into the guest ends in one frame, struct regs of trap.h, and every
; way out is the iret hypercall.

bits 64
default rel

%define NOTE_ENTRY          1
%define NOTE_HYPERCALL_PAGE 2
%define NOTE_VIRT_BASE      3
%define NOTE_PADDR_OFFSET   4
%define NOTE_XEN_VERSION    5
%define NOTE_GUEST_OS       6
%define NOTE_GUEST_VERSION  7
%define NOTE_LOADER         8
%define NOTE_PAE_MODE       9
%define NOTE_FEATURES       10
%define NOTE_HV_START_LOW   12
%define NOTE_L1_MFN_VALID   13

%define VIRT_BASE           0xffffffff80000000
%define HV_START            0xffff800000000000
%define IRET_NR             23
%define KERNEL_CS           0xe033
%define KERNEL_SS           0xe02b
%define RFLAGS_IF           0x200

; Pseudo vectors after the 256 of the processor (enum trap_vector in trap.h).
%define TRAP_EVENT          256
%define TRAP_FAILSAFE       257
%define TRAP_SYSCALL        258
%define TRAP_NMI_CALLBACK   259
%define TRAP_SYSENTER       260
%define TRAP_SYSCALL32      261

extern guest_main_entry
extern trap_dispatch

; note TYPE, "string"
%macro note_str 2
    dd 4, %%end - %%desc, %1
    db "Xen", 0
%%desc:
    db %2, 0
%%end:
    align 4, db 0
%endmacro
; note TYPE, number
%macro note_num 2
    dd 4, 8, %1
    db "Xen", 0
    dq %2
%endmacro

section .note.Xen note alloc noexec nowrite align=4
    note_str NOTE_GUEST_OS, "flagstone-guest"
    note_str NOTE_GUEST_VERSION, "1"
    note_str NOTE_XEN_VERSION, "xen-3.0"
    note_str NOTE_LOADER, "generic"
    note_str NOTE_PAE_MODE, "yes"
    note_str NOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb"
    note_num NOTE_VIRT_BASE, VIRT_BASE
    note_num NOTE_PADDR_OFFSET, 0
    note_num NOTE_ENTRY, guest_entry
    note_num NOTE_HYPERCALL_PAGE, hypercall_page
    note_num NOTE_HV_START_LOW, HV_START
    ; The two words say which bits of an L1 entry make it valid: present.
    dd 4, 16, NOTE_L1_MFN_VALID
    db "Xen", 0
    dq 1, 1

section .text.hypercall_page progbits alloc exec nowrite align=4096
global hypercall_page
hypercall_page:
    times 4096 db 0xcc          ; the hypervisor fills it in

section .text.head progbits alloc exec nowrite align=16
; rsi = start_info, rsp = top of the boot stack page.
global guest_entry
guest_entry:
    cld
    mov rdi, rsi
    mov rsi, rsp
    mov rsp, boot_stack_end
    xor ebp, ebp
    call guest_main_entry
    ud2

; ---------------------------------------------------------------- ways in
; A bounce frame starts with rcx and r11 (ABI fact 2.9), then the error code
; if there is one, then rip, cs, rflags, rsp, ss. A stub makes them all alike.
%macro trap_stub 1
    align 16
    pop rcx
    pop r11
  %if !(%1 = 8 || (%1 >= 10 && %1 <= 14) || %1 = 17 || %1 = 21)
    push qword 0
  %endif
    push qword %1
    jmp trap_common
%endmacro

    align 16
global trap_stubs
trap_stubs:
%assign vector 0
%rep 256
    trap_stub vector
%assign vector vector + 1
%endrep

%macro callback_stub 2
    align 16
global %1
%1:
    pop rcx
    pop r11
    push qword 0
    push qword %2
    jmp trap_common
%endmacro

callback_stub trap_event_entry, TRAP_EVENT
callback_stub trap_syscall_entry, TRAP_SYSCALL
callback_stub trap_nmi_entry, TRAP_NMI_CALLBACK
callback_stub trap_sysenter_entry, TRAP_SYSENTER
callback_stub trap_syscall32_entry, TRAP_SYSCALL32

; The failsafe frame carries the four selectors that could not be loaded.
    align 16
global trap_failsafe_entry
trap_failsafe_entry:
    pop rcx
    pop r11
    pop qword [trap_failsafe_selectors + 0]     ; ds
    pop qword [trap_failsafe_selectors + 8]     ; es
    pop qword [trap_failsafe_selectors + 16]    ; fs
    pop qword [trap_failsafe_selectors + 24]    ; gs
    push qword 0
    push qword TRAP_FAILSAFE
    ; fall through

trap_common:
    cld
    push rax
    push rcx
    push rdx
    push rbx
    push rbp
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
    mov rdi, rsp
    mov rbx, rsp
    and rsp, -16
    call trap_dispatch
    mov rsp, rbx
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    pop rdx
    pop rcx
    pop rax
    add rsp, 8                  ; the vector
    mov qword [rsp], 0          ; the error code's slot: iret flags
    jmp hypercall_page + IRET_NR * 32

; ------------------------------------------------------- leaving sideways
%macro save_callee 0
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
%endmacro
%macro restore_callee 0
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
%endmacro

; int guest_try(void (*fn)(void *), void *arg): 0 if fn returned, 1 if a trap
; ended it. The dispatcher resumes at guest_try_resume with rsp = trap_try_sp.
global guest_try
guest_try:
    save_callee
    push qword [trap_try_sp]
    mov [trap_try_sp], rsp
    mov rax, rdi
    mov rdi, rsi
    sub rsp, 8
    call rax
    add rsp, 8
    xor eax, eax
guest_try_leave:
    pop qword [trap_try_sp]
    restore_callee
    ret
global guest_try_resume
guest_try_resume:
    mov eax, 1
    jmp guest_try_leave

; uint64_t probe_store(uint64_t *va, uint64_t value) and probe_load(va, &value):
; a trap at the access goes on behind it, with rax set by the dispatcher.
global probe_store, probe_store_at, probe_load, probe_load_at, probe_trapped
probe_store:
    xor eax, eax
probe_store_at:
    mov [rdi], rsi
    ret
probe_load:
    xor eax, eax
probe_load_at:
    mov rdx, [rdi]
    mov [rsi], rdx
probe_trapped:
    ret

; void guest_user_run(const struct iret_context *ctx, uint64_t arg): enters user
; mode; comes back when the dispatcher resumes at guest_user_resume with
; rsp = trap_user_sp. User code gets arg in rdi, all else zero.
global guest_user_run
guest_user_run:
    save_callee
    mov [trap_user_sp], rsp
    sub rsp, 48                 ; flags rip cs rflags rsp ss
    mov rcx, 6
    lea r8, [rdi + 24]          ; past rax, r11, rcx
    mov rdx, rsp
.copy:
    mov rax, [r8]
    mov [rdx], rax
    add r8, 8
    add rdx, 8
    dec rcx
    jnz .copy
    mov rax, [rdi]
    mov r11, [rdi + 8]
    mov rcx, [rdi + 16]
    mov rdi, rsi
    xor esi, esi
    xor edx, edx
    xor ebx, ebx
    xor ebp, ebp
    xor r8d, r8d
    xor r9d, r9d
    xor r10d, r10d
    xor r12d, r12d
    xor r13d, r13d
    xor r14d, r14d
    xor r15d, r15d
    jmp hypercall_page + IRET_NR * 32
global guest_user_resume
guest_user_resume:
    mov qword [trap_user_sp], 0
    restore_callee
    ret

; A vCPU brought up by VCPUOP_initialise starts here: rdi = fn, rsi = arg.
global guest_vcpu_entry
guest_vcpu_entry:
    cld
    xor ebp, ebp
    mov rax, rdi
    mov rdi, rsi
    call rax
    ud2

section .bss
    align 16
global trap_try_sp, trap_user_sp, trap_failsafe_selectors
trap_try_sp:             resq 1
trap_user_sp:            resq 1
trap_failsafe_selectors: resq 4

section .bss.page nobits alloc noexec write align=4096
global boot_stack
boot_stack:     resb 16384
boot_stack_end:

section .note.GNU-stack noalloc noexec nowrite progbits
