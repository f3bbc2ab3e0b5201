/* SPDX-License-Identifier: MIT */
/*
 * absent.h: a moment in which an entry is not there, though the guest has done
 * nothing to it: it changes the size of its pages (resize.h), or what it maps
 * is moved (mm/resize/move.h). Other vCPUs of the domain run meanwhile and
 * shall not notice, so whoever meets a fault waits for the end and tries again
 * (hv/domain/retry.h).
 *
 * Invariant: mm_domain.absent is odd from before the first such entry is
 * cleared until after the last is stored, and even else; so who sees an entry
 * absent sees the count raised. In between nothing is waited for but flushes
 * and spins: who waits for the end may have any other lock, but not the
 * domain's memory lock, without which it cannot be under way.
 */
#pragma once

#include "mm/alloc/mm.h"

static inline void absent_begin(const struct mm_op *op)
{
    uint32_t was = atomic_fetch_add(&op->d->absent, 1);

    ASSERT(!(was & 1)); /* never one in the other */
}

/*
 * Nothing is absent, but each vCPU's next fault is to be looked at, because a
 * large page was refused (hv/domain/refused.h).
 */
static inline void absent_notice(const struct mm_op *op)
{
    atomic_fetch_add(&op->d->absent, 2);
}

static inline void absent_end(const struct mm_op *op)
{
    uint32_t was = atomic_fetch_add(&op->d->absent, 1);

    ASSERT(was & 1);
}
