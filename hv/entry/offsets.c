/* SPDX-License-Identifier: MIT */
/*
 * offsets.c: numbers of C that assembly needs. Compiled to text, each marker
 * line becomes a %define in build/offsets.inc; compiled again with
 * OFFSETS_VERIFY and that file's numbers, it asserts that they are right.
 */
#include "hv/arch/cpu.h"
#include "hv/arch/layout.h"
#include "hv/arch/paging.h"
#include "hv/arch/x86.h"
#include "hv/call/hypercall.h"
#include "hv/domain/domain.h"
#include "hv/domain/profile.h"
#include "hv/entry/trap.h"
#include "hv/trap/emulate.h"
#include "xen/errno.h"

#ifdef OFFSETS_VERIFY
#include "offsets.h"
#define OFFSET(name, value)                                                    \
    _Static_assert(OFFSET_##name == (long)(value), #name);
#define OFFSETS_BEGIN
#define OFFSETS_END
#else
#define OFFSET(name, value)                                                    \
    __asm__ volatile("\n.ascii \"@@ " #name " %c0\"" : : "i"((long)(value)));
#define OFFSETS_BEGIN                                                          \
    void offsets(void);                                                        \
    void offsets(void)                                                         \
    {
#define OFFSETS_END }
#endif

OFFSETS_BEGIN
OFFSET(REGS_R15, offsetof(struct regs, r15))
OFFSET(REGS_R14, offsetof(struct regs, r14))
OFFSET(REGS_R13, offsetof(struct regs, r13))
OFFSET(REGS_R12, offsetof(struct regs, r12))
OFFSET(REGS_RBP, offsetof(struct regs, rbp))
OFFSET(REGS_RBX, offsetof(struct regs, rbx))
OFFSET(REGS_R11, offsetof(struct regs, r11))
OFFSET(REGS_R10, offsetof(struct regs, r10))
OFFSET(REGS_R9, offsetof(struct regs, r9))
OFFSET(REGS_R8, offsetof(struct regs, r8))
OFFSET(REGS_RAX, offsetof(struct regs, rax))
OFFSET(REGS_RCX, offsetof(struct regs, rcx))
OFFSET(REGS_RDX, offsetof(struct regs, rdx))
OFFSET(REGS_RSI, offsetof(struct regs, rsi))
OFFSET(REGS_RDI, offsetof(struct regs, rdi))
OFFSET(REGS_ERROR, offsetof(struct regs, error_code))
OFFSET(REGS_VECTOR, offsetof(struct regs, vector))
OFFSET(REGS_RIP, offsetof(struct regs, rip))
OFFSET(REGS_CS, offsetof(struct regs, cs))
OFFSET(REGS_RFLAGS, offsetof(struct regs, rflags))
OFFSET(REGS_RSP, offsetof(struct regs, rsp))
OFFSET(REGS_SS, offsetof(struct regs, ss))
OFFSET(REGS_SIZE, sizeof(struct regs))
OFFSET(PERCPU_STACK_TOP, offsetof(struct percpu, stack_top))
OFFSET(PERCPU_GUEST_RSP, offsetof(struct percpu, guest_rsp))
OFFSET(PERCPU_REGS_END, offsetof(struct percpu, regs_end))
OFFSET(PERCPU_WORK, offsetof(struct percpu, work))
OFFSET(PERCPU_VCPU, offsetof(struct percpu, vcpu))
OFFSET(PERCPU_PROFILE_START, offsetof(struct percpu, profile.start))
OFFSET(PERCPU_PROFILE_LINES, offsetof(struct percpu, profile.lines))
OFFSET(PERCPU_PROFILE_SAVE, offsetof(struct percpu, profile.save))
OFFSET(PERCPU_PROFILE_KIND, offsetof(struct percpu, profile.kind))
OFFSET(PERCPU_ISOLATE_OF, offsetof(struct percpu, isolate.of))
OFFSET(PERCPU_ISOLATE_COPY, offsetof(struct percpu, isolate.copy))
OFFSET(PERCPU_ISOLATE_L4, offsetof(struct percpu, isolate.l4))
OFFSET(PERCPU_ISOLATE_FULL, offsetof(struct percpu, isolate.full))
OFFSET(PERCPU_ISOLATE_SHOWN, offsetof(struct percpu, isolate.shown))
OFFSET(PERCPU_ISOLATE_SAVE, offsetof(struct percpu, isolate.save))
OFFSET(PERCPU_ISOLATE_IST_USED, offsetof(struct percpu, isolate.ist_used))
OFFSET(HV_DIRECT_HIGH, HV_DIRECT_VA >> 40)
OFFSET(L4_FIRST, L4_HV_FIRST)
OFFSET(L4_COUNT, L4_HV_COUNT)
OFFSET(ENTRY_A, PTE_A)
OFFSET(VCPU_PROFILE, offsetof(struct vcpu, profile))
OFFSET(PROFILE_UNKNOWN, PROFILE_UNKNOWN)
OFFSET(PROFILE_SYSCALL, PROFILE_SYSCALL)
OFFSET(PROFILE_INTERRUPT, PROFILE_INTERRUPT)
OFFSET(PROFILE_IDLE, PROFILE_IDLE)
OFFSET(PROFILE_VECTOR, PROFILE_VECTOR)
OFFSET(VCPU_REGS, offsetof(struct vcpu, regs))
OFFSET(VCPU_REGS_END, offsetof(struct vcpu, regs) + sizeof(struct regs))
OFFSET(VCPU_INFO, offsetof(struct vcpu, info))
OFFSET(VCPU_HYPERCALLS, offsetof(struct vcpu, hypercalls))
OFFSET(VCPU_CALLS, offsetof(struct vcpu, calls))
OFFSET(VCPU_IN_KERNEL, offsetof(struct vcpu, in_kernel))
OFFSET(VCPU_SLOW, offsetof(struct vcpu, slow))
OFFSET(VCPU_DOMAIN, offsetof(struct vcpu, d))
OFFSET(VCPU_ABSENT_SEEN, offsetof(struct vcpu, absent_seen))
OFFSET(DOMAIN_ABSENT, offsetof(struct domain, mm.absent))
OFFSET(DOMAIN_VM_ASSIST, offsetof(struct domain, vm_assist))
OFFSET(ASSIST_TABLES, BIT(VMASST_TYPE_writable_pagetables))
OFFSET(FORCED_PREFIX, EMULATE_PREFIX)
OFFSET(VCPU_TRAPS, offsetof(struct vcpu, traps))
OFFSET(VCPU_SYSCALL, offsetof(struct vcpu, callbacks.syscall))
OFFSET(VCPU_KERNEL_SP, offsetof(struct vcpu, kernel_sp))
OFFSET(VCPU_GS_KERNEL, offsetof(struct vcpu, gs_base_kernel))
OFFSET(VCPU_GS_USER, offsetof(struct vcpu, gs_base_user))
OFFSET(VCPU_ROOT_KERNEL, offsetof(struct vcpu, mm.root_kernel))
OFFSET(VCPU_ROOT_USER, offsetof(struct vcpu, mm.root_user))
OFFSET(VCPU_EXCEPTIONS, offsetof(struct vcpu, exceptions))
OFFSET(VCPU_FAULTS, offsetof(struct vcpu, faults))
OFFSET(HYPERCALL_IRET, __HYPERVISOR_iret)
OFFSET(INFO_MASK, offsetof(struct vcpu_info, evtchn_upcall_mask))
OFFSET(INFO_CR2, offsetof(struct vcpu_info, arch.cr2))
OFFSET(TRAP_FLAGS, offsetof(struct trap_info, flags))
OFFSET(TRAP_ADDRESS, offsetof(struct trap_info, address))
OFFSET(TRAP_IF, TI_IF)
OFFSET(IRET_RAX, offsetof(struct iret_context, rax))
OFFSET(IRET_R11, offsetof(struct iret_context, r11))
OFFSET(IRET_RCX, offsetof(struct iret_context, rcx))
OFFSET(IRET_FLAGS, offsetof(struct iret_context, flags))
OFFSET(IRET_RIP, offsetof(struct iret_context, rip))
OFFSET(IRET_CS, offsetof(struct iret_context, cs))
OFFSET(IRET_RFLAGS, offsetof(struct iret_context, rflags))
OFFSET(IRET_RSP, offsetof(struct iret_context, rsp))
OFFSET(IRET_SS, offsetof(struct iret_context, ss))
OFFSET(IRET_IN_SYSCALL, VGCF_in_syscall)
OFFSET(RFLAGS_FREE, RFLAGS_GUEST)
OFFSET(RFLAGS_FORCED, RFLAGS_IF | RFLAGS_ONE)
OFFSET(BOUNCE_CLEARED, RFLAGS_BOUNCE)
OFFSET(PAGE_FAULT_STORE, PF_PRESENT | PF_WRITE)
OFFSET(PAGE_FAULT_USER, PF_USER)
OFFSET(VECTOR_PF, VEC_PF)
OFFSET(VECTOR_SYSCALL, TRAP_SYSCALL)
OFFSET(VECTOR_SYSCALL32, TRAP_SYSCALL32)
OFFSET(VECTOR_SYSENTER, TRAP_SYSENTER)
OFFSET(FLAG_IF, RFLAGS_IF)
OFFSET(HV_TOP_BITS, HV_VA_START >> 43)
OFFSET(HV_END_HIGH, HV_VA_END >> 40)
OFFSET(WORK_REGS, WORK_REGS)
OFFSET(HYPERCALL_COUNT, HYPERCALLS)
OFFSET(ENOSYS, XEN_ENOSYS)
OFFSET(SELECTOR_HV_CS, SEL_HV_CS)
OFFSET(SELECTOR_HV_SS, SEL_HV_SS)
OFFSET(SELECTOR_GUEST_CS32, SEL_GUEST_CS32)
OFFSET(SELECTOR_GUEST_CS64, SEL_GUEST_CS64)
OFFSET(SELECTOR_GUEST_SS, SEL_GUEST_SS)
OFFSETS_END
