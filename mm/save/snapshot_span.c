/* SPDX-License-Identifier: MIT */
/* snapshot_span.c: see snapshot_span.h. A word: HERE, the flags, the offset. */
#include "mm/save/snapshot_span.h"

#include "mm/alloc/range.h"
#include "mm/base/port.h"

#define SPAN_HERE         BIT(8)
#define SPAN_OFFSET_SHIFT 16
_Static_assert(EXTENT_FLAGS < SPAN_HERE, "flags below");
_Static_assert(SPAN_HERE < BIT(SPAN_OFFSET_SHIFT), "the offset above");
_Static_assert(BLOCK_FRAMES <= BIT(64 - SPAN_OFFSET_SHIFT), "any offset fits");

bool snapshot_span_near(const struct snapshot *c, uint64_t pfn,
                        struct extent *out)
{
    uint64_t window = pfn / BLOCK_FRAMES;
    const uint64_t *w = snapshot_at(&c->spans, window);

    if (!w || !(*w & SPAN_HERE))
        return false;
    *out = (struct extent){.pfn = window * BLOCK_FRAMES +
                                  (*w >> SPAN_OFFSET_SHIFT),
                           .count = BLOCK_FRAMES,
                           .flags = (uint32_t)(*w & EXTENT_FLAGS)};
    return true;
}

uint64_t snapshot_span_flags(const struct snapshot *c, uint64_t pfn)
{
    struct extent span;

    return snapshot_span_near(c, pfn, &span) && span.pfn == pfn ? span.flags
                                                                : 0;
}

/* Would a span at pfn overlap one that begins elsewhere? */
static bool in_the_way(const struct snapshot *c, uint64_t pfn)
{
    struct extent span;

    if (snapshot_span_near(c, pfn, &span) && span.pfn != pfn)
        return true;
    if (pfn >= BLOCK_FRAMES &&
        snapshot_span_near(c, pfn - BLOCK_FRAMES, &span) &&
        span.pfn + BLOCK_FRAMES > pfn)
        return true;
    return snapshot_span_near(c, pfn + BLOCK_FRAMES, &span) &&
           span.pfn < pfn + BLOCK_FRAMES;
}

static bool all_exist(const struct snapshot *c, uint64_t pfn)
{
    for (uint64_t i = 0; i < BLOCK_FRAMES; i++)
        if (mfn_eq(snapshot_mfn(c, pfn_of(pfn + i)), MFN_NONE))
            return false;
    return true;
}

enum err snapshot_span_add(struct snapshot *c, uint64_t pfn, uint64_t flags,
                           bool *fits)
{
    void *at;
    enum err rc;

    *fits = snapshot_span_flags(c, pfn) ||
            (pfn < c->bound && !in_the_way(c, pfn) && all_exist(c, pfn));
    if (!*fits)
        return ERR_NONE;
    rc = snapshot_list_reach(&c->spans, c->op->mm, pfn / BLOCK_FRAMES, &at);
    if (!rc)
        *(uint64_t *)at |=
            SPAN_HERE | flags | (pfn % BLOCK_FRAMES) << SPAN_OFFSET_SHIFT;
    return rc;
}

enum err snapshot_ranges(struct job *j)
{
    struct snapshot *c = snapshot_of(j);
    struct range r;

    for (; range_nth(c->op->d, c->job.cursor, &r); c->job.cursor++) {
        bool whole = snapshot_span_flags(c, r.pfn.v) & EXTENT_WHOLE, fits;
        uint64_t flags =
            r.state == RANGE_SCATTERED ? EXTENT_SCATTERED : EXTENT_LARGE;
        enum err rc;

        /* What the guest has changed so that it does not fit is no span. */
        if (whole && r.state == RANGE_SCATTERED)
            continue;
        rc = snapshot_span_add(c, r.pfn.v, flags, &fits);
        if (rc)
            return rc;
        if (port_preempt()) {
            c->job.cursor++;
            return ERR_RESTART;
        }
    }
    return ERR_NONE;
}

/* Pfns from `pfn` on that exist, below `end`. */
static uint32_t count_from(const struct snapshot *c, uint64_t pfn, uint64_t end)
{
    uint64_t at = pfn;

    while (at < end && !mfn_eq(snapshot_mfn(c, pfn_of(at)), MFN_NONE))
        at++;
    return (uint32_t)(at - pfn);
}

static enum err add(struct snapshot *c, struct extent e)
{
    return snapshot_list_add(&c->extents, c->op->mm, &e);
}

/* Up to the span or multiple of 512 that comes next: cursor moves behind. */
static enum err add_small(struct snapshot *c)
{
    uint64_t end = (c->job.cursor / BLOCK_FRAMES + 1) * BLOCK_FRAMES;
    struct extent span;
    enum err rc = ERR_NONE;

    if (snapshot_span_near(c, c->job.cursor, &span) && span.pfn > c->job.cursor)
        end = span.pfn;
    end = MIN(end, c->nr_pfns);
    while (c->job.cursor < end && !rc) {
        struct extent e = {.pfn = c->job.cursor,
                           .count = count_from(c, c->job.cursor, end)};

        if (e.count)
            rc = add(c, e);
        if (!rc)
            c->job.cursor += e.count ? e.count : 1;
    }
    return rc;
}

enum err snapshot_extents(struct job *j)
{
    struct snapshot *c = snapshot_of(j);

    while (c->job.cursor < c->nr_pfns) {
        struct extent span;
        enum err rc;

        if (snapshot_span_flags(c, c->job.cursor)) {
            (void)snapshot_span_near(c, c->job.cursor, &span);
            rc = add(c, span);
            if (!rc)
                c->job.cursor += BLOCK_FRAMES;
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
