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

/* Handles looked at until somebody else may be due, and with one flush. */
#define STEP 128u

static bool is_for(const struct grant_handle *h, const struct mm_domain *from)
{
    return grant_handle_used(h) && h->domid == from->id;
}

/* STEP of those of mapper's handles that are for grants of theirs. */
static void drop_step(struct mm_op *mapper, struct mm_op *theirs, uint32_t n)
{
    for (uint32_t i = n; i < n + STEP; i++)
        if (is_for(grant_handle(mapper->d, i), theirs->d))
            grant_cut(mapper, grant_handle(mapper->d, i));
    mm_op_flush_now(mapper); /* entries may have gone without */
    for (uint32_t i = n; i < n + STEP; i++)
        if (is_for(grant_handle(mapper->d, i), theirs->d))
            grant_let_go(mapper, theirs, grant_handle(mapper->d, i), i);
}
_Static_assert(GRANT_TRACK_EACH % STEP == 0, "there are all of a step's");

/* From handle *n on. */
static enum err drop_for(struct mm_op *mapper, struct mm_op *theirs,
                         uint32_t *n)
{
    while (*n < grant_nr_handles(mapper->d)) {
        drop_step(mapper, theirs, *n);
        *n += STEP;
        if (port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

/*
 * The other domain's operation beside op, which is under way and may be on one
 * of a higher id: so it is tried, and if that is busy both are begun anew, in
 * order. To come back and try again would be to leave it to a domain whose
 * vCPUs are never done with its memory whether another may go. In between no
 * handle comes: neither is a dying domain's grant mapped, nor maps it any. What
 * others have of it they may give up, so what they have is looked at
 * afterwards.
 */
static void begin(struct mm_op *op, struct mm_op *other, struct mm_domain *d)
{
    *other = mm_op_as(op, NULL);
    if (d == op->d || mm_op_try(other, d))
        return;
    mm_op_end(op);
    mm_op_begin_two(op, op->d, op->v, other, d);
}

static void end(const struct mm_op *op, const struct mm_op *other)
{
    if (other->d != op->d)
        mm_op_end(other);
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

static enum err revoke_of(struct mm_op *op, struct mm_domain *d)
{
    struct mm_op mapper;
    enum err rc = ERR_NONE;

    begin(op, &mapper, d);
    if (grant_mapped(d))
        rc = drop_for(&mapper, op, &op->d->grants->passed);
    end(op, &mapper);
    return rc;
}

static enum err revoke(struct mm_op *op)
{
    struct grants *g = op->d->grants;
    enum err rc = ERR_NONE;

    for (struct mm_domain *d = where_it_was(op->mm, g); d && !rc && g->pins;
         d = d->next) {
        look_at(g, d->id + 1u);
        rc = revoke_of(op, d);
    }
    return rc;
}

/* One that a handle names: that is there as long as the handle is. */
static struct mm_domain *domain_of(const struct mm *mm, unsigned id)
{
    struct mm_domain *d = mm->domains;

    while (d && d->id != id)
        d = d->next;
    return d;
}

/* Nobody runs with what it had cached: there is next to nothing to flush. */
static void drop_one(struct mm_op *op, struct grant_handle *h, uint32_t n)
{
    struct mm_op theirs;

    if (!grant_handle_used(h))
        return;
    begin(op, &theirs, domain_of(op->mm, h->domid));
    grant_cut(op, h);
    mm_op_flush_now(op);
    grant_let_go(op, &theirs, h, n);
    end(op, &theirs);
}

#define OWN (~0u) /* all of them, which is the end */

static enum err drop_own(struct mm_op *op)
{
    struct grants *g = op->d->grants;
    enum err rc = ERR_NONE;

    look_at(g, OWN);
    while (g->passed < grant_nr_handles(op->d) && !rc) {
        drop_one(op, grant_handle(op->d, g->passed), g->passed);
        if (++g->passed % STEP == 0 && port_preempt())
            rc = ERR_RESTART;
    }
    return rc;
}

enum err grant_leave(struct mm_op *op)
{
    struct grants *g = op->d->grants;
    enum err rc;

    if (!g)
        return ERR_NONE;
    rc = g->pins ? revoke(op) : ERR_NONE;
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
