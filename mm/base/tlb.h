/* SPDX-License-Identifier: MIT */
/*
 * tlb.h: what has to be flushed, as a value. mm/ never flushes: operations add
 * to what their CPU owes (owed.h), and the port discharges it.
 */
#pragma once

#include "base.h"

enum tlb_what {
    TLB_NOTHING,
    TLB_PAGE, /* one address, in every root: INVLPG */
    TLB_FULL, /* everything, global entries and structure caches included */
};

struct tlb {
    enum tlb_what what;
    uint64_t va; /* with TLB_PAGE */
};
_Static_assert(TLB_NOTHING == 0, "zeroes owe nothing");

static inline struct tlb tlb_merge(struct tlb a, struct tlb b)
{
    if (a.what == TLB_NOTHING)
        return b;
    if (b.what == TLB_NOTHING || (a.what == b.what && a.va == b.va))
        return a;
    return (struct tlb){.what = TLB_FULL};
}

static inline struct tlb tlb_page(uint64_t va)
{
    return (struct tlb){.what = TLB_PAGE, .va = va};
}

static inline struct tlb tlb_full(void)
{
    return (struct tlb){.what = TLB_FULL};
}
