/* SPDX-License-Identifier: MIT */
/*
 * keeper.h: who has frames in a shared block, and who of them keeps it: the
 * domain that shared it, for as long as it has frames there, then one of those
 * that are left. The one that shared it is charged for the block's free frames
 * (quota.h), so it may always have them; who inherits it is not, for it had no
 * part in that.
 *
 * Invariants, for each shared block: its owners are exactly the domains with
 * frames there, without gaps, the keeper first; it is on the keeper's list of
 * kept blocks if and only if it has free frames and was not inherited. All with
 * mm.shared.lock held.
 */
#pragma once

#include "mm/alloc/frame.h"

/* d has shared the block, in which it has n frames and the rest is free. */
void keeper_begin(struct mm *mm, struct block *b, struct mm_domain *d,
                  uint64_t n);
/* NULL: it has no frame there. */
struct shared_owner *keeper_find(struct frame_table *t,
                                 const struct mm_domain *d);
/* May d have free frames of the block, and how many? 0: none. */
uint64_t keeper_room(const struct mm *mm, const struct block *b,
                     const struct mm_domain *d);
/* d, which may, has n frames there that were free: keeper_free() follows. */
void keeper_join(struct frame_table *t, struct mm_domain *d, uint64_t n);
/* Is nobody left once n frames are given up there? */
bool keeper_is_last(const struct frame_table *t, uint64_t n);
/*
 * d has n frames less there, which are not free yet. The last of a keeper's
 * makes another one keeper; true: nobody is left, and the keeper's accounts
 * of the block are closed.
 */
must_check bool keeper_leave(struct mm *mm, struct block *b,
                             struct mm_domain *d, uint64_t n);
/* The block has `was` free frames no more, but nr_free. */
void keeper_free(struct mm *mm, struct block *b, unsigned was);
