/* SPDX-License-Identifier: MIT */
/*
 * shared.h: blocks cut for anybody (relinquish=cut): each frame has an owner
 * of its own, the block has none.
 *
 * A domain whose policy is RELINQUISH_CUT turns a block of its own into a
 * shared one when it gives back the first single frame of it. Free frames of
 * shared blocks are taken by any domain that needs single frames, before a
 * new block is cut for it; scrubbed when they change hands. A shared block
 * whose frames are all free goes back whole. It is never mapped or marked as
 * a superpage. It has a frame table for as long as it is shared. Who takes
 * free frames of it is charged for them, who keeps it for those nobody takes:
 * keeper.h, quota.h.
 *
 * Invariants: mm.shared lists exactly the shared blocks with free frames; a
 * frame is free there, with OWNER_NONE, or some domain's, or was freed and is
 * owed for (owed.h): then it is nobody's, and in no map or count of free ones.
 *
 * Of the counts of `op->d`, tot_pages and holes are the caller's.
 */
#pragma once

#include "mm/alloc/frame.h"

/* The block, which has a table, is op's domain's and in no superpage. */
void shared_convert(struct mm_op *op, struct block *b);
/* Up to n single frames, zeroed; how many there were. */
must_check unsigned shared_take(struct mm_op *op, mfn_t *out, unsigned n);
/* 2^order contiguous, aligned frames, zeroed; false: none were found. */
must_check bool shared_take_chunk(struct mm_op *op, unsigned order, mfn_t *out);
/* Frames of one shared block whose bits are in one word of its map. */
struct shared_frames {
    struct block *block;
    unsigned word; /* of the map */
    uint64_t bits; /* there */
    unsigned n;    /* how many these are */
};
/* Freed, they were d's, which counts them no more: now they are on offer, and
 * the block may go. */
void shared_offer(struct mm *mm, struct mm_domain *d,
                  const struct shared_frames *f);

/*
 * Idle work: scrub up to n free frames, of those that are given next. Returns
 * how many. No operation is under way.
 */
uint64_t shared_scrub(struct mm *mm, uint64_t n);
/* Nobody does between the two; what is being scrubbed is waited for. */
void shared_scrub_stop(struct mm *mm);
void shared_scrub_go(struct mm *mm);

/* mm.shared: blocks there are, and free frames, being scrubbed or not. */
struct shared_stats {
    uint64_t blocks, free_frames;
};
struct shared_stats shared_stats(struct mm *mm);
