/* SPDX-License-Identifier: MIT */
/*
 * cache.h: a set-associative cache of tags, which is all that a TLB and a
 * paging-structure cache are to one who counts. In each set the tags stand in
 * the order of their last use; the last makes room. A cache of no ways holds
 * nothing, and every look into it misses.
 */
#pragma once

#include "base.h"

struct cache_shape {
    unsigned sets, ways;
};

struct cache {
    struct cache_shape shape;
    uint64_t *slot; /* sets x ways, the last used first; 0: empty */
};

/*
 * A tag: the number of what is held, its kind (1 to 7), and four bits of notes,
 * which are kept and not compared. So no tag is 0.
 */
#define CACHE_NOTES  UINT64_C(0xf)
#define CACHE_GLOBAL UINT64_C(0x8) /* a note: cache_drop_local() leaves it */

static inline uint64_t cache_tag(uint64_t number, unsigned kind, uint64_t notes)
{
    return number << 8 | (uint64_t)kind << 4 | notes;
}

static inline bool cache_same(uint64_t a, uint64_t b)
{
    return ((a ^ b) & ~CACHE_NOTES) == 0;
}

bool cache_init(struct cache *c, struct cache_shape shape); /* false: memory */
void cache_free(struct cache *c);
/* As it was put, and now the last used; 0: not there. */
uint64_t cache_find(struct cache *c, uint64_t tag);
/* The tag is not there yet. */
void cache_put(struct cache *c, uint64_t tag);
void cache_drop(struct cache *c, uint64_t tag);
void cache_drop_local(struct cache *c);
void cache_drop_kind(struct cache *c, unsigned kind);
void cache_drop_all(struct cache *c);
unsigned cache_used(const struct cache *c);
