/* SPDX-License-Identifier: MIT */
/*
 * lock.h: the one lock of the hypervisor. Who is in C holds it, but for what a
 * CPU does to itself and its mailbox; the fast paths in assembly do without.
 *
 * Invariant: its holder never waits for another CPU that may wait for it, but
 * by ipi_flush_wait(), and whoever waits here serves its mailbox (ipi.h): so
 * nobody waits for ever. Whoever comes when it is free has it, because on a
 * machine that is a guest itself the one whose turn it were may not run just
 * then; but who has waited for long claims it, and then nobody else takes it.
 */
#pragma once

#include <stdatomic.h>

#include "base.h"

struct lock {
    _Atomic uint32_t held;    /* bit 0 */
    _Atomic uint32_t claim;   /* 1 + the id of the CPU that is next; 0: none */
    _Atomic uint32_t waiting; /* so many CPUs */
};
_Static_assert(offsetof(struct lock, held) == 0,
               "entry.asm sets and clears bit 0");

extern struct lock hv_lock;

/* How often it was waited for, and for how long at most, in TSC ticks. */
extern struct lock_stats {
    uint64_t waits, longest;
} lock_stats;

/*
 * What is more than one look, out of line, for entry.asm too. taken: the bit is
 * ours, but another CPU has claimed the lock.
 */
void lock_wait(bool taken);

static inline void lock_get(void)
{
    bool taken =
        !atomic_exchange_explicit(&hv_lock.held, 1, memory_order_acquire);

    if (unlikely(!taken ||
                 atomic_load_explicit(&hv_lock.claim, memory_order_relaxed)))
        lock_wait(taken);
}

static inline void lock_put(void)
{
    atomic_store_explicit(&hv_lock.held, 0, memory_order_release);
}

/* For assembly, in the middle of a path. */
void lock_take(void);

/*
 * The caller holds it: has anybody waited for it for long, while the caller
 * looked now and then?
 */
bool lock_overdue(void);
