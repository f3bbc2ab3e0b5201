/* SPDX-License-Identifier: MIT */
/*
 * flagstone_op.c: the hypercall that Xen does not have, for questions about
 * oneself. Nothing in here tells a guest anything about another.
 */
#include "flagstone/flagstone.h"

#include "hv/auditor.h"
#include "hv/guest.h"
#include "hv/hypercall.h"
#include "hv/report.h"

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

long hypercall_flagstone_op(uint64_t cmd, uint64_t arg)
{
    struct domain *d = current_vcpu()->d;

    switch ((uint32_t)cmd) {
    case FLAGSTONE_OP_version:
        return FLAGSTONE_VERSION;
    case FLAGSTONE_OP_audit:
        return audit(d);
    case FLAGSTONE_OP_stats:
        return stats(d, arg);
    default:
        return -XEN_ENOSYS;
    }
}
