/* SPDX-License-Identifier: MIT */
/*
 * grant_leave.c: a domain with grants goes. First the entries that others have
 * for its frames, so that nothing refers to these any more; then what it has
 * mapped itself. Each step makes a handle less, so both can be left off and
 * begun anew at any point.
 */
#include "mm/grant_table.h"

#include "mm/port.h"
#include "mm/type.h"

/* Handles dropped, or looked at in vain, until somebody else may be due. */
#define STEP 128u

/* Of d's handles those for grants of `from`, or (NULL) all. */
static enum err drop_handles(struct mm_domain *d, const struct mm_domain *from)
{
    enum err rc = ERR_NONE;
    struct mm_op op;

    mm_op_begin(&op, d, NULL);
    for (uint32_t n = 0, did = 0; n < grant_nr_handles(d) && !rc; n++) {
        struct grant_handle *h = grant_handle(d, n);

        if (!grant_handle_used(h) || (from && h->domid != from->id))
            continue;
        (void)grant_drop(&op, h, n);
        if (++did % STEP == 0 && port_preempt())
            rc = ERR_RESTART;
    }
    mm_op_flush(&op, tlb_full()); /* entries may have gone without */
    mm_op_end(&op);
    return rc;
}

static enum err revoke(struct mm *mm, const struct mm_domain *from)
{
    enum err rc = ERR_NONE;

    for (struct mm_domain *d = mm->domains; d && !rc && from->grants->pins;
         d = d->next)
        if (d->grants && d->grants->handles)
            rc = drop_handles(d, from);
    return rc;
}

enum err grant_leave(struct mm_op *op)
{
    struct grants *g = op->d->grants;
    enum err rc;

    if (!g)
        return ERR_NONE;
    rc = revoke(op->mm, op->d);
    if (!rc && g->handles)
        rc = drop_handles(op->d, NULL);
    if (rc)
        return rc;
    ASSERT(g->pins == 0 && g->handles == 0);
    for (uint32_t i = 0; i < g->nr_track; i++)
        alloc_hv_put(op->mm, g->track[i], 0);
    for (uint32_t i = 0; i < g->nr_frames; i++)
        alloc_hv_put(op->mm, g->active[i], 1);
    op->d->grants = NULL;
    alloc_hv_put(
        op->mm, mfn_of((uint64_t)((uint8_t *)g - op->mm->direct) >> PAGE_SHIFT),
        0);
    return ERR_NONE;
}
