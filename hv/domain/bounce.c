/* SPDX-License-Identifier: MIT */
/*
 * bounce.c: the frames a guest's kernel finds on its stack (ABI fact 2.9; the
 * hypercall that takes them back is in hv/call/iret.c).
 *
 * Invariants: a frame is wholly outside the hypervisor's range, all of it, the
 * failsafe frame's extra words too (XSA-215); whatever is wrong with a guest's
 * stack ends that guest and nobody else; what a guest runs with has IF set and
 * IOPL and VM clear (XSA-202), a handler besides TF, DF, NT, RF and AC. NT may
 * be there for IRET and SYSRET to load: what is in force while they do is the
 * hypervisor's, and clear.
 *
 *      general frame           failsafe frame
 *      SS                      SS
 *      RSP                     RSP
 *      RFLAGS (IF: events on)  RFLAGS
 *      CS | mask << 32         CS | mask << 32
 *      RIP                     RIP
 *      [error code]            GS FS ES DS
 *      R11                     R11
 *      RCX         <- RSP      RCX         <- RSP
 */
#include "hv/domain/bounce.h"

#include "hv/arch/x86.h"
#include "hv/domain/guest.h"
#include "hv/domain/vcpu.h"

/* The saved-flags word: IF says whether events were on. */
static uint64_t virtual_flags(const struct vcpu *v, uint8_t masked)
{
    uint64_t f = v->regs.rflags & ~(RFLAGS_IF | RFLAGS_IOPL);

    if (!masked)
        f |= RFLAGS_IF;
    if (v->d->vm_assist & BIT(VMASST_TYPE_architectural_iopl))
        f |= (uint64_t)v->iopl << 12;
    return f;
}

/*
 * Pushes the frame and makes the handler what runs next. `mid` are the n_mid
 * words between R11 and RIP.
 */
static always_inline void enter(struct vcpu *v, const struct trap_info *t,
                                const uint64_t *mid, unsigned n_mid)
{
    struct regs *r = &v->regs;
    const uint8_t masked = READ_ONCE(v->info->evtchn_upcall_mask);
    const bool was_kernel = v->in_kernel;
    uint64_t cs = r->cs, sp;

    if (was_kernel) {
        sp = r->rsp;
        cs &= ~UINT64_C(3);
    } else {
        vcpu_set_mode(v, true);
        sp = v->kernel_sp;
    }
    sp = (sp & ~UINT64_C(15)) - (7 + n_mid) * 8;
    if (unlikely(!t->address || !guest_range_ok(sp, (7 + n_mid) * 8))) {
        domain_crash(v->d,
                     "vCPU %u: no handler or no stack (handler %lx, "
                     "stack %lx) for an exception or event",
                     v->id, t->address, sp);
        return;
    }
    cpu_user_access_begin();
    guest_put_raw(sp, r->rcx, fault);
    guest_put_raw(sp + 8, r->r11, fault);
    for (unsigned i = 0; i < n_mid; i++)
        guest_put_raw(sp + 16 + i * 8, mid[i], fault);
    guest_put_raw(sp + 16 + n_mid * 8, r->rip, fault);
    guest_put_raw(sp + 24 + n_mid * 8, cs | (uint64_t)masked << 32, fault);
    guest_put_raw(sp + 32 + n_mid * 8, virtual_flags(v, masked), fault);
    guest_put_raw(sp + 40 + n_mid * 8, r->rsp, fault);
    guest_put_raw(sp + 48 + n_mid * 8, r->ss, fault);
    cpu_user_access_end();

    if (t->flags & TI_IF)
        WRITE_ONCE(v->info->evtchn_upcall_mask, 1);
    r->rip = t->address;
    r->cs = FLAT_KERNEL_CS;
    r->ss = FLAT_KERNEL_SS;
    r->rsp = sp;
    r->rflags = (r->rflags & ~RFLAGS_BOUNCE) | RFLAGS_IF | RFLAGS_ONE;
    return;
fault:
    cpu_user_access_end();
    domain_crash(v->d, "vCPU %u: its kernel stack at %lx cannot be written",
                 v->id, sp);
}

static bool deliver(struct vcpu *v, const struct trap_info *t, uint64_t error)
{
    if (unlikely(!t->address))
        return false;
    if (error == BOUNCE_NO_ERROR)
        enter(v, t, NULL, 0);
    else
        enter(v, t, &error, 1);
    return true;
}

void bounce_exception(struct vcpu *v, unsigned vector, uint64_t error)
{
    v->exceptions++;
    if (!deliver(v, &v->traps[vector & 255], error))
        domain_crash(v->d, "vCPU %u: no handler for exception %u (code %lx)",
                     v->id, vector, error == BOUNCE_NO_ERROR ? 0 : error);
}

void bounce_page_fault(struct vcpu *v, uint64_t va, uint64_t error)
{
    v->info->arch.cr2 = va;
    error = v->in_kernel ? error & ~PF_USER : error | PF_USER;
    bounce_exception(v, VEC_PF, error);
}

bool bounce_soft_interrupt(struct vcpu *v, unsigned vector)
{
    const struct trap_info *t = &v->traps[vector & 255];
    unsigned level = 3;

    if (v->in_kernel) /* as io_privileged() has it */
        level = !(v->d->vm_assist & BIT(VMASST_TYPE_architectural_iopl));
    /* Xen's gate of the old system call is open to all (XSA-259). */
    if (vector != 0x80 && (t->flags & TI_DPL_MASK) < level)
        return false;
    return deliver(v, t, BOUNCE_NO_ERROR);
}

void bounce_callback(struct vcpu *v, const struct trap_info *t)
{
    enter(v, t, NULL, 0);
}

void bounce_events(struct vcpu *v)
{
    struct vcpu_info *info = v->info;

    if (unlikely(bounce_nmi_wanted(v))) {
        WRITE_ONCE(v->nmi_pending, false);
        v->in_nmi = true;
        bounce_set_slow(v);
        enter(v, &v->traps[VEC_NMI], NULL, 0);
        return;
    }
    if (READ_ONCE(info->evtchn_upcall_pending) &&
        !READ_ONCE(info->evtchn_upcall_mask)) {
        __atomic_fetch_add(&v->d->stats.events, 1, __ATOMIC_RELAXED);
        enter(v, &v->callbacks.event, NULL, 0);
    }
}

void bounce_failsafe(struct vcpu *v, const uint64_t sel[4])
{
    enter(v, &v->callbacks.failsafe, sel, 4);
}

void bounce_bad_stack(void)
{
    struct vcpu *v = current_vcpu();

    domain_crash(v->d,
                 "vCPU %u: its kernel stack cannot be written "
                 "(rsp %lx, from user mode %lx)",
                 v->id, v->regs.rsp, v->kernel_sp);
}

/* Each bit by itself: others set theirs at the same time. */
static void set_slow(struct vcpu *v, uint8_t why, bool slow)
{
    if (slow)
        __atomic_fetch_or(&v->slow, why, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_and(&v->slow, (uint8_t)~why, __ATOMIC_SEQ_CST);
}

static bool has_iopl(const struct domain *d)
{
    return __atomic_load_n(&d->vm_assist, __ATOMIC_SEQ_CST) &
           BIT(VMASST_TYPE_architectural_iopl);
}

/*
 * Until what was set is what the domain has. Several may be at it: whoever sets
 * the bit last has looked at the domain afterwards, so if that is something
 * else, it was changed later still, and who changed it sets the bit again.
 */
static void follow_iopl(struct vcpu *v)
{
    bool iopl;

    do {
        iopl = has_iopl(v->d);
        set_slow(v, BOUNCE_SLOW_IOPL, iopl);
    } while (has_iopl(v->d) != iopl);
}

void bounce_assists_changed(const struct domain *d)
{
    for (unsigned i = 0; i < d->nr_vcpus; i++)
        follow_iopl(d->vcpu[i]);
}

void bounce_set_traced(struct vcpu *v, bool on)
{
    set_slow(v, BOUNCE_SLOW_TRACED, on);
}

void bounce_set_slow(struct vcpu *v)
{
    set_slow(v, BOUNCE_SLOW_NMI, v->in_nmi);
    follow_iopl(v);
}
