/* SPDX-License-Identifier: MIT */
/*
 * lock.h: the one lock of the hypervisor. Who is in C holds it, but for what a
 * CPU does to itself and its mailbox; the fast paths in assembly do without.
 *
 * Invariant: its holder never waits for another CPU that may wait for it, but
 * by ipi_flush_wait(), and whoever waits here serves its mailbox (ipi.h): so
 * nobody waits for ever. First come, first served.
 */
#pragma once

#include <stdatomic.h>

#include "base.h"

struct lock {
    _Atomic uint32_t next;    /* the number drawn by who comes next */
    _Atomic uint32_t serving; /* the number of who holds it */
};
_Static_assert(offsetof(struct lock, next) == 0 &&
                   offsetof(struct lock, serving) == 4,
               "entry.asm draws and compares");

extern struct lock hv_lock;

/* How often it was waited for, and for how long at most, in TSC ticks. */
extern struct lock_stats {
    uint64_t waits, longest;
} lock_stats;

/* Until it is this number's turn: out of line, for entry.asm too. */
void lock_wait(uint32_t number);

static inline void lock_get(void)
{
    uint32_t mine =
        atomic_fetch_add_explicit(&hv_lock.next, 1, memory_order_acquire);

    if (unlikely(atomic_load_explicit(&hv_lock.serving, memory_order_acquire) !=
                 mine))
        lock_wait(mine);
}

static inline void lock_put(void)
{
    uint32_t mine =
        atomic_load_explicit(&hv_lock.serving, memory_order_relaxed);

    atomic_store_explicit(&hv_lock.serving, mine + 1, memory_order_release);
}

/* For assembly, in the middle of a path. */
void lock_take(void);

/* The caller holds it: does anybody wait for it, ... */
static inline bool lock_wanted(void)
{
    return atomic_load_explicit(&hv_lock.next, memory_order_relaxed) -
               atomic_load_explicit(&hv_lock.serving, memory_order_relaxed) >
           1;
}

/* ... and has done so for long, while the caller looked now and then? */
bool lock_overdue(void);
