/* SPDX-License-Identifier: MIT */
/*
 * dmem_put.c: blocks and frames on their way back. A frame is given up by its
 * owner first, and is free when its last reference has gone. The policy cut
 * shares the block it lies in; keep makes a hole of it, and the block goes
 * back when it is all holes. What is free is on offer once what is owed for it
 * is discharged (owed.h): until then it is in nobody's list or map.
 */
#include "mm/alloc/dmem.h"

#include "mm/alloc/m2p.h"
#include "mm/alloc/shared.h"
#include "mm/alloc/span.h"
#include "mm/base/chunk.h"

/* The block has neither references nor frames in use: it is nobody's. */
static void block_leave(struct mm *mm, struct mm_domain *d, struct block *b)
{
    if (b->word & BLOCK_CUT)
        d->blocks_cut--;
    d->reserved -= !!(b->word & BLOCK_RESERVED);
    d->blocks--;
    if (b->table)
        frame_table_drop(mm, d, b);
    /* What was dirty to the end may be another's still. */
    atomic_store(&b->word, block_word(BLOCK_OWED, OWNER_NONE) |
                               (b->word & BLOCK_DIRTY ? 0 : d->incarnation));
}

void dmem_block_offer(struct mm *mm, blk_t blk)
{
    struct block *b = mm_block(mm, blk);

    const uint64_t last = block_last(b->word);

    ASSERT(block_class(b->word) == BLOCK_OWED);
    atomic_store(&b->word, block_word(BLOCK_DOM, OWNER_NONE));
    alloc_block_put(mm, blk, last ? last : ALLOC_ANYTHING);
}

enum err dmem_block_put(struct mm_op *op, blk_t blk)
{
    struct block *b;

    if (blk.v >= op->mm->nr_blocks)
        return ERR_INVAL;
    b = mm_block(op->mm, blk);
    if (!block_owned_by(b->word, op->d->id))
        return ERR_INVAL;
    if ((b->word & (BLOCK_SUPER_USE | BLOCK_SMALL_USE)) ||
        !frame_table_trim(op->mm, op->d, b))
        return ERR_BUSY;
    m2p_clear(op->mm, mfn_of_blk(blk), BLOCK_FRAMES);
    op->d->tot_pages -= BLOCK_FRAMES;
    block_leave(op->mm, op->d, b);
    mm_op_freed_block(op, blk);
    return ERR_NONE;
}

/* Is the frame the domain's to give up, and in no superpage? */
static enum err may_put(const struct mm_op *op, const struct frame *f)
{
    uint64_t w = frame_word(f);

    if (unlikely((w ^ (op->d->owner_bits | FRAME_ALLOCATED)) &
                 (FRAME_OWNER_MASK | FRAME_ALLOCATED | FRAME_FIXED)))
        return ERR_INVAL;
    return unlikely(f->block->word & BLOCK_SUPER_USE) ? ERR_BUSY : ERR_NONE;
}

enum err dmem_frame_check(struct mm_op *op, mfn_t m)
{
    struct frame f;
    enum err rc = frame_find(op, m, &f);

    if (rc)
        return rc == ERR_NOMEM ? rc : ERR_INVAL;
    return may_put(op, &f);
}

/* Nothing speaks against it: from the owner's to a hole when it is unused. */
static void give_up(struct mm_op *op, struct frame *f)
{
    uint64_t old, block;

    MUST(block_apply(f->block, block, block_hole_get));
    MUST(frame_apply(f, old, frame_unalloc, op->d->id));
    op->d->holes += block_class(block) != BLOCK_SHARED;
    if (likely(frame_refs(old) == 1))
        dmem_frame_free(op, f);
}

enum err dmem_frame_put(struct mm_op *op, mfn_t m)
{
    struct frame f;
    enum err rc = frame_find(op, m, &f);

    if (unlikely(rc))
        return rc == ERR_NOMEM ? rc : ERR_INVAL;
    rc = may_put(op, &f);
    if (unlikely(rc))
        return rc;
    if (op->d->relinquish == RELINQUISH_CUT &&
        block_owned_by(f.block->word, op->d->id))
        shared_convert(op, f.block);
    give_up(op, &f);
    return ERR_NONE;
}

void dmem_chunk_undo(struct mm_op *op, unsigned order, mfn_t m)
{
    for (unsigned i = 0; i < 1u << order; i++) {
        struct frame f = frame_held(op->mm, mfn_add(m, i));

        give_up(op, &f);
    }
}

/* n more free ones are in the map of a block of d's. */
static void more_free(struct mm *mm, struct mm_domain *d, struct block *b,
                      unsigned n)
{
    struct frame_table *t = frame_table_at(mm, b->table);
    unsigned had = t->nr_free;

    t->nr_free = (uint16_t)(had + n);
    if (unlikely(had == 0))
        holed_link(mm, span_list(d, t), b);
    if (unlikely(t->nr_free == BLOCK_FRAMES)) {
        holed_unlink(mm, span_list(d, t), b);
        d->holes -= BLOCK_FRAMES;
        block_leave(mm, d, b);
        dmem_block_offer(mm, blk_of(block_index(mm, b)));
    }
}

/* Those at the front whose bits are in one word of the map go in together. */
unsigned dmem_frames_offer(struct mm *mm, struct mm_domain *d,
                           const uint64_t *mfns, unsigned n)
{
    struct block *b = mm_block(mm, blk_of_mfn(mfn_of(mfns[0])));
    const uint64_t at = mfns[0] / 64;
    const unsigned word = (unsigned)at % CHUNK_WORDS;
    uint64_t bits = 0;
    unsigned i = 0;

    do
        bits |= BIT(mfns[i] % 64);
    while (++i < n && mfns[i] / 64 == at);
    if (unlikely(block_class(b->word) == BLOCK_SHARED)) {
        shared_offer(mm, d, &(struct shared_frames){b, word, bits, i});
        return i;
    }
    frame_table_at(mm, b->table)->hole_map[word] |= bits;
    more_free(mm, d, b, i);
    return i;
}

void dmem_frame_leave(struct mm_op *op, struct frame *f)
{
    atomic_store_explicit(frame_word_ptr(f), frame_word_hole(),
                          memory_order_release);
    m2p_clear(op->mm, f->mfn, 1);
    mm_op_freed_frame(op, f->mfn);
}

void dmem_frame_free(struct mm_op *op, struct frame *f)
{
    ASSERT(frame_refs(frame_word(f)) == 0);
    op->d->tot_pages--;
    dmem_frame_leave(op, f);
}

/*
 * Where frames may become holes without more ado: a block of one's own, in no
 * superpage, that is not to be shared now, or one that is shared.
 */
static struct block *block_to_hole(const struct mm_op *op, mfn_t m)
{
    struct block *b;

    if (unlikely(!mm_mfn_valid(op->mm, m)))
        return NULL;
    b = mm_block(op->mm, blk_of_mfn(m));
    if (block_class(b->word) == BLOCK_SHARED)
        return frame_in_shared(op, b, m) ? b : NULL;
    return likely(block_owned_by(b->word, op->d->id) && b->table &&
                  !(b->word & BLOCK_SUPER_USE) &&
                  op->d->relinquish != RELINQUISH_CUT)
               ? b
               : NULL;
}

/* They are holes now, and the block counts them all at once. */
static void count_holes(struct mm_op *op, struct block *b, unsigned n)
{
    MUST(block_try(b, block_holes_get, n));
    op->d->holes += block_class(b->word) == BLOCK_SHARED ? 0 : n;
    op->d->tot_pages -= n;
}

/*
 * The usual case of dmem_frame_put(), for as many at the front of m as lie in
 * one block and nobody else refers to: how many. o has room for all n.
 */
static always_inline unsigned put_idle(struct mm_op *op, struct mm_owed *o,
                                       const mfn_t *m, unsigned n)
{
    struct block *b = block_to_hole(op, m[0]);
    const unsigned id = op->d->id;
    struct mm *mm = op->mm;
    struct frame_table *t;
    unsigned i = 0;

    if (unlikely(!b))
        return 0;
    t = frame_table_at(mm, b->table);
    do {
        struct frame f = {m[i], b, t, m[i].v % BLOCK_FRAMES};

        if (unlikely(!frame_try(&f, frame_vacate, id)))
            break;
        m2p_clear(mm, m[i], 1);
        mm_op_freed_more(o, m[i]);
    } while (++i < n && m[i].v / BLOCK_FRAMES == m[0].v / BLOCK_FRAMES);
    if (likely(i > 0))
        count_holes(op, b, i);
    return i;
}

/* No more than MM_FREED. */
static enum err put_some(struct mm_op *op, const mfn_t *m, unsigned n,
                         unsigned *done)
{
    struct mm_owed *o = mm_op_room(op, n);

    for (*done = 0; *done < n;) {
        unsigned some = put_idle(op, o, m + *done, n - *done);

        if (unlikely(some == 0)) {
            enum err rc = dmem_frame_put(op, m[*done]);

            if (rc)
                return rc;
            some = 1;
        }
        *done += some;
    }
    return ERR_NONE;
}

enum err dmem_frames_put(struct mm_op *op, const mfn_t *m, unsigned n,
                         unsigned *done)
{
    enum err rc = ERR_NONE;

    for (*done = 0; *done < n && !rc;) {
        unsigned some;

        rc = put_some(op, m + *done, MIN(n - *done, MM_FREED), &some);
        *done += some;
    }
    return rc;
}
