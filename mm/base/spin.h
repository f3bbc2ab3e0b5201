/* SPDX-License-Identifier: MIT */
/*
 * spin.h: the one lock of mm/, for sections of some tens of nanoseconds.
 * Holders never wait for anything but another lock further down the order
 * that alloc.h states.
 */
#pragma once

#include <stdatomic.h>

#include "mm/base/lock_hook.h"

struct spin {
    _Atomic uint32_t held;
    LOCK_HOOK
};
_Static_assert(LOCKDEP || sizeof(struct spin) == 4, "one exchange takes it");

/* Of one that is zero as yet: what it is, for lockdep.h. */
static inline void spin_init(struct spin *s, enum lockdep_class class,
                             uint32_t order)
{
    lock_hook_name(s, class, order);
    (void)class, (void)order;
}

/* Tell the core that this is a wait (SDM vol. 2, PAUSE). */
static inline void spin_wait(void)
{
    __builtin_ia32_pause();
}

static inline void spin_lock(struct spin *s)
{
    lock_hook_want(s, LOCKDEP_SPIN);
    while (atomic_exchange_explicit(&s->held, 1, memory_order_acquire))
        while (atomic_load_explicit(&s->held, memory_order_relaxed))
            spin_wait();
    lock_hook_got(s, LOCKDEP_SPIN);
}

static inline void spin_unlock(struct spin *s)
{
    lock_hook_put(s);
    atomic_store_explicit(&s->held, 0, memory_order_release);
}

/* With the lock held, but let go of meanwhile: until the condition is true. */
#define spin_await(s, condition)                                               \
    while (!(condition)) {                                                     \
        spin_unlock(s);                                                        \
        spin_wait();                                                           \
        spin_lock(s);                                                          \
    }
