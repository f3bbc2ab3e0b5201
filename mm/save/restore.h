/* SPDX-License-Identifier: MIT */
/*
 * restore.h: from an image to a domain's memory, on whatever frames there are.
 *
 * Every extent that was a whole block gets one while there are any, those
 * that were mapped large first. For one that was mapped large and gets none,
 * the policy decides: RESTORE_FAIL: ERR_NOMEM, nothing is left behind that
 * destroying the domain does not take away; RESTORE_GUEST: frames, the entry
 * is left absent in the form FLAGSTONE_PTE_SHATTERED describes, RANGE_REMAP;
 * RESTORE_SHATTER: frames, a supplied L1 table that maps them, the L2 entry
 * (whose RW and NX still say what is permitted) onto it, RANGE_SHATTERED. One
 * that was whole but not mapped large becomes RANGE_SCATTERED. What was mapped
 * by a 1 GiB entry gets a whole region where one is free, else a supplied L2
 * table of 2 MiB entries, to each of which the same applies. Ranges are in
 * mm/alloc/range.h. What is restored is believed no more than what a guest
 * writes: tables become tables by being pinned.
 */
#pragma once

#include "mm/alloc/range.h"
#include "mm/save/layout.h"

struct restore {
    struct mm_op *op; /* of a domain that has nothing but fixed frames */
    const struct image *image;
    enum restore_policy policy;
    struct pfnmap map; /* pfn to mfn, complete when it is done */
    struct layout_result result;
    /* Private. */
    struct layout layout;
    uint64_t want_large, want_whole; /* extents that did, or do, lie so */
    uint64_t promised;               /* claimed here, not by the caller */
    blk_t region;  /* first block of the region that is being placed */
    uint32_t part; /* its blocks that are, or a small extent's frames */
    struct job job;
};

/*
 * The image has passed its check. The domain's max_pages bounds it; its claim
 * is used first. Before anything else: superpages=require needs every extent
 * whole that was, RESTORE_FAIL every one that was mapped large, and says so;
 * superpages=off has no place for what was mapped large.
 */
void restore_begin(struct restore *r, struct mm_op *op,
                   const struct image *image, enum restore_policy policy);
/*
 * ERR_RESTART: call again. Done: memory, tables (pinned where they were), p2m
 * and M2P are right; the roots are the caller's to load from restore_mfn().
 * Any error: job.why; the caller destroys the domain.
 */
enum err restore_step(struct restore *r);
/* MFN_NONE: no such pfn. Until restore_end(). */
static inline mfn_t restore_mfn(const struct restore *r, pfn_t p)
{
    return pfnmap_get(&r->map, p);
}
/* ERR_RESTART: call again, and nothing else. */
enum err restore_end(struct restore *r);
