/* SPDX-License-Identifier: MIT */
/* report.c: see report.h. */
#include "mm/resize/report.h"

#include "mm/alloc/dmem.h"
#include "mm/alloc/m2p.h"
#include "mm/pv/type.h"

enum err report_free(struct mm_op *op, mfn_t m)
{
    enum err rc = type_finish_deferred(op);

    if (rc)
        return rc;
    if (m.v % BLOCK_FRAMES)
        return ERR_INVAL;
    rc = dmem_block_put(op, blk_of_mfn(m));
    if (!rc) {
        op->d->reported++;
        op->d->reports++;
    }
    return rc;
}

/* As reservation_increase() would, but with zeroes, always. */
static enum err block_back(struct mm_op *op, pfn_t pfn, mfn_t *out)
{
    enum err rc;
    blk_t b;

    if (!dmem_may_grow(op->d, BLOCK_FRAMES))
        return ERR_NOMEM;
    rc = dmem_block_get(op, &b);
    if (rc)
        return rc;
    *out = mfn_of_blk(b);
    if (pfn.v != PFN_NONE.v)
        m2p_set(op->mm, *out, pfn, BLOCK_FRAMES);
    return ERR_NONE;
}

enum err report_take_back(struct mm_op *op, pfn_t pfn, mfn_t *out)
{
    enum err rc;

    if (op->d->reported == 0)
        return ERR_NOENT;
    rc = type_finish_deferred(op);
    if (!rc)
        rc = block_back(op, pfn, out);
    if (!rc)
        op->d->reported--;
    else if (rc == ERR_NOMEM)
        op->d->not_back++;
    return rc;
}
