/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op.c: vCPUs brought up and taken down, their timers, and where the
 * hypervisor is to keep what it tells them.
 */
#include "xen/vcpu.h"

#include "hv/arch/cpu.h"
#include "hv/base/string.h"
#include "hv/call/hypercall.h"
#include "hv/dev/clock.h"
#include "hv/domain/guest.h"
#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/runstate.h"
#include "hv/sched/sched.h"
#include "hv/sched/time.h"
#include "mm/pv/mmu.h"

#define PERIOD_MIN UINT64_C(1000000)   /* ns */
#define PERIOD_MAX (UINT64_C(1) << 60) /* 36 years */

/*
 * It has no context, or one that the guest need not know of any more; then it
 * has been down ever since, and what it holds is replaced.
 */
static long initialise(struct vcpu *v, uint64_t arg)
{
    static struct vcpu_guest_context c; /* too large for the stack */
    enum err rc;

    if (v->initialised && !v->renewable)
        return -XEN_EEXIST;
    if (guest_read(&c, arg, sizeof(c)))
        return -XEN_EFAULT;
    rc = vcpu_set_context(v, &c);
    if (rc == ERR_RESTART)
        return hypercall_continue(vcpu_op, VCPUOP_initialise, v->id, arg);
    v->renewable = v->renewable && rc;
    if (!rc && (c.flags & VGCF_online))
        sched_up(v);
    return errno_of(rc);
}

static long up(struct vcpu *v)
{
    if (!v->initialised)
        return -XEN_EINVAL;
    v->renewable = false;
    sched_up(v);
    return 0;
}

/* A domain whose last vCPU goes down could not be woken by anything. */
static long down(struct vcpu *v)
{
    const struct domain *d = v->d;
    bool another = false;

    for (unsigned i = 0; i < d->nr_vcpus; i++)
        if (d->vcpu[i] != v && d->vcpu[i]->state != VCPU_DOWN)
            another = true;
    if (another)
        sched_down(v);
    else
        domain_shutdown(v->d, DOMAIN_POWEROFF, 0);
    return 0;
}

static long get_runstate(struct vcpu *v, uint64_t arg)
{
    struct vcpu_runstate_info r;

    runstate_get(v, &r);
    return errno_of(guest_write(arg, &r, sizeof(r)));
}

/* NULL ends it. An area is written when v is loaded next, or now. */
static long register_runstate(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_runstate_memory_area a;

    if (guest_read(&a, arg, sizeof(a)) ||
        !guest_range_ok(a.addr, sizeof(struct vcpu_runstate_info)))
        return -XEN_EFAULT;
    WRITE_ONCE(v->runstate_area, a.addr);
    if (v == current_vcpu())
        runstate_publish(v);
    return 0;
}

/* A copy that never changes need be written only once. NULL ends it. */
static long register_time(uint64_t arg)
{
    struct vcpu_register_time_memory_area a;

    if (guest_read(&a, arg, sizeof(a)))
        return -XEN_EFAULT;
    return a.addr ? errno_of(time_copy_info(a.addr)) : 0;
}

static long set_periodic(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_periodic_timer t;

    if (guest_read(&t, arg, sizeof(t)))
        return -XEN_EFAULT;
    if (t.period_ns < PERIOD_MIN || t.period_ns > PERIOD_MAX)
        return -XEN_EINVAL;
    WRITE_ONCE(v->periodic_period, t.period_ns);
    WRITE_ONCE(v->timer_periodic, clock_now_ns() + t.period_ns);
    time_arm(v);
    return 0;
}

static long stop_periodic(struct vcpu *v)
{
    WRITE_ONCE(v->timer_periodic, 0);
    time_arm(v);
    return 0;
}

/* A time that has passed fires at once, whatever the flags (as Xen 4.17). */
static long set_singleshot(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_singleshot_timer t;

    if (v != current_vcpu())
        return -XEN_EINVAL;
    if (guest_read(&t, arg, sizeof(t)))
        return -XEN_EFAULT;
    WRITE_ONCE(v->timer_single, MAX(t.timeout_abs_ns, UINT64_C(1)));
    time_arm(v);
    return 0;
}

static long stop_singleshot(struct vcpu *v)
{
    if (v != current_vcpu())
        return -XEN_EINVAL;
    WRITE_ONCE(v->timer_single, 0);
    time_arm(v);
    return 0;
}

/*
 * Bits may have been set in the old place while the guest looked at the new
 * one: everything is marked pending, and the guest finds nothing worse than
 * an upcall without a cause.
 */
static void move_info(struct vcpu *v, struct vcpu_info *to)
{
    memcpy(to, v->info, sizeof(*to));
    __atomic_store_n(&v->info, to, __ATOMIC_SEQ_CST); /* raise() in event.c */
    time_info_init(v);
    __atomic_store_n(&to->evtchn_pending_sel, ~UINT64_C(0), __ATOMIC_SEQ_CST);
    __atomic_store_n(&to->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
}

static long register_info(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_vcpu_info r;
    struct mm_op op;
    enum err rc;

    if (guest_read(&r, arg, sizeof(r)))
        return -XEN_EFAULT;
    /* The bitmaps in it are used with 8-byte locked accesses (XSA-327). */
    if (r.offset > PAGE_SIZE - sizeof(struct vcpu_info) || r.offset % 8)
        return -XEN_ENXIO;
    if (!mfn_eq(v->info_mfn, MFN_NONE) ||
        (v != current_vcpu() && v->state != VCPU_DOWN))
        return -XEN_EINVAL;
    if (v != current_vcpu() && sched_held(v)) /* and has yet to hear of it */
        return hypercall_again(__HYPERVISOR_vcpu_op);
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = mmu_info_load(&op, mfn_of(r.mfn));
    mm_op_end(&op);
    if (rc == ERR_RESTART)
        return hypercall_continue(vcpu_op, VCPUOP_register_vcpu_info, v->id,
                                  arg);
    if (rc)
        return errno_of(rc);
    v->info_mfn = mfn_of(r.mfn);
    move_info(v,
              (struct vcpu_info *)((uint8_t *)mm_frame_ptr(op.mm, v->info_mfn) +
                                   r.offset));
    return 0;
}

static long send_nmi(struct vcpu *v, uint64_t arg)
{
    if (arg)
        return -XEN_EINVAL;
    __atomic_store_n(&v->nmi_pending, true, __ATOMIC_SEQ_CST);
    sched_wake(v);
    cpu_work_look(); /* should v be the current one */
    return 0;
}

/* A vCPU is brought up, taken down and given a place for its info by one. */
UNLOCKED_HYPERCALL3(vcpu_op, uint32_t, cmd, uint32_t, id, uint64_t, arg)
{
    struct vcpu *v = domain_vcpu(current_vcpu()->d, id);

    if (!v)
        return -XEN_ENOENT;
    switch (cmd) {
    case VCPUOP_initialise:
        return HYPERCALL_LOCKED(initialise(v, arg));
    case VCPUOP_up:
        return HYPERCALL_LOCKED(up(v));
    case VCPUOP_down:
        return HYPERCALL_LOCKED(down(v));
    case VCPUOP_register_vcpu_info:
        return HYPERCALL_LOCKED(register_info(v, arg));
    case VCPUOP_is_up:
        return v->state != VCPU_DOWN;
    case VCPUOP_get_runstate_info:
        return get_runstate(v, arg);
    case VCPUOP_register_runstate_memory_area:
        return register_runstate(v, arg);
    case VCPUOP_set_periodic_timer:
        return set_periodic(v, arg);
    case VCPUOP_stop_periodic_timer:
        return stop_periodic(v);
    case VCPUOP_set_singleshot_timer:
        return set_singleshot(v, arg);
    case VCPUOP_stop_singleshot_timer:
        return stop_singleshot(v);
    case VCPUOP_register_vcpu_time_memory_area:
        return register_time(arg);
    case VCPUOP_send_nmi:
        return send_nmi(v, arg);
    case VCPUOP_get_physid:
        return -XEN_EINVAL; /* only of a vCPU bound to a processor */
    default:
        return -XEN_ENOSYS;
    }
}
