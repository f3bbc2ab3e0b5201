/* SPDX-License-Identifier: MIT */
/*
 * region.h: the free blocks of the machine, by GiB, and which to take next:
 * scrubbed before dirty, from the fullest region, lowest address first, so
 * that whole regions survive as long as they can.
 *
 * Invariants: clean is a subset of free; the counts are those of the maps; a
 * region is in exactly the sets that its counts say. Constant time: a set is
 * a bitmap with one level of summary, however large the machine is.
 */
#pragma once

#include "mm/base/block.h"

#define REGION_WORDS   (REGION_BLOCKS / 64)
#define REGION_MAX     16384u /* 16 TiB: what 32 bits of mfn can number */
#define REGION_BUCKETS 9      /* by eighths of free blocks; the last: whole */
#define REGION_WHOLE   (REGION_BUCKETS - 1)
#define REGION_NOWHERE REGION_BUCKETS

struct region {
    uint64_t free[REGION_WORDS];
    uint64_t clean[REGION_WORDS]; /* free, and all zeroes */
    uint16_t nr_free;
    uint16_t nr_clean;
    uint32_t pad;
};
_Static_assert(sizeof(struct region) == 136, "bytes per GiB beside the blocks");
_Static_assert(REGION_WORDS * 64 == REGION_BLOCKS, "a bit for each block");
_Static_assert(REGION_BLOCKS <= UINT16_MAX, "all of them may be counted");
_Static_assert(BIT(32) == (uint64_t)REGION_MAX * REGION_BLOCKS * BLOCK_FRAMES,
               "32 bits of mfn");
_Static_assert(REGION_WHOLE == 8, "eighths, and the whole");

struct region_set {
    uint64_t top[REGION_MAX / 64 / 64];
    uint64_t *leaf;
};
_Static_assert(REGION_MAX % (64 * 64) == 0, "no word of a set is in part");

struct regions {
    struct region *region;
    uint64_t nr;
    uint64_t nr_free; /* blocks, in all of them */
    uint64_t nr_clean;
    struct region_set clean[REGION_BUCKETS]; /* has clean ones, by nr_free */
    struct region_set dirty[REGION_BUCKETS]; /* has dirty ones, by nr_free */
};

/* Which buckets of the two families of sets the counts of r call for. */
struct region_buckets {
    unsigned clean, dirty;
};
struct region_buckets region_buckets(const struct region *r);
bool region_set_has(const struct region_set *s, uint64_t i);

size_t region_metadata_size(uint64_t nr);
void region_init(struct regions *rs, void *buf, uint64_t nr);

void region_put(struct regions *rs, uint64_t block, bool clean);
/* 512 blocks from `block`, a multiple of 512, none of them there yet. */
void region_put_whole(struct regions *rs, uint64_t block);

/* Take up to n blocks, the best first, ascending; how many there were. */
unsigned region_take(struct regions *rs, uint32_t *out, unsigned n);
/* One of the kind asked for, if there is any. */
bool region_take_clean(struct regions *rs, uint32_t *out);
bool region_take_dirty(struct regions *rs, uint32_t *out);
/* This block, which is there. */
void region_take_one(struct regions *rs, uint64_t block);
/* A whole region, preferably a scrubbed one: its first block. */
bool region_take_whole(struct regions *rs, uint32_t *out);
/* Is this block in the maps, as clean or not? */
bool region_has(const struct regions *rs, uint64_t block, bool clean);
