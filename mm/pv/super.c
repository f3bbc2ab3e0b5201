/* SPDX-License-Identifier: MIT */
/*
 * super.c: mapping a block, or a region, with one entry. The owner is compared
 * under the same swap as the count, and marks and mappings of somebody else's
 * block are refused in every state (facts 3.3 flaw 4, 3.5 a-c).
 */
#include "mm/pv/super.h"

#include "mm/pv/type.h"

/* The block that m is the first frame of: whose it is, its word says. */
static struct block *block_from(const struct mm_op *op, mfn_t m)
{
    if (m.v % BLOCK_FRAMES || !mm_mfn_valid(op->mm, m))
        return NULL; /* XSA-167: before anything is indexed */
    return mm_block(op->mm, blk_of_mfn(m));
}

/*
 * A page-table frame of this block may be cached as such somewhere although
 * it is none any more: nobody may write to it before that is flushed.
 */
static void leave_exclusive(struct mm_op *op, struct block *b, uint64_t old)
{
    if (likely(!(old & BLOCK_STALE_EXCL)))
        return;
    type_flush_now(op);
    (void)block_try(b, block_flushed);
}

enum err super_get(struct mm_op *op, pte_t e)
{
    struct block *b;
    uint64_t old;

    if (!super_allowed(op, 2) || (e.v & (SUPER_FORBIDDEN | SUPER_MUST_BE_ZERO)))
        return ERR_INVAL;
    b = block_from(op, pte_mfn(e));
    if (!b || !block_apply(b, old, block_super_get, op->d->id))
        return ERR_INVAL;
    leave_exclusive(op, b, old);
    op->d->super_maps++;
    return ERR_NONE;
}

void super_put(struct mm_op *op, pte_t e)
{
    MUST(block_try(mm_block(op->mm, super_block(e)), block_super_put));
    op->d->super_maps--;
}

static void blocks_put(struct block *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        MUST(block_try(&b[i], block_super_put));
}

/* ERR_INVAL: not all of them, so none. *old: what was set in any of them. */
static enum err blocks_get(struct mm_op *op, struct block *b, uint64_t *old)
{
    uint64_t was;

    *old = 0;
    for (unsigned i = 0; i < REGION_BLOCKS; i++) {
        if (!block_apply(&b[i], was, block_super_get, op->d->id)) {
            blocks_put(b, i);
            return ERR_INVAL;
        }
        *old |= was;
    }
    return ERR_NONE;
}

enum err super_region_get(struct mm_op *op, pte_t e)
{
    const mfn_t m = pte_mfn(e);
    struct block *b;
    uint64_t old;

    if (!super_allowed(op, 3) ||
        (e.v & (SUPER_FORBIDDEN | SUPER_REGION_ZERO)) ||
        blk_of_mfn(m).v + REGION_BLOCKS > op->mm->nr_blocks)
        return ERR_INVAL;
    b = mm_block(op->mm, blk_of_mfn(m));
    if (blocks_get(op, b, &old))
        return ERR_INVAL;
    if (old & BLOCK_STALE_EXCL) {
        type_flush_now(op);
        for (unsigned i = 0; i < REGION_BLOCKS; i++)
            (void)block_try(&b[i], block_flushed);
    }
    op->d->super_maps++;
    return ERR_NONE;
}

void super_region_put(struct mm_op *op, pte_t e)
{
    blocks_put(mm_block(op->mm, super_block(e)), REGION_BLOCKS);
    op->d->super_maps--;
}

enum err super_mark(struct mm_op *op, mfn_t m)
{
    struct block *b;

    if (op->d->superpages == SUPERPAGES_OFF)
        return ERR_NOTSUPP;
    b = block_from(op, m);
    if (!b || !block_try(b, block_mark, op->d->id))
        return ERR_INVAL;
    return ERR_NONE;
}

enum err super_unmark(struct mm_op *op, mfn_t m)
{
    struct block *b;

    if (op->d->superpages == SUPERPAGES_OFF)
        return ERR_NOTSUPP;
    b = block_from(op, m);
    if (!b || !block_try(b, block_unmark, op->d->id))
        return ERR_INVAL;
    return ERR_NONE;
}
