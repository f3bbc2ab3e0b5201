/* SPDX-License-Identifier: MIT */
/*
 * view.h: what a block, a frame and a walk through page tables look like just
 * now, for who asks (include/flagstone/view.h).
 *
 * Invariants: nothing changes, no count is taken, no table made. What is read
 * is memory that is there, whatever tables and words say: a table's entry is
 * read once, and what it names is followed only if it is a page table of the
 * domain's own. So any state will do: half validated, being relocated, dying.
 */
#pragma once

#include "flagstone/view.h"
#include "mm/alloc/frame.h"

/* Without a lock. b must be one of the machine's. */
struct flagstone_block view_block(const struct mm *mm, blk_t b);
/*
 * Any number will do for m. No operation is under way, and domains do not come
 * or go meanwhile: its owner's memory lock is taken.
 */
struct flagstone_frame view_frame(struct mm *mm, mfn_t m);
/*
 * From this root down, as the processor would go, of op's domain, which never
 * makes an address of the hypervisor's, or no address, reach anywhere: the
 * caller has refused those.
 */
void view_walk(const struct mm_op *op, mfn_t root, uint64_t va,
               struct flagstone_walk *out);

/* For who has an operation: what op's domain knows of m, any number. */
struct flagstone_frame view_frame_seen(const struct mm_op *op, mfn_t m);
/* May that be read as a page table of op's domain, of any level? */
bool view_is_own_table(const struct mm_op *op, const struct flagstone_frame *f);
