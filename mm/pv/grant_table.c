/* SPDX-License-Identifier: MIT */
/*
 * grant_table.c: see grant_table.h. A domain's grants are made when it first
 * asks for them, and grow; they go with the domain.
 */
#include "mm/pv/grant_table.h"

#include "mm/alloc/dmem.h"

/* How often an entry may change under our eyes before that is an error. */
#define TRIES 5

static enum err make(struct mm_op *op)
{
    mfn_t m;
    enum err rc;

    if (op->d->grants)
        return ERR_NONE;
    rc = alloc_hv_get(op->mm, 0, &m);
    if (!rc)
        op->d->grants = mm_frame_ptr(op->mm, m);
    return rc;
}

/* One more frame of entries, and of accounting for them. */
static enum err grow(struct mm_op *op)
{
    struct grants *g = op->d->grants;
    uint32_t n = g->nr_frames;
    enum err rc = alloc_hv_get(op->mm, 1, &g->active[n]);

    if (rc)
        return rc;
    rc = dmem_fixed_get(op, &g->shared[n]);
    if (rc) {
        alloc_hv_put(op->mm, g->active[n], 1);
        return rc;
    }
    g->nr_frames = n + 1;
    return ERR_NONE;
}

enum err grant_setup(struct mm_op *op, uint32_t nr)
{
    enum err rc;

    if (nr > GRANT_FRAMES)
        return ERR_INVAL;
    rc = make(op);
    while (!rc && op->d->grants->nr_frames < nr)
        rc = grow(op);
    return rc;
}

uint32_t grant_nr_frames(const struct mm_domain *d)
{
    return d->grants ? d->grants->nr_frames : 0;
}

mfn_t grant_frame(const struct mm_domain *d, uint32_t i)
{
    return d->grants->shared[i];
}

uint32_t grant_mapped(const struct mm_domain *d)
{
    return d->grants ? d->grants->handles : 0;
}

uint32_t grant_lent(const struct mm_domain *d)
{
    return d->grants ? d->grants->pins : 0;
}

void grant_forget(const struct mm_domain *d)
{
    for (uint32_t ref = 0; ref < grant_nr_frames(d) * GRANT_REFS; ref++)
        atomic_store(grant_word(d, ref), 0);
}

/* --- entries -------------------------------------------------------------- */

struct grant_active *grant_active(const struct mm_domain *d, uint32_t ref)
{
    mfn_t m = d->grants->active[ref / GRANT_REFS];

    return (struct grant_active *)mm_frame_ptr(d->mm, m) + ref % GRANT_REFS;
}

_Atomic uint64_t *grant_word(const struct mm_domain *d, uint32_t ref)
{
    mfn_t m = d->grants->shared[ref / GRANT_REFS];

    return (_Atomic uint64_t *)mm_frame_ptr(d->mm, m) + ref % GRANT_REFS;
}

int grant_may_use(const struct mm_domain *d)
{
    if (d->dying)
        return GNTST_bad_domain;
    return d->quiet ? GNTST_eagain : GNTST_okay;
}

/* There is no memory but what is cached normally, and no part of a page. */
#define REFUSED (GTF_PWT | GTF_PCD | GTF_PAT | GTF_sub_page)

static bool permits(uint64_t w, domid_t who, bool write)
{
    uint16_t flags = GRANT_WORD_FLAGS(w);

    return (flags & (GTF_type_mask | REFUSED)) == GTF_permit_access &&
           GRANT_WORD_DOMID(w) == who && !(write && (flags & GTF_readonly));
}

/* Marks the entry as in use, all of it being what was looked at. */
static bool mark(_Atomic uint64_t *p, domid_t who, bool write, uint64_t *w)
{
    uint64_t in_use = GTF_reading | (write ? GTF_writing : 0);

    *w = atomic_load(p);
    for (unsigned i = 0; i < TRIES && permits(*w, who, write); i++)
        if (atomic_compare_exchange_strong(p, w, *w | in_use))
            return true;
    return false;
}

int grant_pin(struct mm_domain *d, uint32_t ref, domid_t who, bool write,
              mfn_t *out)
{
    struct grant_active *a;
    uint64_t w;

    if (ref >= grant_nr_frames(d) * GRANT_REFS)
        return GNTST_bad_gntref;
    a = grant_active(d, ref);
    if (a->readers + a->writers == 0) {
        if (!mark(grant_word(d, ref), who, write, &w))
            return GNTST_general_error;
        *a = (struct grant_active){.mfn = GRANT_WORD_FRAME(w), .domid = who};
    } else if (a->domid != who || (write && !a->writers &&
                                   !mark(grant_word(d, ref), who, write, &w))) {
        return GNTST_general_error;
    }
    *(write ? &a->writers : &a->readers) += 1;
    d->grants->pins++;
    *out = mfn_of(a->mfn);
    return GNTST_okay;
}

void grant_unpin(struct mm_domain *d, uint32_t ref, bool write)
{
    struct grant_active *a = grant_active(d, ref);
    uint64_t unused = 0;

    *(write ? &a->writers : &a->readers) -= 1;
    d->grants->pins--;
    if (write && !a->writers)
        unused |= GTF_writing;
    if (!a->readers && !a->writers)
        unused |= GTF_reading;
    if (unused)
        atomic_fetch_and(grant_word(d, ref), ~unused);
}

/* --- handles -------------------------------------------------------------- */

uint32_t grant_nr_handles(const struct mm_domain *d)
{
    return d->grants ? d->grants->nr_track * (uint32_t)GRANT_TRACK_EACH : 0;
}

struct grant_handle *grant_handle(const struct mm_domain *d, uint32_t n)
{
    if (n >= grant_nr_handles(d))
        return NULL;
    return (struct grant_handle *)mm_frame_ptr(
               d->mm, d->grants->track[n / GRANT_TRACK_EACH]) +
           n % GRANT_TRACK_EACH;
}
