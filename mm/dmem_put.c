/* SPDX-License-Identifier: MIT */
/*
 * dmem_put.c: blocks and frames on their way back. A frame is given up by its
 * owner first, and is free when its last reference has gone. The policy cut
 * shares the block it lies in; keep makes a hole of it, and the block goes
 * back when it is all holes. What is free is on offer once what is owed for it
 * is discharged (owed.h): until then it is in nobody's list or map.
 */
#include "mm/dmem.h"

#include "mm/holed.h"
#include "mm/m2p.h"
#include "mm/shared.h"

/* The block has neither references nor frames in use: it is nobody's. */
static void block_leave(struct mm *mm, struct mm_domain *d, struct block *b)
{
    if (b->word & BLOCK_CUT)
        d->blocks_cut--;
    d->reserved -= !!(b->word & BLOCK_RESERVED);
    d->blocks--;
    if (b->table)
        frame_table_drop(mm, d, b);
    atomic_store(&b->word, block_word(BLOCK_OWED, OWNER_NONE));
}

void dmem_block_offer(struct mm *mm, blk_t blk)
{
    struct block *b = mm_block(mm, blk);

    ASSERT(block_class(b->word) == BLOCK_OWED);
    atomic_store(&b->word, block_word(BLOCK_DOM, OWNER_NONE));
    alloc_block_put(mm, blk);
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

    BUG_IF(!block_apply(f->block, block, block_hole_get));
    BUG_IF(!frame_apply(f, old, frame_unalloc, op->d->id));
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

void dmem_run_undo(struct mm_op *op, unsigned order, mfn_t m)
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
        holed_link(mm, &d->holed, b);
    if (unlikely(t->nr_free == BLOCK_FRAMES)) {
        holed_unlink(mm, &d->holed, b);
        d->holes -= BLOCK_FRAMES;
        block_leave(mm, d, b);
        dmem_block_offer(mm, blk_of(block_index(mm, b)));
    }
}

/* Those at the front whose bits are in one word of the map go in together. */
unsigned dmem_frames_offer(struct mm *mm, struct mm_domain *d,
                           const uint64_t *mfns, unsigned n)
{
    struct frame f = frame_held(mm, mfn_of(mfns[0]));
    uint64_t word = mfns[0] / 64, bits = 0;
    unsigned i = 0;

    if (unlikely(block_class(f.block->word) == BLOCK_SHARED)) {
        shared_offer(mm, d, &f);
        return 1;
    }
    do
        bits |= BIT(mfns[i] % 64);
    while (++i < n && mfns[i] / 64 == word);
    f.table->hole_map[f.i / 64] |= bits;
    more_free(mm, d, f.block, i);
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
 * The usual case of dmem_frame_put(): nobody else refers to the frame. false:
 * nothing was done.
 */
static always_inline bool put_idle(struct mm *mm, struct mm_domain *d,
                                   unsigned id, mfn_t m)
{
    struct block *b;
    struct frame f;
    uint32_t table;

    if (unlikely(!mm_mfn_valid(mm, m)))
        return false;
    b = mm_block(mm, blk_of_mfn(m));
    table = b->table;
    if (unlikely(!block_owned_by(b->word, id) || table == 0))
        return false;
    f = (struct frame){m, b, frame_table_at(mm, table), m.v % BLOCK_FRAMES};
    if (unlikely(!frame_is_idle(frame_word(&f), id)))
        return false;
    if (unlikely(!block_try(b, block_hole_get)))
        return false;
    BUG_IF(!frame_try(&f, frame_vacate, id));
    d->holes++;
    d->tot_pages--;
    m2p_clear(mm, m, 1);
    return true;
}

/* No more than MM_FREED. */
static enum err put_some(struct mm_op *op, const mfn_t *m, unsigned n,
                         unsigned *done)
{
    struct mm_domain *d = op->d;
    /* Under the policy cut no block of one's own gets holes: none fits. */
    const unsigned id = d->relinquish == RELINQUISH_CUT ? OWNER_NONE : d->id;
    struct mm_owed *o = mm_op_room(op, n);
    struct mm *mm = op->mm;
    enum err rc = ERR_NONE;
    unsigned i;

    for (i = 0; i < n; i++) {
        if (likely(put_idle(mm, d, id, m[i])) || shared_put_idle(op, m[i])) {
            mm_op_freed_more(o, m[i]);
            continue;
        }
        rc = dmem_frame_put(op, m[i]);
        if (unlikely(rc))
            break;
    }
    *done = i;
    return rc;
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
