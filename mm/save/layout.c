/* SPDX-License-Identifier: MIT */
/* layout.c: see layout.h. Spans, names and the p2m. */
#include "mm/save/layout.h"

void layout_init(struct layout *l)
{
    l->spans = (struct snapshot_list){.size = sizeof(struct layout_span)};
    l->own = (struct snapshot_list){.size = sizeof(uint64_t)};
    l->linear = (struct snapshot_list){.size = sizeof(bool)};
}

enum err layout_free(struct layout *l)
{
    enum err rc = snapshot_list_free(&l->spans, l->op->mm);

    if (!rc)
        rc = snapshot_list_free(&l->own, l->op->mm);
    return rc ? rc : snapshot_list_free(&l->linear, l->op->mm);
}

/* No two spans overlap, so at most one begins in each 512 pfns. */
enum err layout_span_add(struct layout *l, struct extent e, bool whole)
{
    struct layout_span *span;
    void *at;
    enum err rc =
        snapshot_list_reach(&l->spans, l->op->mm, e.pfn / BLOCK_FRAMES, &at);

    if (rc)
        return rc;
    span = at;
    span->offset = e.pfn % BLOCK_FRAMES;
    span->flags = LAYOUT_HERE | (whole ? LAYOUT_WHOLE : 0) |
                  ((e.flags & EXTENT_LARGE) ? LAYOUT_LARGE : 0) |
                  ((e.flags & EXTENT_1G) ? LAYOUT_1G : 0) |
                  ((e.flags & EXTENT_WHOLE) ? 0 : LAYOUT_LATE);
    return ERR_NONE;
}

struct layout_span *layout_span_at(const struct layout *l, uint64_t pfn)
{
    struct layout_span *span = snapshot_at(&l->spans, pfn / BLOCK_FRAMES);

    if (!span || !(span->flags & LAYOUT_HERE) ||
        span->offset != pfn % BLOCK_FRAMES)
        return NULL;
    return span;
}

static mfn_t own_table(const struct layout *l, uint64_t n)
{
    const uint64_t *m;

    if (l->snapshot)
        return n < l->snapshot->nr_own ? snapshot_supplied_mfn(l->snapshot, n)
                                       : MFN_NONE;
    m = n < l->own.nr ? snapshot_at(&l->own, n) : NULL;
    return m ? mfn_of(*m) : MFN_NONE;
}

mfn_t layout_named(const struct layout *l, uint64_t pfn)
{
    return pfn < SNAPSHOT_SUPPLIED ? pfnmap_get(l->map, pfn_of(pfn))
                                   : own_table(l, pfn - SNAPSHOT_SUPPLIED);
}

uint64_t layout_nr_tables(const struct layout *l)
{
    return l->snapshot ? l->snapshot->tables.nr
                       : image_nr(l->image, IMAGE_TABLES,
                                  sizeof(struct snapshot_table));
}

struct snapshot_table layout_nth_table(const struct layout *l, uint64_t n)
{
    const struct snapshot_table *t;

    if (!l->snapshot)
        return image_table(l->image, n);
    t = snapshot_at(&l->snapshot->tables, n);
    return *t;
}

unsigned layout_level(const struct layout *l, uint64_t pfn)
{
    uint64_t lo = 0, hi = layout_nr_tables(l);

    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        struct snapshot_table t = layout_nth_table(l, mid);

        if (t.pfn == pfn)
            return t.level;
        if (t.pfn < pfn)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0;
}

enum err layout_p2m_page(const struct layout *l, uint64_t n, uint64_t pfn)
{
    mfn_t m = pfnmap_get(l->map, pfn_of(pfn));
    uint64_t *word;

    if (mfn_eq(m, MFN_NONE))
        return layout_wrong(l, "p2m page %lu is pfn %lx, which does not exist",
                            n, pfn);
    word = mm_frame_ptr(l->op->mm, m);
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*word); i++)
        word[i] = pfnmap_get(l->map, pfn_of(n * BLOCK_FRAMES + i)).v;
    return ERR_NONE;
}
_Static_assert(PAGE_SIZE / sizeof(uint64_t) == BLOCK_FRAMES,
               "a page of the p2m is for as many pfns as a block has; those "
               "that are not there are MFN_NONE, the ABI's INVALID_P2M_ENTRY");
