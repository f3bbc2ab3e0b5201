/* SPDX-License-Identifier: MIT */
/*
 * pfnmap.h: which machine frame is which of a domain's, while somebody works
 * on all of it (building, saving): one word per block that is whole, a page
 * of words where it is not. In hypervisor frames, for up to 4 TiB.
 */
#pragma once

#include "mm/alloc/mm.h"

struct pfnmap {
    struct mm *mm;
    uint64_t **root; /* of pages of one word per block */
    uint64_t nr_blocks;
};

enum err pfnmap_init(struct pfnmap *m, struct mm *mm, uint64_t nr_blocks);
/* ERR_RESTART: call again. What it has given back is not there any more. */
enum err pfnmap_free(struct pfnmap *m);
/*
 * Block b of the domain's is the 512 frames from `first`, whatever it was.
 * Cannot fail where the map knows a frame of the block already.
 */
enum err pfnmap_set_block(struct pfnmap *m, uint64_t b, mfn_t first);
/*
 * One frame, MFN_NONE: none; the others of its block stay what they were.
 * Cannot fail where the block is there and not whole.
 */
enum err pfnmap_set(struct pfnmap *m, pfn_t pfn, mfn_t mfn);
/* MFN_NONE: nothing there. */
mfn_t pfnmap_get(const struct pfnmap *m, pfn_t pfn);
