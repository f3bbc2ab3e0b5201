/* SPDX-License-Identifier: MIT */
/* census_run.c: see census_run.h. A word: HERE, the flags, the offset. */
#include "mm/save/census_run.h"

#include "mm/alloc/range.h"
#include "mm/base/port.h"

#define RUN_HERE         BIT(8)
#define RUN_OFFSET_SHIFT 16
_Static_assert(EXTENT_FLAGS < RUN_HERE, "flags below");

bool census_run_near(const struct census *c, uint64_t pfn, struct extent *out)
{
    uint64_t window = pfn / BLOCK_FRAMES;
    const uint64_t *w = census_at(&c->runs, window);

    if (!w || !(*w & RUN_HERE))
        return false;
    *out =
        (struct extent){.pfn = window * BLOCK_FRAMES + (*w >> RUN_OFFSET_SHIFT),
                        .count = BLOCK_FRAMES,
                        .flags = (uint32_t)(*w & EXTENT_FLAGS)};
    return true;
}

uint64_t census_run_flags(const struct census *c, uint64_t pfn)
{
    struct extent run;

    return census_run_near(c, pfn, &run) && run.pfn == pfn ? run.flags : 0;
}

/* Would a run at pfn overlap one that begins elsewhere? */
static bool in_the_way(const struct census *c, uint64_t pfn)
{
    struct extent run;

    if (census_run_near(c, pfn, &run) && run.pfn != pfn)
        return true;
    if (pfn >= BLOCK_FRAMES && census_run_near(c, pfn - BLOCK_FRAMES, &run) &&
        run.pfn + BLOCK_FRAMES > pfn)
        return true;
    return census_run_near(c, pfn + BLOCK_FRAMES, &run) &&
           run.pfn < pfn + BLOCK_FRAMES;
}

static bool all_exist(const struct census *c, uint64_t pfn)
{
    for (uint64_t i = 0; i < BLOCK_FRAMES; i++)
        if (mfn_eq(census_mfn(c, pfn_of(pfn + i)), MFN_NONE))
            return false;
    return true;
}

enum err census_run_add(struct census *c, uint64_t pfn, uint64_t flags,
                        bool *fits)
{
    void *at;
    enum err rc;

    *fits = census_run_flags(c, pfn) ||
            (pfn < c->bound && !in_the_way(c, pfn) && all_exist(c, pfn));
    if (!*fits)
        return ERR_NONE;
    rc = census_list_reach(&c->runs, c->op->mm, pfn / BLOCK_FRAMES, &at);
    if (!rc)
        *(uint64_t *)at |=
            RUN_HERE | flags | (pfn % BLOCK_FRAMES) << RUN_OFFSET_SHIFT;
    return rc;
}

enum err census_ranges(struct census *c)
{
    struct range r;

    for (; range_nth(c->op->d, c->cursor, &r); c->cursor++) {
        bool whole = census_run_flags(c, r.pfn.v) & EXTENT_WHOLE, fits;
        uint64_t flags =
            r.state == RANGE_SCATTERED ? EXTENT_SCATTERED : EXTENT_LARGE;
        enum err rc;

        /* What the guest has changed so that it does not fit is no run. */
        if (whole && r.state == RANGE_SCATTERED)
            continue;
        rc = census_run_add(c, r.pfn.v, flags, &fits);
        if (rc)
            return rc;
        if (port_preempt()) {
            c->cursor++;
            return ERR_RESTART;
        }
    }
    return ERR_NONE;
}

/* Pfns from `pfn` on that exist, below `end`. */
static uint32_t count_from(const struct census *c, uint64_t pfn, uint64_t end)
{
    uint64_t at = pfn;

    while (at < end && !mfn_eq(census_mfn(c, pfn_of(at)), MFN_NONE))
        at++;
    return (uint32_t)(at - pfn);
}

static enum err add(struct census *c, struct extent e)
{
    return census_list_add(&c->extents, c->op->mm, &e);
}

/* Up to the run or multiple of 512 that comes next: cursor moves behind. */
static enum err add_small(struct census *c)
{
    uint64_t end = (c->cursor / BLOCK_FRAMES + 1) * BLOCK_FRAMES;
    struct extent run;
    enum err rc = ERR_NONE;

    if (census_run_near(c, c->cursor, &run) && run.pfn > c->cursor)
        end = run.pfn;
    end = MIN(end, c->nr_pfns);
    while (c->cursor < end && !rc) {
        struct extent e = {.pfn = c->cursor,
                           .count = count_from(c, c->cursor, end)};

        if (e.count)
            rc = add(c, e);
        if (!rc)
            c->cursor += e.count ? e.count : 1;
    }
    return rc;
}

enum err census_extents(struct census *c)
{
    while (c->cursor < c->nr_pfns) {
        struct extent run;
        enum err rc;

        if (census_run_flags(c, c->cursor)) {
            (void)census_run_near(c, c->cursor, &run);
            rc = add(c, run);
            if (!rc)
                c->cursor += BLOCK_FRAMES;
        } else {
            rc = add_small(c);
        }
        if (rc)
            return rc;
        if (port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}
