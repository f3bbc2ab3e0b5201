/* SPDX-License-Identifier: MIT */
/*
 * lock.h: a lock that is held for as long as an operation takes, which may be
 * a millisecond: a domain's memory lock (mm/alloc/mm.h), and the hypervisor's
 * own (hv/arch/lock.h). For sections of some instructions there is spin.h.
 *
 * Invariant: whoever waits for one does meanwhile what its holder may wait for
 * (port_lock_wait()), so nobody waits for ever. Whoever comes when it is free
 * has it, because on a machine that is a guest itself the one whose turn it
 * were may not run just then; but who has waited for long claims it, or has a
 * lock above it that others wait for, and then nobody else takes it.
 */
#pragma once

#include <stdatomic.h>

#include "mm/base/lock_hook.h"

struct lock {
    _Atomic uint32_t held;    /* bit 0 */
    _Atomic uint32_t claim;   /* 1 + the id of the CPU that is next; 0: none */
    _Atomic uint32_t waiting; /* so many CPUs */
    /* How often it was waited for, and how long at most, in ticks: its
     * holder's. */
    uint32_t waits;
    uint64_t longest;
    LOCK_HOOK
};

/* Of a lock that is zero as yet: what it is, for lockdep.h. */
static inline void lock_init(struct lock *l, enum lockdep_class class,
                             uint32_t order)
{
    lock_hook_name(l, class, order);
    (void)class, (void)order;
}

/*
 * What is more than one look. taken: it is held by the caller, but another CPU
 * has claimed it. On return the caller has it.
 */
void port_lock_wait(struct lock *l, bool taken);
/* Whoever has it now, this CPU is next unless another has said so before. */
void port_lock_claim(struct lock *l);

/*
 * The same keeping all registers, so that a function that may have to wait
 * costs no more than one that calls nobody: but in a program of some system,
 * whose stack is not ours to use behind the compiler's back.
 */
static always_inline void lock_wait_aside(struct lock *l, bool taken)
{
#if __STDC_HOSTED__
    port_lock_wait(l, taken);
#else
    __asm__ volatile("call port_lock_wait_aside"
                     :
                     : "D"(l), "S"((uint64_t)taken)
                     : "memory", "cc");
#endif
}

static always_inline void lock_get(struct lock *l)
{
    bool taken;

    lock_hook_want(l, LOCKDEP_LOCK);
    taken = !atomic_exchange_explicit(&l->held, 1, memory_order_acquire);
    if (unlikely(!taken ||
                 atomic_load_explicit(&l->claim, memory_order_relaxed)))
        lock_wait_aside(l, taken);
    lock_hook_got(l, LOCKDEP_LOCK);
}

/* The word alone: port_lock_wait()'s. */
static always_inline void lock_let_go(struct lock *l)
{
    atomic_store_explicit(&l->held, 0, memory_order_release);
}

static always_inline void lock_put(struct lock *l)
{
    lock_hook_put(l);
    lock_let_go(l);
}

/*
 * By who has a lock above it: others wait for that one meanwhile.
 */
static inline void lock_get_next(struct lock *l)
{
    if (unlikely(atomic_load_explicit(&l->held, memory_order_relaxed)))
        port_lock_claim(l);
    lock_get(l);
}

/* false: somebody has it, or is to have it next. */
must_check static inline bool lock_try(struct lock *l)
{
    if (atomic_load_explicit(&l->claim, memory_order_relaxed) ||
        atomic_exchange_explicit(&l->held, 1, memory_order_acquire))
        return false;
    if (likely(!atomic_load_explicit(&l->claim, memory_order_relaxed))) {
        lock_hook_tried(l, LOCKDEP_LOCK);
        return true;
    }
    lock_let_go(l);
    return false;
}
