/* SPDX-License-Identifier: MIT */
/*
 * census_run.h: the runs of 512 pfns that want a whole block: at most one
 * begins between one multiple of 512 pfns and the next, because no two
 * overlap. One word for each such window, in the census' list `runs`.
 */
#pragma once

#include "mm/save/census.h"

/*
 * A run at pfn with these flags, added to those it has. *fits false: another
 * run is in the way, or some of the pfns do not exist; nothing is added.
 */
must_check enum err census_run_add(struct census *c, uint64_t pfn,
                                   uint64_t flags, bool *fits);
/* Flags of the run that begins at this pfn; 0: none does. */
uint64_t census_run_flags(const struct census *c, uint64_t pfn);
/* The run that begins in the window of pfn; false: none does. */
bool census_run_near(const struct census *c, uint64_t pfn, struct extent *out);
/* One phase: the domain's ranges (mm/alloc/range.h) become runs. */
must_check enum err census_ranges(struct census *c);
/* One phase: all pfns become extents. */
must_check enum err census_extents(struct census *c);
