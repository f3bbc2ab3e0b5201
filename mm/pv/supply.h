/* SPDX-License-Identifier: MIT */
/*
 * supply.h: page tables the hypervisor gives to a domain beyond its memory:
 * what a superpage becomes that is whole no longer (restore=shatter).
 *
 * A supplied table is an ordinary frame of the domain's, of no pfn, from where
 * its single frames come from: its word has FRAME_FIXED without
 * FRAME_ALLOCATED, the one general reference being the hypervisor's. Nothing
 * else is special: L2 entries refer to it as to any L1 table, it is validated,
 * counted and audited like one, and the guest may change its entries, point
 * other L2 entries to it, or pin it. So nothing has to be believed about it. It
 * goes when the domain goes, or by supply_put() when nobody refers to it any
 * more.
 */
#pragma once

#include "mm/alloc/frame.h"

/* A zeroed frame for a table; if need be, the reserve is cut. ERR_NOMEM. */
enum err supply_get(struct mm_op *op, mfn_t *out);
/* false: something still refers to it, it stays. */
bool supply_put(struct mm_op *op, mfn_t m);
/* Is m a supplied table of the domain's? */
bool supply_is(const struct mm_op *op, mfn_t m);
static inline bool supply_word(uint64_t w)
{
    return (w & (FRAME_FIXED | FRAME_ALLOCATED)) == FRAME_FIXED;
}
