/* SPDX-License-Identifier: MIT */
/*
 * range.h: what a domain has been told, or is to be told, about its memory:
 * spans of 512 pfns that were one whole block when it was saved and are not
 * now. A list in hypervisor frames; a pfn is the start of at most one range.
 */
#pragma once

#include "mm/alloc/mm.h"

enum range_state {
    RANGE_SCATTERED = 1, /* was whole, not mapped large */
    RANGE_SHATTERED = 2, /* mapped large, through supplied tables now */
    RANGE_REMAP = 3,     /* mapped large, left to the guest to remap */
};

struct range {
    pfn_t pfn; /* first of 512, need not be aligned */
    enum range_state state;
};

/* ERR_NOMEM. There must be none at this pfn. */
enum err range_add(struct mm_domain *d, struct range r);
/* false: there is none at this pfn. */
bool range_remove(struct mm_domain *d, pfn_t pfn);
/* The nth of them, in no order that lasts; false: there are fewer. */
bool range_nth(const struct mm_domain *d, uint64_t n, struct range *out);
uint64_t range_count(const struct mm_domain *d, enum range_state state);
/* The domain ends, or its ranges are about to be worked out anew. */
void range_clear(struct mm_domain *d);
