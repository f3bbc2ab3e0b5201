/* SPDX-License-Identifier: MIT */
/*
 * quota.h: how much of the machine a domain may hold. Memory is dealt in
 * blocks, so a quota of frames is none: one frame kept in each of a thousand
 * blocks holds a thousand blocks.
 *
 * A domain is charged, in frames, for its blocks, whatever they have of holes;
 * for its frames in shared blocks; and for the free frames of those shared
 * blocks that it has shared itself and still keeps. Nothing is charged for what
 * others have or had, so no domain can use up another's quota; what others left
 * to it counts as a block it is in, of which it can only be in so many.
 *
 * Invariants, checked by the audit:
 *  - a domain has no more blocks of its own than quota_blocks();
 *  - it is in no more than QUOTA_WIDTH times as many, shared ones included,
 *    however others come and go, and in half of that that others keep.
 * Of the fragment reserve it takes no more than its share; what others leave to
 * it counts there, and a smaller maxmem takes nothing away.
 * They hold because every way to one block more asks here first, and only
 * that: giving back is never refused, nor is moving together what it has. And
 * it is enough: quota_blocks() is maxmem and QUOTA_SPARE besides, so with all
 * holes filled and no free frame left in what it keeps, a domain below its
 * maxmem can always have one more block: one that takes single frames comes
 * back to its full size.
 */
#pragma once

#include "mm/alloc/frame.h"

/*
 * Blocks beyond maxmem: one its fixed frames are cut from, whose other frames
 * it need not use when all of its memory is whole blocks; one that is only
 * partly filled when it is given single frames; one in flight, an exchange's or
 * heal's, got before what it replaces is given back; and one that what was
 * replaced may leave behind, full of holes. Supplied tables are beside these:
 * one frame to a block, for a domain whose superpages were all shattered.
 */
#define QUOTA_SPARE 4u
#define QUOTA_WIDTH 4u
_Static_assert(QUOTA_WIDTH % 2 == 0, "half of it is for what others keep");

static inline uint64_t quota_maxmem(uint64_t max_pages)
{
    return max_pages / BLOCK_FRAMES + !!(max_pages % BLOCK_FRAMES);
}

/* Blocks a domain of this size may have. */
static inline uint64_t quota_blocks_for(uint64_t max_pages)
{
    uint64_t blocks = quota_maxmem(max_pages);

    return blocks + blocks / BLOCK_FRAMES + QUOTA_SPARE;
}

static inline uint64_t quota_blocks(const struct mm_domain *d)
{
    return quota_blocks_for(d->max_pages);
}

/* Of what others change, too: as it was a moment ago. */
static inline uint64_t quota_look(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

/* What it holds, in frames. */
static inline uint64_t quota_charge(const struct mm_domain *d)
{
    return d->blocks * BLOCK_FRAMES + d->shared_frames +
           quota_look(&d->kept_free);
}

/* How many frames more that may be. */
static inline uint64_t quota_left(const struct mm_domain *d)
{
    uint64_t most = quota_blocks(d) * BLOCK_FRAMES, has = quota_charge(d);

    return has < most ? most - has : 0;
}

/*
 * Blocks that would be whole but for it, at worst. Who inherits a block keeps
 * it before it is none of others' any more: looked at in the other order, it is
 * in neither number at no time.
 */
static inline uint64_t quota_width(const struct mm_domain *d)
{
    uint64_t joined = atomic_load_explicit(&d->joined, memory_order_acquire);

    return d->blocks + quota_look(&d->kept_blocks) + joined;
}

/* Blocks of the fragment reserve it has, its own and those it keeps. */
static inline uint64_t quota_reserved(const struct mm_domain *d)
{
    return d->reserved + quota_look(&d->kept_reserved);
}

/* May it get n whole blocks? */
static inline bool quota_may_get(const struct mm_domain *d, uint64_t n)
{
    const uint64_t blocks = quota_blocks(d);

    return quota_charge(d) + n * BLOCK_FRAMES <= blocks * BLOCK_FRAMES &&
           quota_width(d) + n <= QUOTA_WIDTH * blocks;
}

/*
 * May it get one more for frames it has already, which will be moved there?
 * Charged it may be for more than it may have while others' leaving has made it
 * the keeper of what they left: then moving is what helps.
 */
static inline bool quota_may_move(const struct mm_domain *d)
{
    return d->blocks < quota_blocks(d) &&
           quota_width(d) < QUOTA_WIDTH * quota_blocks(d);
}

/* May it have frames in one more block that others keep? */
static inline bool quota_may_join(const struct mm_domain *d)
{
    return d->joined < QUOTA_WIDTH / 2 * quota_blocks(d) &&
           quota_width(d) < QUOTA_WIDTH * quota_blocks(d);
}

/* Blocks of the fragment reserve it may have: by its size, and one more. */
uint64_t quota_reserve(const struct mm_domain *d);

/* May its maxmem be this? Not below what it has; in frames. */
static inline bool quota_may_be(const struct mm_domain *d, uint64_t max_pages)
{
    return d->tot_pages <= max_pages &&
           quota_charge(d) <= quota_blocks_for(max_pages) * BLOCK_FRAMES &&
           quota_width(d) <= QUOTA_WIDTH * quota_blocks_for(max_pages) &&
           d->joined <= QUOTA_WIDTH / 2 * quota_blocks_for(max_pages);
}
