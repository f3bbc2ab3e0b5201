/* SPDX-License-Identifier: MIT */
/*
 * flagstone_op.c: the hypercall that Xen does not have, for questions about
 * oneself. Nothing in here tells a guest anything about another.
 */
#include "flagstone/flagstone.h"

#include "hv/call/downgrade_ring.h"
#include "hv/call/flagstone_report.h"
#include "hv/call/flagstone_super.h"
#include "hv/call/hypercall.h"
#include "hv/debug/auditor.h"
#include "hv/debug/report.h"
#include "hv/domain/guest.h"
#include "hv/svc/control/control.h"

static long audit(struct domain *d)
{
    if (!auditor_ready())
        return -XEN_ENOSYS;
    return auditor_domain(d) ? 0 : -XEN_EINVAL;
}

static long stats(struct domain *d, uint64_t arg)
{
    struct flagstone_stats s;

    report_sample(d);
    report_stats(d, &s);
    return errno_of(guest_write(arg, &s, sizeof(s)));
}

static long ring(struct domain *d, uint64_t arg)
{
    struct flagstone_ring_setup s;

    if (guest_read(&s, arg, sizeof(s)))
        return -XEN_EFAULT;
    return errno_of(downgrade_ring_set(d, mfn_of(s.mfn)));
}

#define RANGES_LOOK 64u /* told between two looks at the clock */

/* When time is up the rest is left to another call: nr says how many it was. */
static long ranges(struct domain *d, uint64_t arg)
{
    struct flagstone_ranges a;
    struct flagstone_range r;
    uint32_t n = 0;

    if (guest_read(&a, arg, sizeof(a)))
        return -XEN_EFAULT;
    for (; n < a.nr; n++) {
        if (n && n % RANGES_LOOK == 0 && cpu_preempt())
            break;
        if (!downgrade_ring_range(d, (uint64_t)a.skip + n, &r))
            break;
        if (guest_write(a.ranges + n * sizeof(r), &r, sizeof(r)))
            return -XEN_EFAULT;
    }
    return errno_of(guest_write(arg + offsetof(struct flagstone_ranges, nr), &n,
                                sizeof(n)));
}

static long downgraded(struct domain *d, uint64_t arg)
{
    struct flagstone_downgrade g;

    if (guest_read(&g, arg, sizeof(g)))
        return -XEN_EFAULT;
    d->super_stats.own_ranges += g.ranges;
    d->super_stats.own_l1 += g.l1_frames;
    d->super_stats.own_ticks += g.ticks;
    return 0;
}

HYPERCALL2(flagstone_op, uint64_t, cmd, uint64_t, arg)
{
    struct domain *d = current_vcpu()->d;

    switch ((uint32_t)cmd) {
    case FLAGSTONE_OP_version:
        return FLAGSTONE_VERSION;
    case FLAGSTONE_OP_audit:
        return audit(d);
    case FLAGSTONE_OP_stats:
        return stats(d, arg);
    case FLAGSTONE_OP_split:
        return flagstone_super_split(current_vcpu(), arg);
    case FLAGSTONE_OP_join:
        return flagstone_super_join(current_vcpu(), arg);
    case FLAGSTONE_OP_heal:
        return flagstone_super_heal(current_vcpu(), arg);
    case FLAGSTONE_OP_compact:
        return flagstone_super_compact(current_vcpu(), cmd, arg);
    case FLAGSTONE_OP_ring:
        return ring(d, arg);
    case FLAGSTONE_OP_ranges:
        return ranges(d, arg);
    case FLAGSTONE_OP_downgraded:
        return downgraded(d, arg);
    case FLAGSTONE_OP_report_free:
    case FLAGSTONE_OP_take_back:
        return flagstone_report(current_vcpu(), cmd, arg);
    case FLAGSTONE_OP_control:
        return control_op(d, arg);
    default:
        return -XEN_ENOSYS;
    }
}
