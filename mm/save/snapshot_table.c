/* SPDX-License-Identifier: MIT */
/* snapshot_table.c: see snapshot_table.h. */
#include "mm/save/snapshot_table.h"

#include "mm/base/port.h"
#include "mm/pv/lapse.h"
#include "mm/save/normalise.h"
#include "mm/save/snapshot_span.h"
#include "mm/save/snapshot_supply.h"

/* A 1 GiB mapping onto pfns from here on: all its blocks are part of it. */
static enum err mark_1g(struct snapshot *c, uint64_t pfn, mfn_t region)
{
    for (uint64_t k = 0; k < REGION_BLOCKS; k++) {
        uint64_t at = pfn + k * BLOCK_FRAMES;
        bool fits;
        enum err rc;

        if (!mfn_eq(snapshot_mfn(c, pfn_of(at)),
                    mfn_add(region, k * BLOCK_FRAMES)) ||
            !(snapshot_span_flags(c, at) & EXTENT_WHOLE))
            return snapshot_wrong(
                c,
                "the region at frame %lx is mapped large, but "
                "its pfns, from %lx on, are not in order",
                region.v, pfn);
        rc = snapshot_span_add(c, at, EXTENT_LARGE | EXTENT_1G, &fits);
        if (rc)
            return rc;
    }
    return ERR_NONE;
}

/* A superpage entry, as it reads and in normalised form. */
static enum err see_large(struct snapshot *c, unsigned level, pte_t e, pte_t x)
{
    c->large++;
    if (level == 3 && normalise_is_large(e, 3))
        return mark_1g(c, pte_mfn(x).v, pte_mfn(e));
    return ERR_NONE;
}

static enum err read_entry(struct snapshot *c, const struct snapshot_table *t,
                           unsigned i, pte_t e)
{
    pte_t x;

    if (normalise_entry(c, t->level, e, &x))
        return snapshot_wrong(
            c,
            "level %lu table, pfn %lx: entry %lu is onto frame "
            "%lx, which has no pfn",
            (uint64_t)t->level, t->pfn, (uint64_t)i, pte_mfn(e).v);
    return normalise_is_large(x, t->level) ? see_large(c, t->level, e, x)
                                           : ERR_NONE;
}

static enum err read_table(struct snapshot *c, const struct snapshot_table *t,
                           mfn_t m)
{
    const pte_t *e = mm_frame_ptr(c->op->mm, m);
    enum err rc = ERR_NONE;

    for (unsigned i = 0; i < PT_ENTRIES && !rc; i++)
        if (pte_present(e[i]) && !(t->level == 4 && l4_slot_is_hv(i)))
            rc = read_entry(c, t, i, e[i]);
    return rc;
}

/* A frame under this pfn, or number: on the list if it is a table. */
static enum err see_frame(struct snapshot *c, uint64_t pfn, mfn_t m)
{
    struct frame f = frame_held(c->op->mm, m);
    uint64_t w = frame_word(&f);
    struct snapshot_table t = {.pfn = pfn,
                               .level = (uint8_t)frame_type(w),
                               .pinned = !!(w & FRAME_PINNED),
                               .marks = (uint8_t)lapse_marks(c->op, m)};
    enum err rc;

    if (t.marks && frame_count(w) > 0 && frame_type(w) == FRAME_SEG)
        lapse_set_marks(c->op, m, 0); /* or entries would be made writable */
    if (!(w & FRAME_VALIDATED) || !frame_is_table(frame_type(w)))
        return ERR_NONE;
    rc = read_table(c, &t, m);
    return rc ? rc : snapshot_list_add(&c->tables, c->op->mm, &t);
}

bool snapshot_is_table(const struct snapshot *c, uint64_t pfn)
{
    uint64_t lo = 0, hi = c->tables.nr;

    while (lo < hi) {
        const uint64_t mid = lo + (hi - lo) / 2;
        const struct snapshot_table *t = snapshot_at(&c->tables, mid);

        if (t->pfn == pfn)
            return true;
        if (t->pfn < pfn)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static bool may_be_table(const struct snapshot *c, mfn_t m)
{
    return !mfn_eq(m, MFN_NONE) && mm_block(c->op->mm, blk_of_mfn(m))->table;
}

/* Time to stop? After each table, and after as many pfns as a block has. */
static bool enough(const struct snapshot *c, bool table)
{
    return (table || c->job.cursor % BLOCK_FRAMES == 0) && port_preempt();
}

enum err snapshot_tables(struct job *j)
{
    struct snapshot *c = snapshot_of(j);

    while (c->job.cursor < c->nr_pfns) {
        mfn_t m = snapshot_mfn(c, pfn_of(c->job.cursor));
        uint64_t before = c->tables.nr;
        enum err rc =
            may_be_table(c, m) ? see_frame(c, c->job.cursor, m) : ERR_NONE;

        if (rc)
            return rc;
        c->job.cursor++;
        if (enough(c, c->tables.nr > before))
            return ERR_RESTART;
    }
    return ERR_NONE;
}

static enum err see_own(struct job *j, uint64_t n)
{
    struct snapshot *c = snapshot_of(j);

    return see_frame(c, SNAPSHOT_SUPPLIED + n, snapshot_supplied_mfn(c, n));
}

enum err snapshot_tables_own(struct job *j)
{
    return job_each(j, snapshot_of(j)->nr_own, see_own);
}
