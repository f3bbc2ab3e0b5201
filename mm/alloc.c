/* SPDX-License-Identifier: MIT */
/*
 * alloc.c: whole blocks, region by region.
 *
 * Each region of 1 GiB has a map of its free blocks and a map of those among
 * them that are scrubbed. Partly free regions are on one list, wholly free
 * ones on another, and requests are served from the first while it lasts: so
 * whole regions survive. All O(1): a region's map is one cache line.
 */
#include "mm/alloc.h"

#include <string.h>

#include "mm/mm.h"

#define REGION_WORDS (REGION_BLOCKS / 64)

enum region_list { LIST_PARTIAL, LIST_WHOLE, LIST_NONE };

struct region {
    uint64_t free[REGION_WORDS];
    uint64_t clean[REGION_WORDS]; /* of the free ones */
    uint32_t next, prev;          /* index + 1; 0 ends */
    uint16_t nr_free, nr_clean;
    uint16_t nr_blocks; /* that alloc_add() brought */
    uint16_t list;      /* enum region_list */
} aligned_to(64);

static size_t blocks_size(uint64_t nr_frames)
{
    size_t n = (nr_frames + BLOCK_FRAMES - 1) / BLOCK_FRAMES;

    return (n * sizeof(struct block) + 63) & ~(size_t)63;
}

static uint64_t regions_of(uint64_t nr_frames)
{
    uint64_t per = (uint64_t)BLOCK_FRAMES * REGION_BLOCKS;

    return (nr_frames + per - 1) / per;
}

size_t alloc_metadata_size(uint64_t nr_frames)
{
    return blocks_size(nr_frames) +
           regions_of(nr_frames) * sizeof(struct region);
}

void alloc_init(struct mm *mm, void *buf, uint64_t nr_frames, uint64_t reserve)
{
    struct alloc *a = &mm->alloc;

    mm->blocks = buf;
    mm->nr_frames = nr_frames;
    mm->nr_blocks = (nr_frames + BLOCK_FRAMES - 1) / BLOCK_FRAMES;
    memset(a, 0, sizeof(*a));
    a->regions =
        (struct region *)(void *)((char *)buf + blocks_size(nr_frames));
    a->nr_regions = regions_of(nr_frames);
    a->reserve = reserve;
    for (uint64_t i = 0; i < a->nr_regions; i++)
        a->regions[i].list = LIST_NONE;
}

/* --- lists of regions ---------------------------------------------------- */

static void unlink_region(struct alloc *a, struct region *r)
{
    if (r->list == LIST_NONE)
        return;
    if (r->prev)
        a->regions[r->prev - 1].next = r->next;
    else
        a->lists[r->list] = r->next;
    if (r->next)
        a->regions[r->next - 1].prev = r->prev;
    r->next = r->prev = 0;
    r->list = LIST_NONE;
}

static void link_region(struct alloc *a, struct region *r, enum region_list l)
{
    uint32_t self = (uint32_t)(r - a->regions) + 1;

    r->list = (uint16_t)l;
    if (l == LIST_NONE)
        return;
    r->next = a->lists[l];
    r->prev = 0;
    if (r->next)
        a->regions[r->next - 1].prev = self;
    a->lists[l] = self;
}

/* Regions of which mm/ was given only a part are never whole. */
static void relist(struct alloc *a, struct region *r)
{
    enum region_list l = r->nr_free == 0               ? LIST_NONE
                         : r->nr_free == REGION_BLOCKS ? LIST_WHOLE
                                                       : LIST_PARTIAL;

    if (r->list == l)
        return;
    unlink_region(a, r);
    link_region(a, r, l);
}

static struct region *region_of(struct alloc *a, blk_t b)
{
    return &a->regions[b.v / REGION_BLOCKS];
}

static unsigned first_bit(const uint64_t map[REGION_WORDS])
{
    for (unsigned i = 0; i < REGION_WORDS; i++)
        if (map[i])
            return i * 64 + (unsigned)__builtin_ctzll(map[i]);
    return REGION_BLOCKS;
}

static bool take_bit(uint64_t map[REGION_WORDS], unsigned i)
{
    bool was = map[i / 64] >> (i % 64) & 1;

    map[i / 64] &= ~BIT(i % 64);
    return was;
}

/* --- blocks -------------------------------------------------------------- */

/* Leaves the free map; the block is dirty or not as its word says. */
static void take(struct mm *mm, blk_t b)
{
    struct alloc *a = &mm->alloc;
    struct region *r = region_of(a, b);
    unsigned i = (unsigned)(b.v % REGION_BLOCKS);

    BUG_IF(!take_bit(r->free, i));
    r->nr_free--;
    if (take_bit(r->clean, i))
        r->nr_clean--;
    else
        a->dirty_blocks--;
    a->free_blocks--;
    relist(a, r);
}

static void give(struct mm *mm, blk_t b, bool clean)
{
    struct alloc *a = &mm->alloc;
    struct region *r = region_of(a, b);
    unsigned i = (unsigned)(b.v % REGION_BLOCKS);

    BUG_IF(r->free[i / 64] >> (i % 64) & 1);
    r->free[i / 64] |= BIT(i % 64);
    r->nr_free++;
    if (clean) {
        r->clean[i / 64] |= BIT(i % 64);
        r->nr_clean++;
    } else {
        a->dirty_blocks++;
    }
    a->free_blocks++;
    relist(a, r);
    atomic_store(&mm_block(mm, b)->word, block_word(BLOCK_FREE, OWNER_NONE) |
                                             (clean ? 0 : BLOCK_DIRTY));
}

static struct region *serving(struct alloc *a)
{
    uint32_t at =
        a->lists[LIST_PARTIAL] ? a->lists[LIST_PARTIAL] : a->lists[LIST_WHOLE];

    return at ? &a->regions[at - 1] : NULL;
}

/* Blocks this use may still take. */
static uint64_t available(const struct alloc *a, enum alloc_use use)
{
    uint64_t kept = use == ALLOC_CUT       ? a->claimed
                    : use == ALLOC_CLAIMED ? 0
                                           : a->reserve + a->claimed;

    return a->free_blocks > kept ? a->free_blocks - kept : 0;
}

static void scrub(struct mm *mm, blk_t b)
{
    memset(mm_frame_ptr(mm, mfn_of_blk(b)), 0, BLOCK_SIZE);
}

static bool fails_now(struct alloc *a)
{
    return unlikely(a->fail_at) && --a->fail_at == 0;
}

static enum err block_get_locked(struct mm *mm, enum alloc_use use, blk_t *out,
                                 bool *clean)
{
    struct alloc *a = &mm->alloc;
    struct region *r;
    unsigned i;

    if (available(a, use) == 0 || fails_now(a))
        return ERR_NOMEM;
    if (use == ALLOC_CLAIMED) {
        ASSERT(a->claimed > 0);
        a->claimed--;
    }
    r = serving(a);
    ASSERT(r);
    *clean = r->nr_clean > 0;
    i = first_bit(*clean ? r->clean : r->free);
    *out = blk_of((uint64_t)(r - a->regions) * REGION_BLOCKS + i);
    take(mm, *out);
    return ERR_NONE;
}

enum err alloc_block_get(struct mm *mm, unsigned owner, enum alloc_use use,
                         bool clean, blk_t *out)
{
    bool is_clean = false;
    enum err rc;

    alloc_lock(&mm->alloc.lock);
    rc = block_get_locked(mm, use, out, &is_clean);
    alloc_unlock(&mm->alloc.lock);
    if (rc)
        return rc;
    if (clean && !is_clean) {
        scrub(mm, *out);
        is_clean = true;
    }
    mm_block(mm, *out)->table = 0;
    mm_block(mm, *out)->next = 0;
    atomic_store(&mm_block(mm, *out)->word,
                 block_word(BLOCK_DOM, owner) | (is_clean ? 0 : BLOCK_DIRTY));
    return ERR_NONE;
}

void alloc_block_put(struct mm *mm, blk_t b)
{
    ASSERT(mm_block(mm, b)->table == 0);
    alloc_lock(&mm->alloc.lock);
    give(mm, b, false);
    alloc_unlock(&mm->alloc.lock);
}

enum err alloc_region_get(struct mm *mm, unsigned owner, enum alloc_use use,
                          blk_t *out)
{
    struct alloc *a = &mm->alloc;
    enum err rc = ERR_NOMEM;
    blk_t first = blk_of(0);

    alloc_lock(&a->lock);
    if (a->lists[LIST_WHOLE] && available(a, use) >= REGION_BLOCKS &&
        (use != ALLOC_CLAIMED || a->claimed >= REGION_BLOCKS)) {
        first = blk_of((uint64_t)(a->lists[LIST_WHOLE] - 1) * REGION_BLOCKS);
        for (uint64_t i = 0; i < REGION_BLOCKS; i++)
            take(mm, blk_of(first.v + i));
        if (use == ALLOC_CLAIMED)
            a->claimed -= REGION_BLOCKS;
        rc = ERR_NONE;
    }
    alloc_unlock(&a->lock);
    for (uint64_t i = 0; !rc && i < REGION_BLOCKS; i++) {
        struct block *b = mm_block(mm, blk_of(first.v + i));

        if (b->word & BLOCK_DIRTY)
            scrub(mm, blk_of(first.v + i));
        b->table = b->next = 0;
        atomic_store(&b->word, block_word(BLOCK_DOM, owner));
    }
    *out = first;
    return rc;
}

enum err alloc_claim(struct mm *mm, uint64_t n)
{
    struct alloc *a = &mm->alloc;
    enum err rc = ERR_NOMEM;

    alloc_lock(&a->lock);
    if (n <= available(a, ALLOC_WHOLE)) {
        a->claimed += n;
        rc = ERR_NONE;
    }
    alloc_unlock(&a->lock);
    return rc;
}

void alloc_unclaim(struct mm *mm, uint64_t n)
{
    alloc_lock(&mm->alloc.lock);
    ASSERT(n <= mm->alloc.claimed);
    mm->alloc.claimed -= n;
    alloc_unlock(&mm->alloc.lock);
}

uint64_t alloc_scrub(struct mm *mm, uint64_t n)
{
    struct alloc *a = &mm->alloc;
    uint64_t done = 0;

    for (uint64_t left = a->nr_regions; left && done < n; left--) {
        struct region *r = &a->regions[a->scrub_region];

        while (done < n && r->nr_clean < r->nr_free) {
            uint64_t dirty[REGION_WORDS];
            unsigned i;

            for (unsigned k = 0; k < REGION_WORDS; k++)
                dirty[k] = r->free[k] & ~r->clean[k];
            i = first_bit(dirty);
            scrub(mm, blk_of(a->scrub_region * REGION_BLOCKS + i));
            r->clean[i / 64] |= BIT(i % 64);
            r->nr_clean++;
            a->dirty_blocks--;
            atomic_store(&mm->blocks[a->scrub_region * REGION_BLOCKS + i].word,
                         block_word(BLOCK_FREE, OWNER_NONE));
            done++;
        }
        if (r->nr_clean == r->nr_free)
            a->scrub_region = (a->scrub_region + 1) % a->nr_regions;
    }
    return done;
}

/* --- boot and check ------------------------------------------------------ */

void alloc_add(struct mm *mm, mfn_t first, uint64_t count)
{
    uint64_t end = MIN(first.v + count, mm->nr_frames);

    for (uint64_t m = first.v; m < end;) {
        blk_t b = blk_of_mfn(mfn_of(m));
        uint64_t stop = MIN(end, (b.v + 1) * BLOCK_FRAMES);

        if (b.v != 0 && stop - m == BLOCK_FRAMES) {
            region_of(&mm->alloc, b)->nr_blocks++;
            mm->alloc.total_blocks++;
            give(mm, b, false);
        } else {
            alloc_hv_add(mm, mfn_of(m), stop - m);
        }
        m = stop;
    }
}

static const char *check_region(const struct mm *mm, const struct region *r,
                                uint64_t *nr_free, uint64_t *nr_dirty)
{
    uint64_t base = (uint64_t)(r - mm->alloc.regions) * REGION_BLOCKS;
    unsigned nr = 0, clean = 0;

    for (unsigned i = 0; i < REGION_BLOCKS && base + i < mm->nr_blocks; i++) {
        uint64_t w = mm->blocks[base + i].word;
        bool is_free = r->free[i / 64] >> (i % 64) & 1;
        bool is_clean = r->clean[i / 64] >> (i % 64) & 1;

        if (is_free != (block_class(w) == BLOCK_FREE))
            return "a free map and a block word differ";
        if (is_clean && (!is_free || (w & BLOCK_DIRTY)))
            return "a clean map and a block word differ";
        nr += is_free;
        clean += is_clean;
    }
    if (nr != r->nr_free || clean != r->nr_clean)
        return "a region's count is wrong";
    if ((r->list == LIST_NONE) != (nr == 0))
        return "a region is on the wrong list";
    *nr_free += nr;
    *nr_dirty += nr - clean;
    return NULL;
}

const char *alloc_check(const struct mm *mm)
{
    const struct alloc *a = &mm->alloc;
    uint64_t nr_free = 0, nr_dirty = 0;

    for (uint64_t i = 0; i < a->nr_regions; i++) {
        const char *wrong =
            check_region(mm, &a->regions[i], &nr_free, &nr_dirty);

        if (wrong)
            return wrong;
    }
    if (nr_free != a->free_blocks || nr_dirty != a->dirty_blocks)
        return "the count of free blocks is wrong";
    if (a->claimed > a->free_blocks)
        return "more is claimed than is free";
    return alloc_hv_check(mm);
}
