/* SPDX-License-Identifier: MIT */
/*
 * balloon_frames.h: what the parts of the balloon share. A span of 512
 * pfns from which single frames go is mapped by tables.
 */
#pragma once

#include "guest/lib/balloon.h"
#include "guest/lib/hypercall.h"

#define BALLOON_BLOCKS_MAX 1024u

struct balloon {
    const pfn_t *block;
    unsigned nr;
    balloon_filled_t *filled;
    uint64_t pages;
    uint16_t holes[BALLOON_BLOCKS_MAX];
};
extern struct balloon balloon;

int64_t balloon_reserve(enum xen_memory_cmd cmd, uint64_t *list, uint64_t nr,
                        unsigned order);
/* In the p2m and in the counts. */
void balloon_went(unsigned b, pfn_t pfn);
void balloon_came(unsigned b, pfn_t pfn, mfn_t m);

/* Of a span of 512 pfns, in all spaces; false: not in all. */
void balloon_map(pfn_t first);
bool balloon_unmap(pfn_t first);

bool balloon_frames_to(uint64_t pages);
int64_t balloon_frames_compact(uint64_t *moved);
