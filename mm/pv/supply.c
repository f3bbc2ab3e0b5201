/* SPDX-License-Identifier: MIT */
/*
 * supply.c: see supply.h. To its block a supplied frame is a hole, because
 * the owner has not got it: so the block is neither mapped large nor given
 * back while the frame serves, and tot_pages does not count it.
 */
#include "mm/pv/supply.h"

#include <string.h>

#include "mm/alloc/dmem.h"
#include "mm/alloc/m2p.h"

enum err supply_get(struct mm_op *op, mfn_t *out)
{
    struct frame f;
    uint64_t block;
    enum err rc = dmem_chunk_get(op, 0, out);

    if (rc)
        return rc;
    memset(mm_frame_ptr(op->mm, *out), 0, PAGE_SIZE);
    m2p_clear(op->mm, *out, 1);
    f = frame_held(op->mm, *out);
    /* It was a hole until now, so this cannot be refused. */
    MUST(block_apply(f.block, block, block_hole_get));
    MUST(frame_try(&f, frame_flags, FRAME_FIXED, FRAME_ALLOCATED));
    op->d->holes += block_class(block) != BLOCK_SHARED;
    op->d->tot_pages--;
    op->d->supplied++;
    return ERR_NONE;
}

/* Nobody refers to it but the hypervisor: no owner, no reference. */
static bool withdraw(uint64_t *w, unsigned owner)
{
    const uint64_t unused =
        (uint64_t)owner << FRAME_OWNER_SHIFT | FRAME_FIXED | FRAME_REF_ONE;

    if ((*w & ~FRAME_TYPE_MASK) != unused)
        return false;
    *w = frame_word_hole();
    return true;
}

bool supply_put(struct mm_op *op, mfn_t m)
{
    struct frame f = frame_held(op->mm, m);

    ASSERT(supply_is(op, m));
    if (!frame_try(&f, withdraw, op->d->id))
        return false;
    op->d->supplied--;
    op->d->tot_pages++; /* leaves as frames do */
    dmem_frame_free(op, &f);
    return true;
}

bool supply_is(const struct mm_op *op, mfn_t m)
{
    struct frame f;

    return frame_find_worded(op, m, &f) && supply_word(frame_word(&f));
}
