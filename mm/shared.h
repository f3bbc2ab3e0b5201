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
 * a superpage. It has a frame table for as long as it is shared.
 */
#pragma once

#include "mm/frame.h"

/* mm.shared: blocks that have free frames, and what there is in all. */
struct shared_stats {
    uint64_t blocks, free_frames;
};
struct shared_stats shared_stats(const struct mm *mm);
