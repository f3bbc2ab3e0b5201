/* SPDX-License-Identifier: MIT */
/*
 * resize.h: a page that changes its size. What is cached of it in one size
 * must be gone before there is a translation in the other: on some processors
 * an instruction fetch that finds both is a machine check (CVE-2018-12207,
 * "machine check error on page size change"), and on all of them the guest
 * would go on with the old one.
 *
 * Invariant: an entry above level 1 never leads to one size where the other
 * may be cached for the same address. From one to the other it is not present
 * in between, and flushed; and who finds it not present flushes if the other
 * size went since the last full flush. That is the policy on every processor,
 * with the erratum or not: it costs a flush where the size does change and
 * nobody has flushed, and nothing else.
 */
#pragma once

#include "mm/pv/entry.h"

/* Does what this entry of `level` leads to come in the other size? */
static inline bool resize_differs(const struct mm_op *op, unsigned level,
                                  pte_t old, pte_t new)
{
    if ((old.v ^ new.v) & PTE_PSE)
        return true;
    /* A table above level 2 may lead to either. */
    return level > 2 && !(old.v & PTE_PSE) && op->d->super_maps > 0;
}

/* `old` was present at `level` > 1, and is not any more. */
static inline void resize_gone(struct mm_op *op, unsigned level, pte_t old)
{
    const uint32_t now = op->d->tlb_epoch;

    if (old.v & PTE_PSE)
        op->d->large_gone = now;
    else
        op->d->small_gone = now;
    if (level > 2 && op->d->super_maps > 0)
        op->d->large_gone = now;
}

/* May the other size than that of `new` still be cached where it goes? */
static inline bool resize_stale(const struct mm_op *op, unsigned level,
                                pte_t new)
{
    const uint32_t now = op->d->tlb_epoch;

    if (new.v & PTE_PSE)
        return op->d->small_gone == now;
    return op->d->large_gone == now ||
           (level > 2 && op->d->super_maps > 0 && op->d->small_gone == now);
}
