/* SPDX-License-Identifier: MIT */
/* report.c: see report.h. */
#include "mm/resize/report.h"

#include "mm/pv/type.h"
#include "mm/resize/reservation.h"

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

enum err report_take_back(struct mm_op *op, pfn_t pfn, mfn_t *out)
{
    enum err rc;

    if (op->d->reported == 0)
        return ERR_NOENT;
    rc = reservation_increase_zeroed(op, pfn, out);
    if (!rc)
        op->d->reported--;
    else if (rc == ERR_NOMEM)
        op->d->not_back++;
    return rc;
}
