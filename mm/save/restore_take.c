/* SPDX-License-Identifier: MIT */
/* restore_take.c: see restore_take.h. */
#include "mm/save/restore_take.h"

#include <string.h>

#include "mm/alloc/dmem.h"
#include "mm/alloc/m2p.h"
#include "mm/alloc/span.h"
#include "mm/base/port.h"

/* What wants a whole block. */
#define WANTS_WHOLE (EXTENT_WHOLE | EXTENT_LARGE | EXTENT_SCATTERED)

static uint64_t nr_extents(const struct restore *r)
{
    return image_nr(r->image, IMAGE_EXTENTS, sizeof(struct extent));
}

/* --- what is there to do ------------------------------------------------- */

static enum err count_one(struct job *j, uint64_t n)
{
    struct restore *r = restore_of(j);
    struct extent e = image_extent(r->image, n);

    r->want_large += !!(e.flags & EXTENT_LARGE);
    r->want_whole += !!(e.flags & WANTS_WHOLE);
    return ERR_NONE;
}

enum err restore_count(struct job *j)
{
    struct restore *r = restore_of(j);

    if (r->job.cursor == 0)
        r->want_large = r->want_whole = 0;
    return job_each(j, nr_extents(r), count_one);
}

#define refuse(r, rc, ...)                                                     \
    (say((r)->job.why, sizeof((r)->job.why), __VA_ARGS__), (rc))

/* Blocks that an unclaimed request could get. */
static uint64_t blocks_at_hand(struct mm *mm)
{
    struct alloc_stats s = alloc_stats(mm);
    uint64_t taken = s.claimed + s.reserve;

    return s.free > taken ? s.free - taken : 0;
}

/* The domain has been promised n blocks, or is now. */
static enum err promise(struct restore *r, uint64_t n, const char *why)
{
    struct mm_domain *d = r->op->d;
    uint64_t more = n > d->claim ? n - d->claim : 0;

    if (alloc_claim(r->op->mm, more))
        return refuse(r, ERR_NOMEM, "%s needs %lu whole blocks, there are %lu",
                      why, n, d->claim + blocks_at_hand(r->op->mm));
    d->claim += more;
    r->promised = more;
    return ERR_NONE;
}

enum err restore_unclaim(struct job *j)
{
    struct restore *r = restore_of(j);
    uint64_t n = MIN(r->promised, r->op->d->claim);

    alloc_unclaim(r->op->mm, n);
    r->op->d->claim -= n;
    r->promised = 0;
    return ERR_NONE;
}

enum err restore_promise(struct job *j)
{
    struct restore *r = restore_of(j);
    const struct image_header *h = image_header(r->image);
    struct mm_domain *d = r->op->d;

    if (!dmem_may_grow(d, h->nr_frames))
        return refuse(r, ERR_NOMEM, "%lu pages, the domain may have %lu",
                      h->nr_frames, d->max_pages);
    if (d->superpages == SUPERPAGES_OFF && (r->want_large || h->large))
        return refuse(r, ERR_INVAL,
                      "%lu blocks were mapped large, which superpages=off "
                      "forbids",
                      r->want_large);
    if (d->superpages == SUPERPAGES_REQUIRE)
        return promise(r, r->want_whole, "superpages=require");
    if (r->policy == RESTORE_FAIL)
        return promise(r, r->want_large, "restore=fail");
    return ERR_NONE;
}

/* --- whole blocks -------------------------------------------------------- */

static enum err lay_block(struct restore *r, struct extent e, mfn_t first)
{
    enum err rc = ERR_NONE;

    m2p_set_block(r->op->mm, first, pfn_of(e.pfn));
    if (e.pfn % BLOCK_FRAMES == 0)
        rc = pfnmap_set_block(&r->map, e.pfn / BLOCK_FRAMES, first);
    else
        for (unsigned i = 0; i < BLOCK_FRAMES && !rc; i++)
            rc = pfnmap_set(&r->map, pfn_of(e.pfn + i), mfn_add(first, i));
    if (!rc)
        rc = layout_span_add(&r->layout, e, true);
    return rc;
}

static bool is_placed(const struct restore *r, struct extent e)
{
    return !mfn_eq(pfnmap_get(&r->map, pfn_of(e.pfn)), MFN_NONE);
}

/* 512 extents from the nth on that follow each other, all of them PAGE_1G? */
static bool from_1g(const struct restore *r, uint64_t n)
{
    uint64_t pfn = image_extent(r->image, n).pfn;

    if (nr_extents(r) - n < REGION_BLOCKS)
        return false;
    for (uint64_t i = 0; i < REGION_BLOCKS; i++) {
        struct extent e = image_extent(r->image, n + i);

        if (!(e.flags & EXTENT_1G) || e.pfn != pfn + i * BLOCK_FRAMES)
            return false;
    }
    return true;
}

/* As much of the region as there is time for: r->part of its blocks so far. */
static enum err lay_region(struct restore *r, uint64_t n)
{
    while (r->part < REGION_BLOCKS) {
        blk_t b = blk_of(r->region.v + r->part);
        enum err rc =
            lay_block(r, image_extent(r->image, n + r->part), mfn_of_blk(b));

        if (rc)
            return rc;
        r->part++;
        if (port_preempt())
            return ERR_RESTART;
    }
    r->part = 0;
    return ERR_NONE;
}

/* Its blocks come one by one then, unless it is to be as it was. */
static enum err no_region(struct restore *r, struct extent e)
{
    if (r->policy != RESTORE_FAIL)
        return ERR_NONE;
    return refuse(r, ERR_NOMEM,
                  "pages %lx and on were mapped by 1 GiB, no region is free",
                  e.pfn);
}

static enum err one_1g(struct job *j, uint64_t n)
{
    struct restore *r = restore_of(j);
    struct extent e = image_extent(r->image, n);

    if (r->part == 0) {
        if (!(e.flags & EXTENT_1G) || is_placed(r, e) || !from_1g(r, n))
            return ERR_NONE;
        if (dmem_region_get_dirty(r->op, &r->region))
            return no_region(r, e);
    }
    return lay_region(r, n);
}

enum err restore_1g(struct job *j)
{
    return job_each(j, nr_extents(restore_of(j)), one_1g);
}

/* Blocks of a region come as they are. */
static void scrub(struct restore *r, struct extent e)
{
    mfn_t m = pfnmap_get(&r->map, pfn_of(e.pfn));
    struct block *b = mm_block(r->op->mm, blk_of_mfn(m));

    if (!(atomic_load(&b->word) & BLOCK_DIRTY))
        return;
    memset(mm_frame_ptr(r->op->mm, m), 0, BLOCK_SIZE);
    atomic_fetch_and(&b->word, ~BLOCK_DIRTY);
}

static enum err take_block(struct restore *r, struct extent e)
{
    blk_t b;

    /* If there is none: restore_small(). */
    return dmem_block_get(r->op, &b) ? ERR_NONE
                                     : lay_block(r, e, mfn_of_blk(b));
}

static enum err large_one(struct job *j, uint64_t n)
{
    struct restore *r = restore_of(j);
    struct extent e = image_extent(r->image, n);

    if (!(e.flags & EXTENT_LARGE))
        return ERR_NONE;
    if (!is_placed(r, e))
        return take_block(r, e);
    scrub(r, e);
    return ERR_NONE;
}

enum err restore_large(struct job *j)
{
    return job_each(j, nr_extents(restore_of(j)), large_one);
}

static enum err whole_one(struct job *j, uint64_t n)
{
    struct restore *r = restore_of(j);
    struct extent e = image_extent(r->image, n);

    return (e.flags & WANTS_WHOLE) && !(e.flags & EXTENT_LARGE)
               ? take_block(r, e)
               : ERR_NONE;
}

enum err restore_whole(struct job *j)
{
    return job_each(j, nr_extents(restore_of(j)), whole_one);
}

/* --- frames -------------------------------------------------------------- */

static enum err lay_frame(struct restore *r, uint64_t pfn, mfn_t m)
{
    m2p_set(r->op->mm, m, pfn_of(pfn), 1);
    return pfnmap_set(&r->map, pfn_of(pfn), m);
}

/* Each in its place, if that is kept: the missing ones may come later. */
static enum err get_frames(struct restore *r, uint64_t pfn, mfn_t *m,
                           unsigned n)
{
    enum err rc = ERR_NONE;
    unsigned got, done;
    pfn_t at[64];

    if (!span_kept(r->op->d))
        return dmem_frames_get(r->op, m, n, &done);
    for (unsigned i = 0; i < n; i++)
        at[i] = pfn_of(pfn + i);
    for (got = 0; got < n && !rc; got += done)
        rc = dmem_frames_get_for(r->op, at + got, m + got, n - got, &done);
    return rc;
}

static enum err take_frames(struct restore *r, uint64_t pfn, unsigned n)
{
    mfn_t m[64];
    enum err rc = get_frames(r, pfn, m, n);

    for (unsigned i = 0; i < n && !rc; i++)
        rc = lay_frame(r, pfn + i, m[i]);
    return rc;
}

static enum err small_one(struct job *j, uint64_t n)
{
    struct restore *r = restore_of(j);
    struct extent e = image_extent(r->image, n);

    if (r->part == 0 && is_placed(r, e))
        return ERR_NONE;
    while (r->part < e.count) {
        enum err rc =
            take_frames(r, e.pfn + r->part, MIN(e.count - r->part, 64u));

        if (rc)
            return rc;
        r->part += 64;
        if (r->part < e.count && port_preempt())
            return ERR_RESTART;
    }
    r->part = 0;
    return (e.flags & WANTS_WHOLE) ? layout_span_add(&r->layout, e, false)
                                   : ERR_NONE;
}

enum err restore_small(struct job *j)
{
    return job_each(j, nr_extents(restore_of(j)), small_one);
}
