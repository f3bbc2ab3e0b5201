/* SPDX-License-Identifier: MIT */
/*
 * alloc_hv.c: hypervisor frames, cut from blocks that hold nothing else.
 *
 * Each such block is described in one of its own frames (struct block.next
 * says which). It is on the list that its number of free frames and its
 * largest free chunk call for, and on none while it is full. Requests go to
 * the fullest block that can serve them, so that others become empty; an
 * empty block that was whole once goes back whole.
 */
#include <string.h>

#include "mm/alloc/mm.h"

#define HV_WORDS    (BLOCK_FRAMES / 64)
#define HV_UNLISTED ALLOC_HV_LISTS
/* A block with no more than this to scrub goes back scrubbed. */
#define HV_SCRUB_MAX 32

struct alloc_hv_block {
    struct alloc_hv_block *next, *prev;
    uint64_t free[HV_WORDS];
    uint64_t clean[HV_WORDS]; /* free, and all zeroes */
    uint64_t chunks;          /* aligned free chunks, as count_chunks() */
    uint16_t usable;          /* frames, this one not counted */
    uint8_t on;               /* list */
    bool partial;             /* some frames are not ours to use */
};
_Static_assert(sizeof(struct alloc_hv_block) <= PAGE_SIZE, "one frame");
_Static_assert(HV_UNLISTED <= UINT8_MAX, "`on` may say: on none");
_Static_assert(HV_WORDS * 64 == BLOCK_FRAMES, "a bit for each frame");
_Static_assert(BLOCK_FRAMES < 1u << 16 && ALLOC_HV_ORDERS * 16 == 64,
               "`chunks` has 16 bits for the count of each order");

/* The first frames of aligned chunks of 2^order set bits, order 0..3. */
static inline uint64_t chunks_of(uint64_t w, unsigned order)
{
    static const uint64_t starts[ALLOC_HV_ORDERS] = {
        ~UINT64_C(0), 0x5555555555555555u, 0x1111111111111111u,
        0x0101010101010101u};

    for (unsigned k = 0; k < order; k++)
        w &= w >> (1u << k);
    return w & starts[order];
}

/*
 * The aligned free chunks in a word, by order, 16 bits for each. No chunk
 * crosses a byte, so each order follows from the one before.
 */
static inline uint64_t count_chunks(uint64_t w)
{
    uint64_t pairs = w & w >> 1 & 0x5555555555555555u;
    uint64_t fours = pairs & pairs >> 2 & 0x1111111111111111u;
    uint64_t eights = fours & fours >> 4 & 0x0101010101010101u;

    return (uint64_t)__builtin_popcountll(w) |
           (uint64_t)__builtin_popcountll(pairs) << 16 |
           (uint64_t)__builtin_popcountll(fours) << 32 |
           (uint64_t)__builtin_popcountll(eights) << 48;
}

static inline unsigned nr_chunks(const struct alloc_hv_block *h, unsigned order)
{
    return (uint16_t)(h->chunks >> (16 * order));
}

static inline unsigned nr_free(const struct alloc_hv_block *h)
{
    return nr_chunks(h, 0);
}

/* Change a word of the free map, keeping the counts. */
static inline void set_free(struct alloc_hv *hv, struct alloc_hv_block *h,
                            unsigned i, uint64_t now)
{
    uint64_t more = count_chunks(now) - count_chunks(h->free[i]);
    unsigned pairs = nr_chunks(h, 1);

    h->chunks += more;
    h->free[i] = now;
    /* The lock is held: no swap is needed, but others look without it. */
    atomic_store_explicit(
        &hv->pairs,
        atomic_load_explicit(&hv->pairs, memory_order_relaxed) +
            nr_chunks(h, 1) - pairs,
        memory_order_relaxed);
}

/* Lists are numbered fullest first, then smallest chunk first. */
static unsigned list_for(const struct alloc_hv_block *h)
{
    unsigned longest;

    if (h->chunks == 0)
        return HV_UNLISTED;
    longest = (63 - (unsigned)__builtin_clzll(h->chunks)) / 16;
    return (nr_free(h) - 1) / (BLOCK_FRAMES / 4) * ALLOC_HV_ORDERS + longest;
}

static void list_remove(struct alloc_hv *hv, struct alloc_hv_block *h)
{
    if (h->on == HV_UNLISTED)
        return;
    if (h->prev)
        h->prev->next = h->next;
    else
        hv->list[h->on] = h->next;
    if (h->next)
        h->next->prev = h->prev;
    if (!hv->list[h->on])
        hv->nonempty &= ~(1u << h->on);
    h->on = HV_UNLISTED;
}

static void list_add(struct alloc_hv *hv, struct alloc_hv_block *h, unsigned on)
{
    h->on = (uint8_t)on;
    if (on == HV_UNLISTED)
        return;
    h->prev = NULL;
    h->next = hv->list[on];
    if (h->next)
        h->next->prev = h;
    hv->list[on] = h;
    hv->nonempty |= 1u << on;
}

static inline void relist(struct alloc_hv *hv, struct alloc_hv_block *h)
{
    unsigned on = list_for(h);

    if (on == h->on)
        return;
    list_remove(hv, h);
    list_add(hv, h, on);
}

/* The fullest block that has a chunk of 2^order. */
static struct alloc_hv_block *best(const struct alloc_hv *hv, unsigned order)
{
    static const uint16_t able[ALLOC_HV_ORDERS] = {0xffff, 0xeeee, 0xcccc,
                                                   0x8888};
    uint32_t on = hv->nonempty & able[order];

    return on ? hv->list[__builtin_ctz(on)] : NULL;
}

static blk_t block_of(const struct mm *mm, const struct alloc_hv_block *h)
{
    return blk_of((uint64_t)((const uint8_t *)h - mm->direct) / BLOCK_SIZE);
}

static struct alloc_hv_block *head_of(const struct mm *mm, blk_t b)
{
    return mm_frame_ptr(mm, mfn_of(mm_block(mm, b)->next));
}

static inline uint64_t chunk_mask(unsigned bit, unsigned order)
{
    return (BIT(1u << order) - 1) << bit;
}

/* Take the lowest chunk: its first frame within the block. */
static unsigned take_chunk(struct alloc_hv *hv, struct alloc_hv_block *h,
                           unsigned order, bool *clean)
{
    for (unsigned i = 0; i < HV_WORDS; i++) {
        uint64_t chunks = chunks_of(h->free[i], order), mask;
        unsigned bit;

        if (chunks == 0)
            continue;
        bit = (unsigned)__builtin_ctzll(chunks);
        mask = chunk_mask(bit, order);
        *clean = (h->clean[i] & mask) == mask;
        h->clean[i] &= ~mask;
        set_free(hv, h, i, h->free[i] & ~mask);
        return i * 64 + bit;
    }
    bug(__FILE__, __LINE__, "a block is on a list that it does not belong on");
}

/* Make `head` describe its block, no frame of which is free yet. */
static struct alloc_hv_block *describe(struct mm *mm, blk_t b, mfn_t head,
                                       bool partial)
{
    struct alloc_hv_block *h = mm_frame_ptr(mm, head);

    memset(h, 0, sizeof(*h));
    h->on = HV_UNLISTED;
    h->partial = partial;
    mm_block(mm, b)->next = (uint32_t)head.v;
    atomic_store(&mm_block(mm, b)->word,
                 block_word(BLOCK_HV, OWNER_NONE) | BLOCK_CUT);
    return h;
}

/* With the lock held: all of a clean block is the allocator's, to be cut. */
static void add_block(struct mm *mm, blk_t b)
{
    struct alloc_hv_block *h = describe(mm, b, mfn_of_blk(b), false);

    h->usable = BLOCK_FRAMES - 1;
    for (unsigned i = 0; i < HV_WORDS; i++) {
        h->clean[i] = i ? ~UINT64_C(0) : ~UINT64_C(1); /* not frame 0 */
        set_free(&mm->alloc.hv, h, i, h->clean[i]);
    }
    mm->alloc.hv.blocks++;
    relist(&mm->alloc.hv, h);
}

/*
 * With the lock held, but for a while: to find a block may scrub, and discharge
 * what is owed. If there is a chunk by then, of others' freeing or of that, the
 * block would lie about empty: it goes back.
 */
static enum err cut(struct mm *mm, unsigned order, enum alloc_use use)
{
    enum err rc;
    blk_t b;

    spin_unlock(&mm->alloc.hv.lock);
    rc = alloc_block_get(mm, OWNER_NONE, use, ALLOC_ZEROES, &b);
    spin_lock(&mm->alloc.hv.lock);
    if (rc)
        return rc;
    if (likely(!best(&mm->alloc.hv, order))) {
        add_block(mm, b);
        return ERR_NONE;
    }
    spin_unlock(&mm->alloc.hv.lock);
    alloc_block_put(mm, b, ALLOC_ZEROES);
    spin_lock(&mm->alloc.hv.lock);
    return ERR_NONE;
}

/* With the lock held. */
static bool get_chunk(struct mm *mm, unsigned order, mfn_t *out, bool *clean)
{
    struct alloc_hv *hv = &mm->alloc.hv;
    struct alloc_hv_block *h = best(hv, order);

    if (!h)
        return false;
    *out =
        mfn_add(mfn_of_blk(block_of(mm, h)), take_chunk(hv, h, order, clean));
    relist(hv, h);
    hv->frames += UINT64_C(1) << order;
    return true;
}

static enum err get(struct mm *mm, unsigned order, enum alloc_use use,
                    mfn_t *out)
{
    struct alloc *a = &mm->alloc;
    enum err rc = ERR_NONE;
    bool clean = false;

    ASSERT(order < ALLOC_HV_ORDERS);
    if (unlikely(a->fail_in) && --a->fail_in == 0)
        return ERR_NOMEM;
    spin_lock(&a->hv.lock);
    while (!rc && !get_chunk(mm, order, out, &clean))
        rc = cut(mm, order, use);
    spin_unlock(&a->hv.lock);
    if (!rc && !clean)
        memset(mm_frame_ptr(mm, *out), 0, (size_t)PAGE_SIZE << order);
    return rc;
}

enum err alloc_hv_get(struct mm *mm, unsigned order, mfn_t *out)
{
    const struct alloc *a = &mm->alloc;

    if (unlikely(atomic_load_explicit(&a->low, memory_order_relaxed)) &&
        !alloc_hv_allowed(mm, order ? UINT64_C(1) << (order - 1) : 1))
        return ERR_NOMEM;
    return get(mm, order, ALLOC_CUT, out);
}

enum err alloc_frame_table_get(struct mm *mm, mfn_t *out)
{
    enum err rc = get(mm, 1, ALLOC_FRAME_TABLES, out);

    if (!rc)
        atomic_fetch_add(&mm->alloc.hv.frame_tables, 1);
    return rc;
}

void alloc_frame_table_put(struct mm *mm, mfn_t m)
{
    alloc_hv_put(mm, m, 1);
    atomic_fetch_sub(&mm->alloc.hv.frame_tables, 1);
}

/* Zero what is left of an empty block, if that is little. */
static bool wipe(struct mm *mm, struct alloc_hv_block *h)
{
    mfn_t first = mfn_of_blk(block_of(mm, h));
    unsigned dirty = 0;

    for (unsigned i = 0; i < HV_WORDS; i++)
        dirty += (unsigned)__builtin_popcountll(h->free[i] & ~h->clean[i]);
    if (dirty > HV_SCRUB_MAX)
        return false;
    for (unsigned i = 0; i < HV_WORDS; i++)
        for (uint64_t w = h->free[i] & ~h->clean[i]; w; w &= w - 1)
            memset(
                mm_frame_ptr(
                    mm, mfn_add(first, i * 64 + (unsigned)__builtin_ctzll(w))),
                0, PAGE_SIZE);
    memset(h, 0, sizeof(*h));
    return true;
}

/* No frame of h is in use and it is on no list. */
static void give_back(struct mm *mm, struct alloc_hv_block *h)
{
    blk_t b = block_of(mm, h);
    bool clean = wipe(mm, h);

    mm_block(mm, b)->next = 0;
    atomic_store(&mm_block(mm, b)->word, block_word(BLOCK_DOM, OWNER_NONE));
    alloc_block_put(mm, b, clean ? ALLOC_ZEROES : ALLOC_ANYTHING);
}

/* With the lock held: true if the block is empty now and to be given back. */
static bool put_chunk(struct mm *mm, struct alloc_hv_block *h, unsigned i,
                      unsigned order)
{
    struct alloc_hv *hv = &mm->alloc.hv;
    uint64_t mask = chunk_mask(i % 64, order);

    ASSERT((h->free[i / 64] & mask) == 0);
    set_free(hv, h, i / 64, h->free[i / 64] | mask);
    hv->frames -= UINT64_C(1) << order;
    if (nr_free(h) == h->usable && !h->partial) {
        list_remove(hv, h);
        hv->blocks--;
        atomic_fetch_sub(&hv->pairs, nr_chunks(h, 1));
        return true;
    }
    relist(hv, h);
    return false;
}

void alloc_hv_put(struct mm *mm, mfn_t m, unsigned order)
{
    struct alloc_hv_block *h;
    blk_t b = blk_of_mfn(m);
    bool empty;

    ASSERT(order < ALLOC_HV_ORDERS && m.v % (1u << order) == 0);
    ASSERT(mm_mfn_valid(mm, m) && m.v != mm_block(mm, b)->next);
    ASSERT(block_class(mm_block(mm, b)->word) == BLOCK_HV);
    h = head_of(mm, b);
    spin_lock(&mm->alloc.hv.lock);
    empty = put_chunk(mm, h, (unsigned)m.v % BLOCK_FRAMES, order);
    spin_unlock(&mm->alloc.hv.lock);
    if (empty)
        give_back(mm, h);
}

void alloc_hv_feed(struct mm *mm, mfn_t first, uint64_t count)
{
    struct alloc_hv *hv = &mm->alloc.hv;
    blk_t b = blk_of_mfn(first);
    struct alloc_hv_block *h;
    uint64_t i = first.v % BLOCK_FRAMES, end = i + count;

    ASSERT(end <= BLOCK_FRAMES);
    spin_lock(&hv->lock);
    if (block_class(mm_block(mm, b)->word) == BLOCK_NOT_RAM) {
        h = describe(mm, b, first, true);
        hv->partial++;
        i++;
    } else {
        ASSERT(block_class(mm_block(mm, b)->word) == BLOCK_HV);
        h = head_of(mm, b);
        ASSERT(h->partial);
    }
    for (; i < end; i++) {
        set_free(hv, h, (unsigned)i / 64, h->free[i / 64] | BIT(i % 64));
        h->usable++;
    }
    relist(hv, h);
    spin_unlock(&hv->lock);
}

/* Does the description of a block say what its maps say? */
static const char *check_head(const struct alloc_hv_block *h)
{
    uint64_t chunks = 0;

    for (unsigned i = 0; i < HV_WORDS; i++) {
        if (h->clean[i] & ~h->free[i])
            return "hypervisor frames in use but noted as zeroed";
        chunks += count_chunks(h->free[i]);
    }
    if (chunks != h->chunks)
        return "free hypervisor frames miscounted";
    if (nr_free(h) > h->usable)
        return "more free hypervisor frames than there are";
    if (nr_free(h) == h->usable && !h->partial)
        return "an empty hypervisor block was not given back";
    return list_for(h) == h->on ? NULL : "hypervisor block on the wrong list";
}

static const char *check_lists(const struct alloc_hv *hv, uint64_t expected)
{
    for (unsigned l = 0; l < ALLOC_HV_LISTS; l++) {
        const struct alloc_hv_block *prev = NULL;

        if (!hv->list[l] != !(hv->nonempty >> l & 1))
            return "summary of hypervisor block lists is wrong";
        for (const struct alloc_hv_block *h = hv->list[l]; h; h = h->next) {
            if (h->prev != prev || h->on != l || expected-- == 0)
                return "list of hypervisor blocks is damaged";
            prev = h;
        }
    }
    return expected ? "hypervisor block lost from its list" : NULL;
}

const char *alloc_hv_check(const struct mm *mm)
{
    const struct alloc_hv *hv = &mm->alloc.hv;
    uint64_t frames = 0, blocks = 0, partial = 0, listed = 0, pairs = 0;

    for (uint64_t b = 0; b < mm->nr_blocks; b++) {
        const struct alloc_hv_block *h;
        const char *wrong;

        if (block_class(mm->blocks[b].word) != BLOCK_HV)
            continue;
        h = head_of(mm, blk_of(b));
        wrong = check_head(h);
        if (wrong)
            return wrong;
        frames += h->usable - nr_free(h);
        blocks += !h->partial;
        partial += h->partial;
        listed += h->on != HV_UNLISTED;
        pairs += nr_chunks(h, 1);
    }
    if (frames != hv->frames)
        return "hypervisor frames in use miscounted";
    if (pairs != hv->pairs)
        return "free pairs of hypervisor frames miscounted";
    if (blocks != hv->blocks || partial != hv->partial)
        return "hypervisor blocks miscounted";
    return check_lists(hv, listed);
}
