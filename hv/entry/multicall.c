/* SPDX-License-Identifier: MIT */
/* multicall.c: a guest's list of hypercalls, one after the other. */
#include "hv/arch/x86.h"
#include "hv/domain/guest.h"
#include "hv/domain/profile.h"
#include "hv/entry/hypercall_table.h"

static always_inline long call(const struct multicall_entry *e)
{
    if (e->op >= HYPERCALLS)
        return -XEN_ENOSYS;
    if (e->op == __HYPERVISOR_iret)
        return hypercall_iret_slow(); /* the other does not come back */
    return hypercall_call_with(hypercall_table[e->op], e->args);
}

static never_inline long profiled_call(const struct multicall_entry *e)
{
    const unsigned nr = (unsigned)MIN(e->op, (uint64_t)HYPERCALLS);
    uint64_t start = x86_rdtsc();
    long rc = call(e);

    profile_inner(nr, x86_rdtsc() - start);
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
    const struct domain *d = current_vcpu()->d;
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
        rc = unlikely(profile_on) ? profiled_call(&e) : call(&e);
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
        if (!domain_runs(d))
            return 0;
    }
    return 0;
}
