/* SPDX-License-Identifier: MIT */
/*
 * watchdog.c: a guest asks for one with id 0, is told its number, and renews
 * it before the time is over; seconds = 0 ends it.
 *
 * Invariant: watchdog[i] is the time at which number i + 1 runs out, 0 while
 * it is free.
 */
#include "hv/sched/watchdog.h"

#include "hv/dev/clock.h"
#include "xen/errno.h"

#define SECOND UINT64_C(1000000000)

static uint64_t after(uint32_t seconds)
{
    return clock_now_ns() + seconds * SECOND;
}

static long add(struct domain *d, uint32_t seconds)
{
    for (unsigned i = 0; i < DOMAIN_WATCHDOGS; i++) {
        if (d->watchdog[i])
            continue;
        d->watchdog[i] = after(seconds);
        return i + 1;
    }
    return -XEN_ENOSPC;
}

long watchdog_set(struct domain *d, uint32_t id, uint32_t seconds)
{
    if (id == 0)
        return add(d, seconds);
    if (id > DOMAIN_WATCHDOGS || !d->watchdog[id - 1])
        return -XEN_EINVAL;
    d->watchdog[id - 1] = seconds ? after(seconds) : 0;
    return 0;
}

void watchdog_tick(uint64_t now)
{
    for (struct domain *d = domain_list; d; d = d->next)
        for (unsigned i = 0; i < DOMAIN_WATCHDOGS; i++)
            if (d->watchdog[i] && d->watchdog[i] <= now && domain_runs(d))
                domain_crash(d, "it did not reset its watchdog %u in time",
                             i + 1);
}

void watchdog_delay(struct domain *d, uint64_t ns)
{
    for (unsigned i = 0; i < DOMAIN_WATCHDOGS; i++)
        if (d->watchdog[i])
            d->watchdog[i] += ns;
}
