/* SPDX-License-Identifier: MIT */
/*
 * trap.c: who is to blame for a vector. From a guest, an exception is either
 * something the hypervisor does for the guest behind its back (a write to a
 * page table, a privileged instruction, an LDT page to bring in) or the
 * guest's own, and is bounced to its kernel. A fault in the hypervisor either
 * happened at an instruction listed in the exception table, and becomes a
 * returned value, or is a bug, and ends the machine.
 */
#include "hv/entry/trap.h"

#include "hv/arch/idt.h"
#include "hv/arch/ipi.h"
#include "hv/arch/nmi.h"
#include "hv/arch/panic.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/string.h"
#include "hv/call/downgrade_ring.h"
#include "hv/domain/bounce.h"
#include "hv/domain/debugreg.h"
#include "hv/domain/fpu.h"
#include "hv/domain/profile.h"
#include "hv/domain/refused.h"
#include "hv/domain/retry.h"
#include "hv/domain/seg.h"
#include "hv/domain/vcpu.h"
#include "hv/entry/patch.h"
#include "hv/sched/damage.h"
#include "hv/trap/cpuid.h"
#include "hv/trap/emulate.h"
#include "hv/trap/ptwr.h"

struct extable_entry {
    int32_t fault, fixup; /* relative to themselves */
};
extern const struct extable_entry hv_extable_start[], hv_extable_end[];

void entry_syscall(void);
void entry_syscall32(void);
void entry_sysenter(void);
extern const uint8_t entry_sysenter_flags[]; /* in it: RFLAGS is saved */

static void set_entries(void)
{
    void (*const syscall)(void) = options.isolate ? isolated_syscall
                                  : profile_on    ? profiled_syscall
                                                  : entry_syscall;

    x86_wrmsr(MSR_LSTAR, (uint64_t)syscall);
    x86_wrmsr(MSR_CSTAR, (uint64_t)(options.isolate ? isolated_syscall32
                                                    : entry_syscall32));
    /* Each has what the other makes #UD; SYSENTER loads CS and CS + 8. */
    x86_wrmsr(MSR_SYSENTER_CS, SEL_HV_CS);
    x86_wrmsr(MSR_SYSENTER_ESP, this_cpu()->stack_top);
    x86_wrmsr(MSR_SYSENTER_EIP,
              (uint64_t)(options.isolate ? isolated_sysenter : entry_sysenter));
}

void trap_init(void)
{
    set_entries();
    fpu_init();
    cpuid_init();
    seg_init();
}

void trap_setup(void)
{
    set_entries();
    fpu_setup();
    seg_init();
}

static uint64_t absolute(const int32_t *rel)
{
    return (uint64_t)rel + (uint64_t)(int64_t)*rel;
}

static const struct extable_entry *find_fixup(uint64_t rip)
{
    for (const struct extable_entry *e = hv_extable_start; e < hv_extable_end;
         e++)
        if (absolute(&e->fault) == rip)
            return e;
    return NULL;
}

bool trap_fixup(struct regs *regs)
{
    const struct extable_entry *e = find_fixup(regs->rip);

    if (e)
        regs->rip = absolute(&e->fixup);
    return e;
}

/* Writes that hit a page table go the slow path, if the guest wants. */
static bool may_be_page_table(const struct vcpu *v, uint64_t error)
{
    const uint64_t mask = PF_PRESENT | PF_WRITE | PF_RESERVED | PF_FETCH;

    return v->in_kernel && (error & mask) == (PF_PRESENT | PF_WRITE) &&
           (v->d->vm_assist & BIT(VMASST_TYPE_writable_pagetables));
}

/*
 * A store that was looked at, and refused, comes again as it is: that its page
 * is present is known, and what was refused may have raised the count.
 */
static bool guest_fault_done(struct vcpu *v, uint64_t va, uint64_t error)
{
    const bool store = may_be_page_table(v, error);

    if (store) {
        if (ptwr_fault(v, va)) {
            profile_as(PROFILE_PTWR);
            return true;
        }
        downgrade_ring_refused(v);
    }
    refused_fault(v, va);
    return retry_fault(v) && !store;
}

static void page_fault(struct vcpu *v, uint64_t error)
{
    const uint64_t va = x86_read_cr2();

    v->faults++;
    /* Nothing there is the guest's but a late LDT page (CVE-2010-4255). */
    if (va_is_hv(va) ? !(error & PF_USER) && seg_fault(v, va, error)
                     : guest_fault_done(v, va, error))
        return;
    bounce_page_fault(v, va, error);
}

static void general_protection(struct vcpu *v, uint64_t error)
{
    if (!emulate_soft_interrupt(v, error) && (error || !emulate_privileged(v)))
        bounce_exception(v, VEC_GP,
                         error ^ (selftest_is(SELFTEST_WRONG_ERROR) ? 8 : 0));
}

/* RIP is behind the SYSCALL; without a handler it is an invalid opcode. */
static void user_syscall(struct vcpu *v, const struct trap_info *handler)
{
    if (handler->address) {
        bounce_callback(v, handler);
        return;
    }
    v->regs.rip -= 2;
    bounce_exception(v, VEC_UD, BOUNCE_NO_ERROR);
}

/* Who has no handler for the one has it for the other, as on Xen. */
static void user_syscall32(struct vcpu *v)
{
    const struct guest_callbacks *c = &v->callbacks;

    user_syscall(v, c->syscall32.address ? &c->syscall32 : &c->syscall);
}

/*
 * The processor keeps nothing of where it was: CS is null, RIP and RSP are 0,
 * also in the fault if there is no handler. One fault, of user mode (XSA-339).
 */
static void user_sysenter(struct vcpu *v)
{
    if (v->callbacks.sysenter.address)
        bounce_callback(v, &v->callbacks.sysenter);
    else
        bounce_exception(v, VEC_GP, 0);
}

/* What a fault is about is the vCPU's, or its memory's. */
static void from_guest(struct vcpu *v, const struct regs *regs)
{
    switch (regs->vector) {
    case VEC_PF:
        page_fault(v, regs->error_code);
        return;
    case VEC_GP:
        general_protection(v, regs->error_code);
        return;
    case VEC_UD:
        if (emulate_forced(v))
            return;
        break;
    case VEC_NM:
        fpu_device_not_available(v);
        break;
    case VEC_DB:
        debugreg_trap(v);
        break;
    case TRAP_SYSCALL:
        user_syscall(v, &v->callbacks.syscall);
        return;
    case TRAP_SYSCALL32:
        user_syscall32(v);
        return;
    case TRAP_SYSENTER:
        user_sysenter(v);
        return;
    case VEC_DF:
        panic_regs(regs, "double fault");
    case VEC_TS:
    case VEC_NP:
    case VEC_SS:
    case VEC_AC:
        bounce_exception(v, regs->vector, regs->error_code);
        return;
    default:
        break;
    }
    bounce_exception(v, regs->vector, BOUNCE_NO_ERROR);
}

/* SYSENTER leaves TF as it was, and it is to be saved before it is cleared. */
static bool before_flags(uint64_t rip)
{
    return (rip >= (uint64_t)entry_sysenter &&
            rip < (uint64_t)entry_sysenter_flags) ||
           (rip >= (uint64_t)isolated_sysenter &&
            rip < (uint64_t)isolated_sysenter_end);
}

/* May what has faulted be done once more, and find its page? */
static bool may_retry(const struct regs *regs)
{
    const uint64_t va = x86_read_cr2();
    struct vcpu *v = current_vcpu();

    if (regs->vector != VEC_PF || !v)
        return false;
    if (va_is_hv(va))
        return seg_fault_retry(v, va, regs->error_code);
    return find_fixup(regs->rip) && retry_access(v);
}

/*
 * #DB here is a guest's breakpoint on memory the hypervisor touched for it, or
 * one delayed past SYSCALL by MOV SS (XSA-260), or its single step into
 * SYSENTER: nothing depends on it.
 */
static void from_hypervisor(struct regs *regs)
{
    if (regs->vector == VEC_DB) {
        x86_write_dr6(DR6_DEFAULT);
        if (!before_flags(regs->rip))
            regs->rflags &= ~RFLAGS_TF;
        return;
    }
    if (may_retry(regs) || trap_fixup(regs))
        return;
    panic_regs(regs, "unexpected trap in the hypervisor");
}

void trap_dispatch(struct regs *regs)
{
    /* The machine's own, whoever ran. */
    if (regs->vector == VEC_NMI)
        nmi_handle(regs);
    else if (regs->vector == VEC_MC)
        damage_machine_check(regs);
    else if (regs->vector == IPI_VECTOR)
        ipi_interrupt();
    else if (regs->vector >= 32 && regs->vector < TRAP_SYSCALL)
        idt_interrupt(regs->vector);
    else if (regs_from_guest(regs))
        from_guest(current_vcpu(), regs);
    else
        from_hypervisor(regs);
    if (regs_from_guest(regs))
        lock_hook_none("held on the way back to a guest");
}

void trap_iret_fault(const struct regs *fault)
{
    struct regs *r = &current_vcpu()->regs;
    const struct regs f = *fault; /* the two overlap (struct vcpu) */

    memcpy(r, &f, offsetof(struct regs, error_code));
    r->error_code = f.error_code;
    r->vector = f.vector;
}
