/* SPDX-License-Identifier: MIT */
/*
 * dmem.h: what a domain has: whole blocks, frames of its cut blocks, holes.
 *
 * Invariants: a block belongs to one domain from the moment it is got until
 * all its 512 frames are free; then, and only then, it goes back whole. The
 * block word counts as holes the frames the domain has given up, the table's
 * hole_map shows those nobody refers to any more. What is freed loses its
 * type, so it is handed out again only after a flush: owed.h sees to that.
 * Frames in shared blocks are apart from all that: shared.h.
 */
#pragma once

#include "mm/alloc/frame.h"

/* Put d on mm's list, empty. d->id, policies and max_pages are set already. */
void dmem_domain_init(struct mm *mm, struct mm_domain *d);
/* Put v on d's list, without roots and segments. */
void dmem_vcpu_init(struct mm_domain *d, struct mm_vcpu *v);

/*
 * Give back everything: roots, segments, pins, partial tables, then all
 * blocks. No vCPU of d runs any more; op->v is one of them. Preemptible:
 * ERR_RESTART means call again. Afterwards d is off mm's list.
 */
enum err dmem_domain_destroy(struct mm_op *op);

/*
 * The first half of it: nothing refers to a frame any more but its owner, and
 * the hypervisor to those that are fixed or supplied; the memory stays as it
 * is. *cursor: 0 at first. ERR_RESTART: call again.
 */
enum err dmem_let_go(struct mm_op *op, uint64_t *cursor);

/* May the domain have n more frames? */
static inline bool dmem_may_grow(const struct mm_domain *d, uint64_t n)
{
    return d->tot_pages <= d->max_pages && n <= d->max_pages - d->tot_pages;
}

/* One whole block, scrubbed; uses up the domain's claim first. ERR_NOMEM. */
enum err dmem_block_get(struct mm_op *op, blk_t *out);
/*
 * The same for its guest, which may have back what was its own as it left it,
 * and for nobody who relies on zeroes.
 */
enum err dmem_block_get_own(struct mm_op *op, blk_t *out);
/* The same as somebody left it: for a domain that no guest is in. */
enum err dmem_block_get_dirty(struct mm_op *op, blk_t *out);
/*
 * As somebody left it too, for 512 frames of the domain's to be moved there:
 * not out of its claim, which is for memory it has not got yet.
 */
enum err dmem_block_get_to_move(struct mm_op *op, blk_t *out);
/*
 * The 512 blocks of a whole region, dirty where BLOCK_DIRTY says so: for the
 * caller to scrub before a guest is in. From the claim, if that promises so
 * many. ERR_NOMEM.
 */
enum err dmem_region_get_dirty(struct mm_op *op, blk_t *first);
/* Nobody has used the block yet: zero it, if that is not done already. */
void dmem_block_scrub(struct mm_op *op, blk_t blk);
/*
 * O(1) where nobody has used it at 4 KiB grain. ERR_INVAL: not the domain's;
 * ERR_BUSY: something refers to it, or it has holes.
 */
enum err dmem_block_put(struct mm_op *op, blk_t b);

/*
 * 2^order contiguous, aligned frames, order 0..8: holes of the domain's own,
 * whose content is its own, or frames of shared blocks, or a block is cut,
 * scrubbed. ERR_NOMEM: none, or none that quota.h allows it.
 */
enum err dmem_chunk_get(struct mm_op *op, unsigned order, mfn_t *out);
/* A free frame of this block of the domain's that has one, as it was left. */
mfn_t dmem_hole_take(struct mm_op *op, struct block *b);
/* As if it had not been got: nobody has seen it. */
void dmem_chunk_undo(struct mm_op *op, unsigned order, mfn_t m);
/* n single frames, anywhere; *done of them on an error. ERR_NOMEM. */
enum err dmem_frames_get(struct mm_op *op, mfn_t *out, unsigned n,
                         unsigned *done);
/*
 * For these pages, each in its place in the block that serves its span
 * (span.h), or in one that is cut for it; anywhere if there is none or the
 * place is taken. Without an error the first *done of them, one at least: not
 * more than one block is cut for a span, since that may be to zero 2 MiB.
 */
enum err dmem_frames_get_for(struct mm_op *op, const pfn_t *pfn, mfn_t *out,
                             unsigned n, unsigned *done);
/*
 * A zeroed frame shared with the hypervisor (shared_info, ...), which holds a
 * writable reference: not counted, and the guest cannot give it back.
 */
enum err dmem_fixed_get(struct mm_op *op, mfn_t *out);
/* Could dmem_frame_put() succeed? Makes the block's table. ERR_NOMEM. */
enum err dmem_frame_check(struct mm_op *op, mfn_t m);
/*
 * The owner gives a frame up; it is free when its last reference goes, pins
 * included (XSA-252). ERR_INVAL: not the domain's to give; ERR_BUSY: part of
 * a mapped or marked superpage.
 */
enum err dmem_frame_put(struct mm_op *op, mfn_t m);
/* For n of them; stops at the first error, after *done. */
enum err dmem_frames_put(struct mm_op *op, const mfn_t *m, unsigned n,
                         unsigned *done);
/* The last reference of a frame that was given up has gone. */
void dmem_frame_free(struct mm_op *op, struct frame *f);
/* It is counted for the domain no more, and its block counts it as a hole. */
void dmem_frame_leave(struct mm_op *op, struct frame *f);

/*
 * For owed.c: what was d's and is owed for no more is on offer. Of n frames
 * some from the first on: returns how many.
 */
must_check unsigned dmem_frames_offer(struct mm *mm, struct mm_domain *d,
                                      const uint64_t *mfns, unsigned n);
void dmem_block_offer(struct mm *mm, blk_t blk);
