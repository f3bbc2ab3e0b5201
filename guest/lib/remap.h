/* SPDX-License-Identifier: MIT */
/*
 * remap.h: the classic way back from superpages that were not to be had when
 * the guest was restored (restore=guest): the guest itself finds every entry
 * that is missing, in every page table of every address space, and maps by a
 * table of its own what was mapped large. It needs a spare table for each
 * (spare.h), and its own code and tables must not be mapped large.
 */
#pragma once

#include "base.h"

struct remap_result {
    uint64_t ranges;    /* of the hypervisor's list */
    uint64_t l1_frames; /* tables it took: one for each entry mended */
    uint64_t looked_at; /* tables walked */
    uint64_t calls;     /* hypercalls */
    uint64_t ticks;     /* of the TSC, while it ran itself */
};

/*
 * In the spaces of space.h; then says so to the hypervisor
 * (FLAGSTONE_OP_downgraded). false: an entry could not be mended.
 */
bool remap_all(struct remap_result *r);
