/* SPDX-License-Identifier: MIT */
/*
 * dmem_region.c: a whole region for a domain that is to have 512 blocks or
 * more: what an L3 entry can map.
 */
#include <string.h>

#include "mm/alloc/dmem.h"
#include "mm/alloc/quota.h"

enum err dmem_region_get_dirty(struct mm_op *op, blk_t *out)
{
    struct mm_domain *d = op->d;
    bool claimed = d->claim >= REGION_BLOCKS;
    enum err rc;

    if (!quota_may_get(d, REGION_BLOCKS))
        return ERR_NOMEM;
    rc = alloc_region_get(op->mm, d->id, claimed ? ALLOC_CLAIMED : ALLOC_WHOLE,
                          out);
    if (rc)
        return rc;
    if (claimed)
        d->claim -= REGION_BLOCKS;
    d->blocks += REGION_BLOCKS;
    d->tot_pages += REGION_BLOCKS * BLOCK_FRAMES;
    return ERR_NONE;
}

void dmem_block_scrub(struct mm_op *op, blk_t blk)
{
    struct block *b = mm_block(op->mm, blk);

    ASSERT(block_owned_by(b->word, op->d->id) && b->table == 0);
    if (!(atomic_fetch_and(&b->word, ~BLOCK_DIRTY) & BLOCK_DIRTY))
        return;
    memset(mm_frame_ptr(op->mm, mfn_of_blk(blk)), 0, BLOCK_SIZE);
}
