/* SPDX-License-Identifier: MIT */
/*
 * machine.h: a machine on which the operations of a trace are carried out
 * through one allocator: where the guests' pages are, and which frames are
 * given out.
 *
 * Invariants: the frames that are given out and those the allocator says are
 * free make up the machine (checked at each sample); a frame is given out
 * once. A block that is refused becomes 512 single frames, as far as there are
 * any, whatever the allocator. A machine that is turned away, because its
 * claim is refused, is heard of no more.
 */
#pragma once

#include "allocator.h"
#include "trace.h"

struct machine_counts {
    uint64_t asked, refused; /* blocks; those of refused claims, too */
    uint64_t regions_asked, regions_refused;
    uint64_t violations;   /* claimed blocks that were not there */
    uint64_t short_frames; /* single frames there were not */
    uint64_t begun, turned_away;
    uint64_t hv_refused, table_refused;
    uint64_t gets, puts;      /* of blocks */
    uint64_t moved, reformed; /* frames, and blocks that are whole by that */
    uint64_t moved_least;     /* that could not be fewer: machine_compact.c */
    /* As if of all free blocks those zeroed were always given out first, but
     * never to who had one before: that many are zeroed, and not, and so often
     * somebody had to wait all the same. */
    uint64_t ideal_clean, ideal_dirty, ideal_waits;
    uint64_t most_blocks; /* given out at any time */
};

struct span;
struct tenant;

struct machine {
    const struct allocator_ops *ops;
    void *a;
    struct allocator_config config;
    uint16_t *live;  /* frames given out, by block; */
    uint16_t *fixed; /* of these, that cannot be moved */
    uint64_t *map;   /* which, 8 words for a block; where neither 0 nor 512 */
    uint64_t used;   /* sum of live */
    struct tenant **tenant; /* by owner in the trace */
    uint32_t nr_tenants;
    uint16_t *numbers; /* of owners that nobody has */
    uint32_t nr_numbers;
    struct machine_counts count;
};

struct machine *machine_make(const struct allocator_ops *ops,
                             const struct allocator_config *c);
/* NULL, or what is left or wrong; frees it. */
const char *machine_end(struct machine *m);
void machine_do(struct machine *m, const struct trace_op *op);
/* Of a file that somebody may have written: is it within its owner's pages? */
bool machine_may(const struct machine *m, const struct trace_op *op);
/* TRACE_COMPACT: machine_compact.c. */
void machine_compact(struct machine *m);

/* --- for machine_compact.c ------------------------------------------------ */

#define SPAN_NOTHING UINT32_MAX

/* 512 pages of a guest's. */
struct span {
    uint32_t block;  /* all of it, or SPAN_NOTHING */
    uint32_t *small; /* or the frame of each page, SPAN_NOTHING: none */
};

struct tenant {
    unsigned number;  /* for the allocator */
    uint64_t nr;      /* spans */
    uint64_t claimed; /* blocks it may still have of its claim */
    struct span *span;
    mfn_t *hv;
    uint64_t nr_hv;
};

void machine_frame_used(struct machine *m, uint64_t frame, bool fixed);
void machine_frame_freed(struct machine *m, uint64_t frame, bool fixed);
