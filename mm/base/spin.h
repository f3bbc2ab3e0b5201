/* SPDX-License-Identifier: MIT */
/*
 * spin.h: the one lock of mm/, for sections of some tens of nanoseconds.
 * Holders never wait for anything but another lock further down the order
 * that alloc.h states.
 */
#pragma once

#include <stdatomic.h>

#include "base.h"

struct spin {
    _Atomic uint32_t held;
};
_Static_assert(sizeof(struct spin) == 4, "one exchange takes it");

/* Tell the core that this is a wait (SDM vol. 2, PAUSE). */
static inline void spin_wait(void)
{
    __builtin_ia32_pause();
}

static inline void spin_lock(struct spin *s)
{
    while (atomic_exchange_explicit(&s->held, 1, memory_order_acquire))
        while (atomic_load_explicit(&s->held, memory_order_relaxed))
            spin_wait();
}

static inline void spin_unlock(struct spin *s)
{
    atomic_store_explicit(&s->held, 0, memory_order_release);
}
