/* SPDX-License-Identifier: MIT */
/*
 * span.h: which block of a domain's own serves which span, so that a page that
 * is ballooned out and in again comes back to its own place in its block, and
 * the block is whole again when all of them have: for a domain that is shown
 * large pages (pse=) and would not look whether one is refused.
 *
 * Block b serves span s if each page s * 512 + i that is there is frame i of b,
 * as far as it is known. That is learnt from M2P when the first frames of a
 * whole block are given up, and set when a block is cut for a span. Both are
 * hints and no more: M2P is the guest's, so what it says decides which free
 * frame of its own a domain is given, and nothing else.
 *
 * Invariants: no two blocks of a domain's that have a frame table serve one
 * span, so the slot of a span names the block that does, if one does; those of
 * them that have free frames are on the list `serving`, all others that have
 * some on `holed`. What a slot names is looked at before it is used: a block
 * goes, and its table, without a word to the slot.
 */
#pragma once

#include "mm/alloc/holed.h"
#include "mm/alloc/quota.h"

#define SPAN_SLOTS (PAGE_SIZE / sizeof(uint32_t)) /* of a page of them */
#define SPAN_MAX   (SPAN_SLOTS * SPAN_SLOTS) /* 2 TiB of a domain's pages */
_Static_assert(SPAN_MAX < UINT32_MAX, "frame_table.span has any, plus one");

static inline uint64_t span_of(pfn_t pfn)
{
    return pfn.v / BLOCK_FRAMES;
}

/* Are pages of the domain's to come back to their places? */
static inline bool span_kept(const struct mm_domain *d)
{
    return d->large_shown && d->relinquish == RELINQUISH_KEEP;
}

/* Is it one that the domain may have pages of? */
static inline bool span_sane(const struct mm_domain *d, uint64_t span)
{
    return span < MIN(quota_maxmem(d->max_pages), (uint64_t)SPAN_MAX);
}

/* The block with a frame table that serves it, or NULL. */
struct block *span_block(const struct mm_op *op, uint64_t span);
/* There is memory to note in which block serves it. */
bool span_prepare(const struct mm_op *op, uint64_t span);
/*
 * b, of op's domain, with a table, serves it from now on: unless it has free
 * frames in its map, or another does that has some, or there is no memory to
 * note it in. To find memory may discharge what is owed: b may be gone then.
 */
void span_serve(struct mm_op *op, struct block *b, uint64_t span);
/* These frames are about to be given up: what M2P says of their blocks. */
void span_learn(struct mm_op *op, const mfn_t *m, unsigned n);
/* The domain ends. */
void span_clear(struct mm_domain *d);

/* --- the two lists of blocks with holes ----------------------------------- */

/* That which a block with this table is on, or would be. */
static inline uint32_t *span_list(struct mm_domain *d,
                                  const struct frame_table *t)
{
    return t->span ? &d->serving : &d->holed;
}

/* All of both; 0: none, the end. */
static inline uint32_t span_first(const struct mm_domain *d)
{
    return d->holed ? d->holed : d->serving;
}

static inline uint32_t span_next(const struct mm_domain *d,
                                 const struct block *b)
{
    if (b->next || frame_table_at(d->mm, b->table)->span)
        return b->next;
    return d->serving;
}
