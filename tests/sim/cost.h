/* SPDX-License-Identifier: MIT */
/*
 * cost.h: what one operation takes, in nanoseconds of this host: a block put
 * and one got, of blocks chosen at random on a machine that is so full, each
 * operation timed by itself.
 *
 * Not the same twice: the host has other things to do, and what is beyond
 * p99.9 is mostly that. The clock's own time is taken off. "flagstone" is a
 * domain's block with its accounting, but without the writing of M2P, and
 * "mm/alloc" the allocator alone; the models have neither a lock nor the work
 * on each page that the real ones have, and are far cheaper than those.
 *
 * Keys of an object @{"sim":"cost",...}: allocator, machine_gib, fill_percent;
 * get_p50_ns, get_p99_ns, get_p9999_ns, get_max_ns, the same of put_;
 * frame_get_ns, frame_put_ns: means of 4 KiB, 64 at a time; two_cpus: with a
 * second CPU beside, operations of both in a second of processor time, of twice
 * those alone (S(2); 0: has no locks to try it with).
 */
#pragma once

#include "jobs.h"
#include "run.h"

struct cost {
    const struct allocator_ops *ops;
    uint64_t gib, fill;
};

/* A job's: keys of the object, without braces. */
int cost_run(FILE *out, void *arg);
void cost_head(void);
void cost_row(const struct cost *c, const char *line);
/* Bytes of metadata per GiB over the part of blocks used at 4 KiB grain. */
void cost_metadata(void);
