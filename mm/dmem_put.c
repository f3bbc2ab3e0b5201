/* SPDX-License-Identifier: MIT */
/*
 * dmem_put.c: blocks and frames on their way back. A frame is given up by its
 * owner first, and is free when its last reference has gone. The policy cut
 * shares the block it lies in; keep makes a hole of it, and the block goes
 * back when it is all holes.
 */
#include "mm/dmem.h"
#include "mm/holed.h"
#include "mm/m2p.h"
#include "mm/shared.h"

/* The block has neither references nor frames in use: back it goes. */
static void block_release(struct mm_op *op, struct block *b)
{
    if (b->word & BLOCK_CUT)
        op->d->blocks_cut--;
    op->d->reserved -= !!(b->word & BLOCK_RESERVED);
    op->d->blocks--;
    if (b->table)
        frame_table_drop(op->mm, op->d, b);
    atomic_store(&b->word, block_word(BLOCK_DOM, op->d->id));
    mm_op_flush(op, tlb_full());
    alloc_block_put(op->mm, blk_of(block_index(op->mm, b)));
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
    block_release(op, b);
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

static always_inline void make_hole(struct mm *mm, struct mm_domain *d,
                                    const struct frame *f)
{
    f->table->hole_map[f->i / 64] |= BIT(f->i % 64);
    f->table->nr_free++;
    m2p_clear(mm, f->mfn, 1);
    d->tot_pages--;
}

void dmem_frame_free(struct mm_op *op, struct frame *f)
{
    ASSERT(frame_refs(frame_word(f)) == 0);
    if (block_class(f->block->word) == BLOCK_SHARED) {
        op->d->tot_pages--;
        shared_free(op, f);
        return;
    }
    atomic_store_explicit(frame_word_ptr(f), frame_word_hole(),
                          memory_order_release);
    make_hole(op->mm, op->d, f);
    mm_op_flush(op, tlb_full());
    if (f->table->nr_free == 1)
        holed_link(op->mm, &op->d->holed, f->block);
    if (f->table->nr_free == BLOCK_FRAMES) {
        holed_unlink(op->mm, &op->d->holed, f->block);
        op->d->holes -= BLOCK_FRAMES;
        block_release(op, f->block);
    }
}

/*
 * The usual case of dmem_frame_put(): nobody else refers to the frame, and
 * its block neither enters nor leaves the list. false: nothing was done.
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
    if (unlikely(f.table->nr_free - 1u >= BLOCK_FRAMES - 2 ||
                 !frame_is_idle(frame_word(&f), id)))
        return false;
    if (unlikely(!block_try(b, block_hole_get)))
        return false;
    BUG_IF(!frame_try(&f, frame_vacate, id));
    d->holes++;
    make_hole(mm, d, &f);
    return true;
}

enum err dmem_frames_put(struct mm_op *op, const mfn_t *m, unsigned n,
                         unsigned *done)
{
    struct mm_domain *d = op->d;
    /* Under the policy cut no block of one's own gets holes: none fits. */
    const unsigned id = d->relinquish == RELINQUISH_CUT ? OWNER_NONE : d->id;
    struct mm *mm = op->mm;
    enum err rc = ERR_NONE;
    unsigned i;

    for (i = 0; i < n; i++) {
        if (likely(put_idle(mm, d, id, m[i])) || shared_put_idle(op, m[i]))
            continue;
        rc = dmem_frame_put(op, m[i]);
        if (unlikely(rc))
            break;
    }
    if (i)
        mm_op_flush(op, tlb_full());
    *done = i;
    return rc;
}
