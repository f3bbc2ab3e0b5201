/* SPDX-License-Identifier: MIT */
/*
 * snapshot_span.h: the spans of 512 pfns that want a whole block: at most one
 * begins between one multiple of 512 pfns and the next, because no two
 * overlap. One word for each such window, in the snapshot's list `spans`.
 */
#pragma once

#include "mm/save/snapshot.h"

/*
 * A span at pfn with these flags, added to those it has. *fits false: another
 * span is in the way, or some of the pfns do not exist; nothing is added.
 */
enum err snapshot_span_add(struct snapshot *c, uint64_t pfn, uint64_t flags,
                           bool *fits);
/* Flags of the span that begins at this pfn; 0: none does. */
uint64_t snapshot_span_flags(const struct snapshot *c, uint64_t pfn);
/* The span that begins in the window of pfn; false: none does. */
bool snapshot_span_near(const struct snapshot *c, uint64_t pfn,
                        struct extent *out);
/* One step: the domain's ranges (mm/alloc/range.h) become spans. */
enum err snapshot_ranges(struct job *j);
/* One step: all pfns become extents. */
enum err snapshot_extents(struct job *j);
