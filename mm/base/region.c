/* SPDX-License-Identifier: MIT */
/* region.c: see region.h. */
#include <string.h>

#include "mm/base/region.h"

static void set_add(struct region_set *s, uint64_t i)
{
    s->leaf[i / 64] |= BIT(i % 64);
    s->top[i / 4096] |= BIT(i / 64 % 64);
}

static void set_remove(struct region_set *s, uint64_t i)
{
    s->leaf[i / 64] &= ~BIT(i % 64);
    if (s->leaf[i / 64] == 0)
        s->top[i / 4096] &= ~BIT(i / 64 % 64);
}

bool region_set_has(const struct region_set *s, uint64_t i)
{
    return s->leaf[i / 64] >> (i % 64) & 1;
}

static inline unsigned lowest(uint64_t w)
{
    return (unsigned)__builtin_ctzll(w);
}

static bool set_first(const struct region_set *s, uint64_t *out)
{
    for (unsigned t = 0; t < ARRAY_SIZE(s->top); t++) {
        unsigned leaf;

        if (s->top[t] == 0)
            continue;
        leaf = t * 64 + lowest(s->top[t]);
        *out = leaf * 64 + lowest(s->leaf[leaf]);
        return true;
    }
    return false;
}

/* The region to take from: the fullest in the family. */
static struct region *family_first(struct regions *rs,
                                   const struct region_set *family)
{
    uint64_t i;

    for (unsigned b = 0; b < REGION_BUCKETS; b++)
        if (set_first(&family[b], &i))
            return &rs->region[i];
    return NULL;
}

struct region_buckets region_buckets(const struct region *r)
{
    unsigned bucket = r->nr_free == REGION_BLOCKS
                          ? REGION_WHOLE
                          : (r->nr_free - 1u) / (REGION_BLOCKS / REGION_WHOLE);

    return (struct region_buckets){
        .clean = r->nr_clean ? bucket : REGION_NOWHERE,
        .dirty = r->nr_free > r->nr_clean ? bucket : REGION_NOWHERE,
    };
}

static void family_move(struct region_set *family, uint64_t i, unsigned from,
                        unsigned to)
{
    if (from == to)
        return;
    if (from != REGION_NOWHERE)
        set_remove(&family[from], i);
    if (to != REGION_NOWHERE)
        set_add(&family[to], i);
}

static void recount(struct regions *rs, struct region *r, int free, int clean)
{
    uint64_t i = (uint64_t)(r - rs->region);
    struct region_buckets from = region_buckets(r), to;

    r->nr_free = (uint16_t)(r->nr_free + free);
    r->nr_clean = (uint16_t)(r->nr_clean + clean);
    rs->nr_free += (uint64_t)(int64_t)free;
    rs->nr_clean += (uint64_t)(int64_t)clean;
    to = region_buckets(r);
    family_move(rs->clean, i, from.clean, to.clean);
    family_move(rs->dirty, i, from.dirty, to.dirty);
}

static size_t leaf_words(uint64_t nr)
{
    return (nr + 63) / 64;
}

size_t region_metadata_size(uint64_t nr)
{
    return nr * sizeof(struct region) +
           2 * REGION_BUCKETS * leaf_words(nr) * sizeof(uint64_t);
}

void region_init(struct regions *rs, void *buf, uint64_t nr)
{
    uint64_t *leaf;

    ASSERT(nr <= REGION_MAX);
    memset(rs, 0, sizeof(*rs));
    memset(buf, 0, region_metadata_size(nr));
    rs->region = buf;
    rs->nr = nr;
    leaf = (uint64_t *)(void *)(rs->region + nr);
    for (unsigned b = 0; b < REGION_BUCKETS; b++) {
        rs->clean[b].leaf = leaf + 2 * b * leaf_words(nr);
        rs->dirty[b].leaf = leaf + (2 * b + 1) * leaf_words(nr);
    }
}

void region_put(struct regions *rs, uint64_t block, bool clean)
{
    struct region *r = &rs->region[block / REGION_BLOCKS];
    unsigned w = (unsigned)block % REGION_BLOCKS / 64;
    uint64_t bit = BIT(block % 64);

    ASSERT(!(r->free[w] & bit));
    r->free[w] |= bit;
    if (clean)
        r->clean[w] |= bit;
    recount(rs, r, 1, clean);
}

void region_put_whole(struct regions *rs, uint64_t block)
{
    struct region *r = &rs->region[block / REGION_BLOCKS];

    ASSERT(block % REGION_BLOCKS == 0 && r->nr_free == 0);
    memset(r->free, 0xff, sizeof(r->free));
    recount(rs, r, REGION_BLOCKS, 0);
}

/* Up to n blocks of r, clean or dirty ones, ascending. */
static unsigned take_from(struct regions *rs, struct region *r, bool clean,
                          uint32_t *out, unsigned n)
{
    uint32_t base = (uint32_t)(r - rs->region) * REGION_BLOCKS;
    unsigned got = 0;

    for (unsigned w = 0; w < REGION_WORDS && got < n; w++) {
        uint64_t left = clean ? r->clean[w] : r->free[w] & ~r->clean[w];
        uint64_t taken = left;

        for (; left && got < n; left &= left - 1)
            out[got++] = base + w * 64 + lowest(left);
        taken &= ~left;
        r->free[w] &= ~taken;
        r->clean[w] &= ~taken;
    }
    recount(rs, r, -(int)got, clean ? -(int)got : 0);
    return got;
}

static unsigned take(struct regions *rs, bool clean, uint32_t *out, unsigned n)
{
    unsigned got = 0;

    while (got < n) {
        struct region *r = family_first(rs, clean ? rs->clean : rs->dirty);

        if (!r)
            break;
        got += take_from(rs, r, clean, out + got, n - got);
    }
    return got;
}

/*
 * A scrub costs as much as tens of thousands of allocations, so a clean
 * block goes first even where a dirty one would spare a whole region.
 */
unsigned region_take(struct regions *rs, uint32_t *out, unsigned n)
{
    unsigned got = take(rs, true, out, n);

    /* Do not make a clean batch worse: the dirty ones will be scrubbed. */
    return got ? got : take(rs, false, out, n);
}

bool region_take_clean(struct regions *rs, uint32_t *out)
{
    return take(rs, true, out, 1) == 1;
}

bool region_take_dirty(struct regions *rs, uint32_t *out)
{
    return take(rs, false, out, 1) == 1;
}

void region_take_one(struct regions *rs, uint64_t block)
{
    struct region *r = &rs->region[block / REGION_BLOCKS];
    unsigned w = (unsigned)block % REGION_BLOCKS / 64;
    uint64_t bit = BIT(block % 64);
    bool clean = r->clean[w] & bit;

    ASSERT(r->free[w] & bit);
    r->free[w] &= ~bit;
    r->clean[w] &= ~bit;
    recount(rs, r, -1, clean ? -1 : 0);
}

bool region_take_whole(struct regions *rs, uint32_t *out)
{
    struct region *r;
    uint64_t i;

    if (!set_first(&rs->clean[REGION_WHOLE], &i) &&
        !set_first(&rs->dirty[REGION_WHOLE], &i))
        return false;
    r = &rs->region[i];
    *out = (uint32_t)i * REGION_BLOCKS;
    memset(r->free, 0, sizeof(r->free));
    memset(r->clean, 0, sizeof(r->clean));
    recount(rs, r, -(int)REGION_BLOCKS, -(int)r->nr_clean);
    return true;
}

bool region_has(const struct regions *rs, uint64_t block, bool clean)
{
    const struct region *r = &rs->region[block / REGION_BLOCKS];
    unsigned w = (unsigned)block % REGION_BLOCKS / 64;
    uint64_t map = clean ? r->clean[w] : r->free[w] & ~r->clean[w];

    return map >> (block % 64) & 1;
}
