/* SPDX-License-Identifier: MIT */
/*
 * alloc_hv.c: the hypervisor's own frames, cut from blocks of class HV.
 *
 * The first usable frame of such a block holds the map of its free frames;
 * struct block.table names it. Blocks with free frames are on a list, and a
 * block whose frames are all free again goes back whole, except those that
 * boot gave in part: these stay.
 */
#include <string.h>

#include "mm/alloc.h"
#include "mm/mm.h"
#include "mm/run.h"

struct hv_block {
    uint64_t map[RUN_WORDS]; /* set: free */
    uint32_t prev;           /* index + 1; next is in struct block */
    uint16_t nr_free;
    uint16_t nr_usable; /* without this frame; 511 if it may go back whole */
};

static struct hv_block *head_of(const struct mm *mm, const struct block *b)
{
    return mm_frame_ptr(mm, mfn_of(b->table));
}

static uint32_t name_of(const struct mm *mm, const struct block *b)
{
    return (uint32_t)(b - mm->blocks) + 1;
}

static void link_block(struct mm *mm, struct block *b)
{
    uint32_t first = mm->alloc.hv_list;

    b->next = first;
    head_of(mm, b)->prev = 0;
    if (first)
        head_of(mm, &mm->blocks[first - 1])->prev = name_of(mm, b);
    mm->alloc.hv_list = name_of(mm, b);
}

static void unlink_block(struct mm *mm, struct block *b)
{
    uint32_t prev = head_of(mm, b)->prev;

    if (prev)
        mm->blocks[prev - 1].next = b->next;
    else
        mm->alloc.hv_list = b->next;
    if (b->next)
        head_of(mm, &mm->blocks[b->next - 1])->prev = prev;
    b->next = 0;
}

/* Frames [first, first + count) of one block: the first describes the rest. */
static void adopt(struct mm *mm, struct block *b, mfn_t first, uint64_t count)
{
    struct hv_block *h;

    atomic_store(&b->word, block_word(BLOCK_HV, OWNER_NONE));
    b->table = (uint32_t)first.v;
    h = head_of(mm, b);
    memset(h, 0, sizeof(*h));
    run_set(h->map, (unsigned)(first.v + 1) % BLOCK_FRAMES,
            (unsigned)count - 1);
    h->nr_free = h->nr_usable = (uint16_t)(count - 1);
    if (h->nr_free)
        link_block(mm, b);
    mm->alloc.hv_blocks++;
}

void alloc_hv_add(struct mm *mm, mfn_t first, uint64_t count)
{
    struct block *b = mm_block(mm, blk_of_mfn(first));
    struct hv_block *h;

    if (block_class(b->word) == BLOCK_NOT_RAM) {
        if (first.v != 0)
            adopt(mm, b, first, count);
        else if (count > 1) /* frame 0 is nobody's: its number means none */
            adopt(mm, b, mfn_of(1), count - 1);
        return;
    }
    h = head_of(mm, b); /* another piece of a block known already */
    if (h->nr_free == 0)
        link_block(mm, b);
    run_set(h->map, (unsigned)first.v % BLOCK_FRAMES, (unsigned)count);
    h->nr_free = (uint16_t)(h->nr_free + count);
    h->nr_usable = (uint16_t)(h->nr_usable + count);
}

static enum err cut(struct mm *mm)
{
    blk_t b;
    enum err rc = alloc_block_get(mm, OWNER_NONE, ALLOC_CUT, false, &b);

    if (!rc)
        adopt(mm, mm_block(mm, b), mfn_of_blk(b), BLOCK_FRAMES);
    return rc;
}

/* How many blocks are looked at for a run before another one is cut. */
#define HV_TRIES 8

static struct block *find(struct mm *mm, unsigned order, unsigned *i)
{
    uint32_t at = mm->alloc.hv_list;

    for (unsigned n = 0; at && n < HV_TRIES; n++) {
        struct block *b = &mm->blocks[at - 1];

        *i = run_find(head_of(mm, b)->map, order);
        if (*i < BLOCK_FRAMES)
            return b;
        at = b->next;
    }
    return NULL;
}

static enum err get_locked(struct mm *mm, unsigned order, mfn_t *out)
{
    unsigned i = 0, n = 1u << order;
    struct block *b = find(mm, order, &i);
    struct hv_block *h;

    if (!b) {
        enum err rc = cut(mm);

        if (rc)
            return rc;
        b = find(mm, order, &i);
        ASSERT(b);
    }
    h = head_of(mm, b);
    run_clear(h->map, i, n);
    h->nr_free = (uint16_t)(h->nr_free - n);
    if (h->nr_free == 0)
        unlink_block(mm, b);
    mm->alloc.hv_frames += n;
    *out = mfn_add(mfn_of_blk(blk_of((uint64_t)(b - mm->blocks))), i);
    return ERR_NONE;
}

enum err alloc_hv_get(struct mm *mm, unsigned order, mfn_t *out)
{
    struct alloc *a = &mm->alloc;
    enum err rc;

    ASSERT(order <= ALLOC_HV_ORDER_MAX);
    if (unlikely(a->fail_at) && --a->fail_at == 0)
        return ERR_NOMEM;
    alloc_lock(&a->hv_lock);
    rc = get_locked(mm, order, out);
    alloc_unlock(&a->hv_lock);
    if (!rc)
        memset(mm_frame_ptr(mm, *out), 0, (size_t)PAGE_SIZE << order);
    return rc;
}

static void put_locked(struct mm *mm, struct block *b, unsigned i, unsigned n)
{
    struct hv_block *h = head_of(mm, b);

    for (unsigned k = i; k < i + n; k++)
        BUG_IF(h->map[k / 64] >> (k % 64) & 1);
    if (h->nr_free == 0)
        link_block(mm, b);
    run_set(h->map, i, n);
    h->nr_free = (uint16_t)(h->nr_free + n);
    mm->alloc.hv_frames -= n;
    if (h->nr_free == BLOCK_FRAMES - 1) {
        unlink_block(mm, b);
        b->table = 0;
        mm->alloc.hv_blocks--;
        alloc_block_put(mm, blk_of((uint64_t)(b - mm->blocks)));
    }
}

void alloc_hv_put(struct mm *mm, mfn_t m, unsigned order)
{
    struct block *b = mm_block(mm, blk_of_mfn(m));

    ASSERT(block_class(b->word) == BLOCK_HV && m.v != b->table);
    alloc_lock(&mm->alloc.hv_lock);
    put_locked(mm, b, (unsigned)m.v % BLOCK_FRAMES, 1u << order);
    alloc_unlock(&mm->alloc.hv_lock);
}

const char *alloc_hv_check(const struct mm *mm)
{
    uint64_t blocks = 0, used = 0;

    for (uint64_t k = 0; k < mm->nr_blocks; k++) {
        const struct block *b = &mm->blocks[k];
        const struct hv_block *h;
        unsigned nr = 0;

        if (block_class(b->word) != BLOCK_HV)
            continue;
        h = head_of(mm, b);
        for (unsigned i = 0; i < RUN_WORDS; i++)
            nr += (unsigned)__builtin_popcountll(h->map[i]);
        if (nr != h->nr_free)
            return "a hypervisor block's count is wrong";
        blocks++;
        used += h->nr_usable - nr;
    }
    if (blocks != mm->alloc.hv_blocks || used != mm->alloc.hv_frames)
        return "the count of hypervisor frames is wrong";
    return NULL;
}
