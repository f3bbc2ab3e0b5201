/* SPDX-License-Identifier: MIT */
/* multicall.c: a guest's list of hypercalls, one after the other. */
#include "hv/arch/x86.h"
#include "hv/domain/call_trace.h"
#include "hv/domain/guest.h"
#include "hv/domain/profile.h"
#include "hv/entry/hypercall_table.h"
#include "hv/entry/traced.h"

static always_inline long call(const struct multicall_entry *e)
{
    if (e->op >= HYPERCALLS)
        return -XEN_ENOSYS;
    if (e->op == __HYPERVISOR_iret)
        return hypercall_iret_slow(); /* the other does not come back */
    return hypercall_call_with(hypercall_table[e->op], e->args);
}

static never_inline long watched_call(struct vcpu *v,
                                      const struct multicall_entry *e)
{
    const unsigned nr = (unsigned)MIN(e->op, (uint64_t)HYPERCALLS);
    const struct multicall_entry as_it_was = *e;
    const uint64_t start = x86_rdtsc();
    const long rc = call(e);

    if (profile_on)
        profile_inner(nr, x86_rdtsc() - start);
    if (call_trace_on(v->d))
        traced_inner(v, &as_it_was, rc);
    return rc;
}

/* The rest of the list is done from the start of entry `at` on. */
static long multicall_again(uint64_t at, uint32_t left)
{
    return hypercall_continue(multicall, at, left);
}

/*
 * Each entry is worked on in a private copy. After an iret the guest is where
 * that took it, and the other entries are not run (XSA-213).
 */
UNLOCKED_HYPERCALL2(multicall, uint64_t, calls, uint32_t, nr)
{
    struct vcpu *v = current_vcpu();
    const struct domain *d = v->d;
    const bool watched = profile_on || call_trace_on(d);
    bool some = false; /* an interrupt may be late: each call gets somewhere */

    if (hypercall_in_multicall())
        return -XEN_EINVAL; /* one inside another */
    if (!guest_range_ok(calls, nr * sizeof(struct multicall_entry)))
        return -XEN_EFAULT;
    for (; nr; nr--, calls += sizeof(struct multicall_entry), some = true) {
        struct multicall_entry e;
        long rc;

        if (some && cpu_preempt())
            return multicall_again(calls, nr);
        if (guest_read(&e, calls, sizeof(e)))
            return -XEN_EFAULT;
        hypercall_entry_begin(&e);
        rc = unlikely(watched) ? watched_call(v, &e) : call(&e);
        if (hypercall_entry_end()) {
            if (guest_write(calls, &e, sizeof(e)))
                return -XEN_EFAULT;
            return multicall_again(calls, nr);
        }
        if (e.op == __HYPERVISOR_iret)
            return rc;
        if (guest_write64(calls + offsetof(struct multicall_entry, result),
                          (uint64_t)rc))
            return -XEN_EFAULT;
        if (!domain_is_up(d))
            return 0;
    }
    return 0;
}
