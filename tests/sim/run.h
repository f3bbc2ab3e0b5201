/* SPDX-License-Identifier: MIT */
/*
 * run.h: one trace through one allocator, from a workload or a file, and what
 * came of it.
 *
 * Invariant: all of struct outcome but `seconds` is the same whenever the same
 * trace goes through the same allocator.
 */
#pragma once

#include "metrics.h"
#include "workload.h"

struct run {
    struct workload_config w; /* where it is not replayed */
    const struct allocator_ops *ops;
    struct allocator_config machine;
    FILE *record, *series; /* or NULL */
    FILE *replay;          /* NULL: the workload */
};

struct outcome {
    struct sums sums;
    struct machine_counts count;
    struct allocator_stats last; /* at the last sample, and the counts then */
    struct machine_counts count_then;
    uint64_t ops; /* of the trace */
    double hours, seconds;
    const char *wrong; /* NULL, or why none of it is worth anything */
};

void run_do(struct run *r, struct outcome *out);
/* The allocator of that name, or NULL; the nth of them, or NULL. */
const struct allocator_ops *run_allocator(const char *name);
const struct allocator_ops *run_allocator_nth(unsigned n);

/* FB: of the blocks asked for, refused or shattered. */
double outcome_fb(const struct outcome *o);
/*
 * Keys of a JSON object, without braces, the same for the same trace and
 * allocator: those of sample_print(), means over the samples that count, and
 * "samples" (so many), "ha_star_least", "fb", "gv", "asked_blocks",
 * "refused_blocks", "regions_asked", "regions_refused", "short_frames",
 * "begun", "turned_away", "hv_refused", "tables_refused", "clean_hit" (blocks
 * got zeroed already or as one's own, of all got), "clean_hit_most" (with as
 * much idle time, if those that are zeroed were always given out first),
 * "own_blocks" (got as one's own), "sync_scrubs", "moved_frames",
 * "moved_least_frames" (what cannot be spared by another choice of blocks:
 * machine_compact.c), "reformed_blocks", "yield" (blocks for each frame moved),
 * "most_tables", "most_dirty_blocks", "ops", "hours", "wrong".
 */
void outcome_print(FILE *f, const struct outcome *o);
