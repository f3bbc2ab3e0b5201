/* SPDX-License-Identifier: MIT */
/*
 * lock.h: the hypervisor's lock, of all that has none of its own: how domains
 * come, stop and go, the services, devices. What a guest does all day does
 * without: its page tables, memory and grants are under its domain's memory
 * lock (mm/alloc/mm.h), who runs and what is armed under its CPU's (hv/sched),
 * and what is of one vCPU alone is that vCPU's while it runs.
 *
 * Invariant: it is taken before a domain's memory lock, never while one is
 * held. Whoever waits for either serves its CPU's mailbox (ipi.h), so whoever
 * holds them may wait for flushes.
 */
#pragma once

#include "hv/arch/cpu.h"
#include "mm/base/lock.h"

extern struct lock hv_lock;

static inline void hv_lock_get(void)
{
    lock_get(&hv_lock);
    this_cpu()->has_hv_lock = true;
}

/* false: another has it, or is to have it next. */
must_check static inline bool hv_lock_try(void)
{
    const bool got = lock_try(&hv_lock);

    if (got)
        this_cpu()->has_hv_lock = true;
    return got;
}

static inline void hv_lock_put(void)
{
    this_cpu()->has_hv_lock = false;
    lock_put(&hv_lock);
}

/*
 * For what is done with and without: false, the caller has it already, and
 * nothing was done. What it returns is hv_lock_put_back()'s.
 */
must_check static inline bool hv_lock_get_once(void)
{
    if (this_cpu()->has_hv_lock)
        return false;
    hv_lock_get();
    return true;
}

static inline void hv_lock_put_back(bool got)
{
    if (got)
        hv_lock_put();
}

/*
 * Has anybody waited for long, while the caller looked now and then, for this
 * lock, if it has that, or for the memory lock of the domain that it runs?
 */
bool lock_overdue(void);
