/* SPDX-License-Identifier: MIT */
/*
 * alloc_check.c: the allocator's account of itself: every counter recomputed
 * from the maps, the caches and the block words; and its statistics.
 */
#include "mm/alloc/mm.h"

static unsigned bits_in(const uint64_t *map)
{
    unsigned n = 0;

    for (unsigned w = 0; w < REGION_WORDS; w++)
        n += (unsigned)__builtin_popcountll(map[w]);
    return n;
}

static bool sets_right(const struct regions *rs, uint64_t i)
{
    struct region_buckets p = region_buckets(&rs->region[i]);

    for (unsigned b = 0; b < REGION_BUCKETS; b++)
        if (region_set_has(&rs->clean[b], i) != (b == p.clean) ||
            region_set_has(&rs->dirty[b], i) != (b == p.dirty))
            return false;
    return true;
}

static bool summary_right(const struct region_set *s, uint64_t nr)
{
    for (uint64_t l = 0; l < (nr + 63) / 64; l++)
        if (!(s->top[l / 64] >> (l % 64) & 1) != !s->leaf[l])
            return false;
    return true;
}

static const char *check_regions(const struct regions *rs)
{
    uint64_t nr_free = 0, nr_clean = 0;

    for (uint64_t i = 0; i < rs->nr; i++) {
        const struct region *r = &rs->region[i];

        if (bits_in(r->free) != r->nr_free || bits_in(r->clean) != r->nr_clean)
            return "blocks of a region miscounted";
        for (unsigned w = 0; w < REGION_WORDS; w++)
            if (r->clean[w] & ~r->free[w])
                return "a block is clean but not free";
        if (!sets_right(rs, i))
            return "a region is in the wrong sets";
        nr_free += r->nr_free;
        nr_clean += r->nr_clean;
    }
    for (unsigned b = 0; b < REGION_BUCKETS; b++)
        if (!summary_right(&rs->clean[b], rs->nr) ||
            !summary_right(&rs->dirty[b], rs->nr))
            return "summary of a region set is wrong";
    if (nr_free != rs->nr_free || nr_clean != rs->nr_clean)
        return "free blocks miscounted";
    return NULL;
}

/* A cached block is free, and neither in the maps nor cached twice. */
static const char *check_cached(const struct mm *mm, uint32_t b,
                                uint64_t *cached)
{
    const struct alloc *a = &mm->alloc;
    unsigned seen = 0;

    if (b >= mm->nr_blocks || block_class(mm->blocks[b].word) != BLOCK_FREE)
        return "a cached block is not free";
    if (region_has(&a->regions, b, true) || region_has(&a->regions, b, false))
        return "a cached block is in the maps too";
    for (unsigned i = 0; i < ALLOC_CPUS; i++) {
        const struct alloc_cpu *c = &a->cpus[i];

        for (unsigned k = c->get_at; k < c->get_end; k++)
            seen += c->get[k] == b;
        for (unsigned k = 0; k < c->nr_put; k++)
            seen += c->put[alloc_cpu_put(c, k)] == b;
    }
    ++*cached;
    return seen == 1 ? NULL : "a block is cached twice";
}

static const char *check_caches(const struct mm *mm, uint64_t *cached,
                                uint64_t *claims_used)
{
    const char *wrong = NULL;

    for (unsigned i = 0; i < ALLOC_CPUS && !wrong; i++) {
        const struct alloc_cpu *c = &mm->alloc.cpus[i];

        if (c->get_at > c->get_end || c->get_end > ALLOC_CACHE ||
            c->nr_put > ALLOC_CACHE)
            return "a cache is out of bounds";
        for (unsigned k = c->get_at; k < c->get_end && !wrong; k++)
            wrong = check_cached(mm, c->get[k], cached);
        for (unsigned k = 0; k < c->nr_put && !wrong; k++)
            wrong = check_cached(mm, c->put[alloc_cpu_put(c, k)], cached);
        *claims_used += c->claims_used;
    }
    return wrong;
}

/* A word's class, against the maps. */
static bool word_right(const struct mm *mm, uint64_t b, bool *free)
{
    uint64_t w = mm->blocks[b].word;
    bool dirty = w & BLOCK_DIRTY;

    *free = block_class(w) == BLOCK_FREE;
    if (region_has(&mm->alloc.regions, b, dirty))
        return false;
    if (!*free)
        return !region_has(&mm->alloc.regions, b, !dirty);
    return (w & ~(BLOCK_DIRTY | BLOCK_LAST_MAX)) ==
               block_word(BLOCK_FREE, OWNER_NONE) &&
           block_last(w) <= (dirty ? mm->incarnations : 0) &&
           mm->blocks[b].table == 0 && mm->blocks[b].next == 0;
}

static const char *check_words(const struct mm *mm, uint64_t cached)
{
    const struct alloc *a = &mm->alloc;
    uint64_t nr_free = 0, owned = 0;

    for (uint64_t b = 0; b < mm->nr_blocks; b++) {
        bool is_free;

        if (!word_right(mm, b, &is_free))
            return "a block's word does not agree with the maps";
        nr_free += is_free;
        owned += block_has_frames(mm->blocks[b].word);
    }
    /* Each cached block is free and not in the maps: none is lost. */
    if (nr_free != a->regions.nr_free + cached)
        return "a free block is nowhere";
    if (nr_free + owned + a->hv.blocks != a->total_blocks)
        return "blocks were lost";
    return NULL;
}

const char *alloc_check(const struct mm *mm)
{
    const struct alloc *a = &mm->alloc;
    uint64_t cached = 0, claims_used = 0;
    const char *wrong = check_regions(&a->regions);

    if (!wrong)
        wrong = check_caches(mm, &cached, &claims_used);
    if (!wrong)
        wrong = check_words(mm, cached);
    if (!wrong)
        wrong = alloc_hv_check(mm);
    if (wrong)
        return wrong;
    if (a->scrubbing)
        return "a block is still being scrubbed";
    if (claims_used > a->claimed || a->claimed > a->regions.nr_free)
        return "more is claimed than is free";
    return NULL;
}

/* Free blocks in the cache, and how many of them are dirty. */
static void count_cache(const struct mm *mm, struct alloc_cpu *c,
                        struct alloc_stats *s)
{
    spin_lock(&c->lock);
    for (unsigned k = c->get_at; k < c->get_end; k++)
        s->dirty += !!(mm->blocks[c->get[k]].word & BLOCK_DIRTY);
    for (unsigned k = 0; k < c->nr_put; k++)
        s->dirty +=
            !!(mm->blocks[c->put[alloc_cpu_put(c, k)]].word & BLOCK_DIRTY);
    s->free += (unsigned)(c->get_end - c->get_at + c->nr_put);
    s->claimed -= c->claims_used;
    s->unscrubbed += c->unscrubbed;
    spin_unlock(&c->lock);
}

static uint64_t count_whole(const struct regions *rs)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < rs->nr; i++)
        n += rs->region[i].nr_free == REGION_BLOCKS;
    return n;
}

struct alloc_stats alloc_stats(struct mm *mm)
{
    struct alloc *a = &mm->alloc;
    struct alloc_stats s = {.total = a->total_blocks, .reserve = a->reserve};

    spin_lock(&a->hv.lock);
    s.hv_blocks = a->hv.blocks;
    s.hv_partial = a->hv.partial;
    s.hv_frames = a->hv.frames;
    spin_unlock(&a->hv.lock);
    spin_lock(&a->lock);
    s.free = a->regions.nr_free + a->scrubbing;
    s.dirty = s.free - a->regions.nr_clean;
    s.claimed = a->claimed;
    s.whole_regions = count_whole(&a->regions);
    s.sync_scrubs = a->sync_scrubs;
    s.scrubs = a->scrubs;
    s.dirty_most = a->dirty_most;
    s.reuse = a->reuse;
    for (unsigned i = 0; i < ALLOC_CPUS; i++)
        count_cache(mm, &a->cpus[i], &s);
    spin_unlock(&a->lock);
    return s;
}
