/* SPDX-License-Identifier: MIT */
/*
 * grant_leave.c: a domain with grants goes. First the entries that others have
 * for its frames, so that nothing refers to these any more; then what it has
 * mapped itself. A dying domain's grants are mapped by nobody any more, so a
 * handle that was looked at need not be looked at again: the walk goes on where
 * it was (grants.leaving, grants.passed), also where none of them is a handle
 * for its frames.
 */
#include "mm/pv/grant_table.h"

#include "mm/base/port.h"
#include "mm/pv/type.h"

/* Handles looked at until somebody else may be due. */
#define STEP 128u

/* Of d's handles from *n on those for grants of `from`, or (NULL) all. */
static enum err drop_handles(struct mm_domain *d, uint32_t *n,
                             const struct mm_domain *from)
{
    enum err rc = ERR_NONE;
    struct mm_op op;

    mm_op_begin(&op, d, NULL);
    while (*n < grant_nr_handles(d) && !rc) {
        struct grant_handle *h = grant_handle(d, *n);

        if (grant_handle_used(h) && (!from || h->domid == from->id))
            (void)grant_drop(&op, h, *n);
        if (++*n % STEP == 0 && port_preempt())
            rc = ERR_RESTART;
    }
    mm_op_flush(&op, tlb_full()); /* entries may have gone without */
    mm_op_end(&op);
    return rc;
}

static void look_at(struct grants *g, uint32_t whose)
{
    if (g->leaving != whose)
        g->passed = 0;
    g->leaving = whose;
}

/* The domain whose handles were looked at last; all again if it is gone. */
static struct mm_domain *where_it_was(const struct mm *mm,
                                      const struct grants *g)
{
    for (struct mm_domain *d = mm->domains; d; d = d->next)
        if (d->id + 1u == g->leaving)
            return d;
    return mm->domains;
}

static enum err revoke(struct mm *mm, const struct mm_domain *from)
{
    struct grants *g = from->grants;
    enum err rc = ERR_NONE;

    for (struct mm_domain *d = where_it_was(mm, g); d && !rc && g->pins;
         d = d->next) {
        look_at(g, d->id + 1u);
        if (d->grants && d->grants->handles)
            rc = drop_handles(d, &g->passed, from);
    }
    return rc;
}

#define OWN (~0u) /* all of them, which is the end */

static enum err drop_own(struct mm_op *op)
{
    struct grants *g = op->d->grants;

    look_at(g, OWN);
    return drop_handles(op->d, &g->passed, NULL);
}

enum err grant_leave(struct mm_op *op)
{
    struct grants *g = op->d->grants;
    enum err rc;

    if (!g)
        return ERR_NONE;
    rc = g->pins ? revoke(op->mm, op->d) : ERR_NONE;
    if (!rc && g->handles)
        rc = drop_own(op);
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
