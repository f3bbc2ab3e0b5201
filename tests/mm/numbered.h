/* SPDX-License-Identifier: MIT */
/*
 * numbered.h: the guest of scene.h with pfns for all its frames, and what the
 * tests of snapshots of it have in common.
 */
#pragma once

#include "mm/alloc/range.h"
#include "saving.h"
#include "scene.h"

/* The small frames of the scene: pfns 10, 12, ...; and where its block is. */
enum { L4, L3, L2, L1, DATA, SMALL };
#define BLOCK_PFN 1000u
#define SPAN_PFN  2000u

/* M2P says that m is this pfn. */
void set_m2p(struct scene *s, mfn_t m, uint64_t pfn);
void number(struct scene *s);
/* A snapshot, which must succeed. */
void take(struct scene *s, struct snapshot *c);
/*
 * number(), and 512 frames that are pfns SPAN_PFN on and lie anywhere, under a
 * supplied table, which is returned, at entry 5 of the L2.
 */
mfn_t shatter(struct scene *s);
void add_range(struct scene *s, uint64_t pfn, enum range_state state);

void assert_extent(const struct snapshot *c, uint64_t n, uint64_t pfn,
                   uint32_t count, uint64_t flags);
void assert_table(const struct snapshot *c, uint64_t n, uint64_t pfn,
                  unsigned level, unsigned pinned);
