/* SPDX-License-Identifier: MIT */
/* alloc_model.c: see alloc_model.h. */
#include "alloc_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t upto(struct alloc_model *k, uint64_t n)
{
    return dice_upto(&k->dice, n);
}

void alloc_model_make(struct alloc_model *k, uint64_t frames, uint64_t reserve)
{
    memset(k, 0, sizeof(*k));
    k->frames = frames;
    k->nr = (frames + BLOCK_FRAMES - 1) / BLOCK_FRAMES;
    k->reserve = reserve;
    k->dice.s = 1;
    k->meta = aligned_alloc(64, (alloc_metadata_size(frames) + 63) & ~63ul);
    memset(k->meta, 0, alloc_metadata_size(frames));
    k->who = calloc(k->nr, 1);
    k->whose = calloc(k->nr, 1);
    k->frame = calloc(k->nr, BLOCK_FRAMES);
    k->held = calloc(k->nr, sizeof(*k->held));
    k->mm.direct = host_memory_make(k->nr * BLOCK_FRAMES);
    k->mm.owed = &k->owed;
    k->mm.incarnations = INCARNATIONS;
    alloc_init(&k->mm, k->meta, frames, reserve);
}

void alloc_model_end(struct alloc_model *k)
{
    host_memory_end(k->mm.direct, k->nr * BLOCK_FRAMES);
    free(k->meta);
    free(k->who);
    free(k->whose);
    free(k->frame);
    free(k->held);
}

static uint64_t *content(struct alloc_model *k, uint64_t block)
{
    return mm_frame_ptr(&k->mm, mfn_of_blk(blk_of(block)));
}

void alloc_model_check(struct alloc_model *k)
{
    const char *wrong = alloc_check(&k->mm);
    struct alloc_stats s = alloc_stats(&k->mm);

    if (wrong)
        fail_msg("%s", wrong);
    assert_int_equal(s.free, k->free);
    assert_int_equal(s.claimed, k->claims);
    assert_int_equal(s.hv_frames, k->hv_frames);
    assert_true(s.dirty <= s.free);
}

/* What alloc_add() promises about a range. */
void alloc_model_add(struct alloc_model *k, uint64_t first, uint64_t count)
{
    alloc_add(&k->mm, mfn_of(first), count);
    for (uint64_t m = first; m < first + count && m < k->frames; m++) {
        uint64_t b = m / BLOCK_FRAMES;

        if (b > 0 && first <= b * BLOCK_FRAMES &&
            first + count >= (b + 1) * BLOCK_FRAMES &&
            k->frames >= (b + 1) * BLOCK_FRAMES) {
            k->who[b] = FREE;
            k->free += m % BLOCK_FRAMES == 0;
        } else if (m > 0 && k->who[b] != HV_PARTIAL) {
            k->who[b] = HV_PARTIAL; /* this frame describes the others */
        } else if (m > 0) {
            k->frame[m] = 1;
        }
    }
    alloc_model_check(k);
}

static bool all_zero_or(const uint64_t *p, size_t words, uint64_t value)
{
    for (size_t i = 0; i < words; i++)
        if (p[i] && p[i] != value)
            return false;
    return true;
}

static bool zeroed(const uint64_t *p, size_t words)
{
    return all_zero_or(p, words, 0);
}

static uint64_t any_content(struct alloc_model *k)
{
    switch (upto(k, 8)) {
    case 0:
        return ALLOC_ZEROES;
    case 1:
    case 2:
    case 3:
        return ALLOC_ANYTHING;
    default:
        return 1 + upto(k, INCARNATIONS);
    }
}

/* The content of what a guest had: a little here and there. */
static void spoil(struct alloc_model *k, uint64_t b, uint64_t value)
{
    uint64_t *p = content(k, b);

    for (unsigned i = 0; i < 4; i++)
        p[upto(k, 2) ? upto(k, BLOCK_SIZE / 8) : i * 512 * 100] = value;
}

/* It is in a guest's hand, and what is in it that guest's, or anybody's. */
static void use_block(struct alloc_model *k, uint64_t b, uint64_t w,
                      uint64_t content_wanted)
{
    const uint64_t *p = content(k, b);

    if (w & BLOCK_DIRTY) {
        assert_true(content_wanted == ALLOC_ANYTHING);
    } else if (content_wanted == ALLOC_ANYTHING ||
               content_wanted == ALLOC_ZEROES) {
        assert_true(zeroed(p, BLOCK_SIZE / 8));
        k->whose[b] = (uint8_t)(1 + upto(k, INCARNATIONS));
    } else {
        assert_true(all_zero_or(p, BLOCK_SIZE / 8, content_wanted));
        k->came_back += !zeroed(p, BLOCK_SIZE / 8);
        k->whose[b] = (uint8_t)content_wanted;
    }
    spoil(k, b, k->whose[b] ? k->whose[b] : ~b);
}

static bool chunk_is_free(const struct alloc_model *k, uint64_t m,
                          unsigned order)
{
    for (unsigned i = 0; i < 1u << order; i++)
        if (k->frame[m + i] != 1)
            return false;
    return true;
}

/* Runs of 2^order free frames in the hypervisor's blocks; counts up to `most`.
 */
static uint64_t count_chunks(const struct alloc_model *k, unsigned order,
                             uint64_t most)
{
    uint64_t n = 0;

    for (uint64_t b = 0; b < k->nr && n < most; b++) {
        if (k->who[b] != HV && k->who[b] != HV_PARTIAL)
            continue;
        for (unsigned i = 0; i < BLOCK_FRAMES; i += 1u << order)
            n += chunk_is_free(k, b * BLOCK_FRAMES + i, order);
    }
    return n;
}

/* Were each block used at 4 KiB grain: room for its table in so many blocks? */
static bool tables_fit(const struct alloc_model *k, uint64_t left,
                       uint64_t less)
{
    uint64_t pairs = count_chunks(k, 1, UINT64_MAX),
             total = k->mm.alloc.total_blocks;

    if (k->reserve * 255 < total)
        return true; /* was never meant to be enough */
    pairs -= MIN(pairs, less);
    return pairs + 255 * left + k->hv_tables >= total;
}

static bool may(const struct alloc_model *k, enum alloc_use use, uint64_t n)
{
    uint64_t left = k->free - k->claims;

    if (use == ALLOC_CLAIMED)
        return k->claims >= n;
    if (left < n)
        return false;
    return left >= n + k->reserve || use == ALLOC_FRAME_TABLES ||
           (use == ALLOC_CUT && tables_fit(k, left - n, 0));
}

static void hand_out(struct alloc_model *k, uint64_t b)
{
    assert_int_equal(k->who[b], FREE);
    k->who[b] = GUEST;
    k->whose[b] = 0;
    k->held[k->nr_held++] = (uint32_t)b;
    k->free--;
}

void alloc_model_get(struct alloc_model *k)
{
    enum alloc_use use = (enum alloc_use)upto(k, 3);
    unsigned owner = (unsigned)upto(k, 100);
    uint64_t wanted = any_content(k);
    bool ok = may(k, use, 1);
    bool whole = may(k, ALLOC_WHOLE, 1);
    uint64_t w;
    blk_t b;

    if (use == ALLOC_CLAIMED && !ok)
        return; /* nobody asks for more than was promised */
    if (alloc_block_get_on(&k->mm, (unsigned)upto(k, 3), owner, use, wanted,
                           &b)) {
        assert_false(ok);
        k->refused++;
        return;
    }
    assert_true(ok);
    k->granted++;
    hand_out(k, b.v);
    k->claims -= use == ALLOC_CLAIMED;
    w = k->mm.blocks[b.v].word;
    assert_int_equal(w & ~(BLOCK_DIRTY | BLOCK_RESERVED),
                     block_word(BLOCK_DOM, owner));
    /* Of the reserve if and only if it could not have been had whole. */
    assert_int_equal(!!(w & BLOCK_RESERVED), use == ALLOC_CUT && !whole);
    use_block(k, b.v, w, wanted);
}

static void put_one(struct alloc_model *k)
{
    uint64_t i, b;

    if (k->nr_held == 0)
        return;
    i = upto(k, k->nr_held);
    b = k->held[i];
    k->held[i] = k->held[--k->nr_held];
    k->who[b] = FREE;
    k->free++;
    alloc_block_put_on(&k->mm, (unsigned)upto(k, 3), blk_of(b),
                       k->whose[b] ? k->whose[b] : ALLOC_ANYTHING);
}

static bool region_is_free(const struct alloc_model *k, uint64_t r)
{
    for (uint64_t b = r * REGION_BLOCKS; b < (r + 1) * REGION_BLOCKS; b++)
        if (b >= k->nr || k->who[b] != FREE)
            return false;
    return true;
}

static bool any_region_is_free(const struct alloc_model *k)
{
    for (uint64_t r = 0; r * REGION_BLOCKS < k->nr; r++)
        if (region_is_free(k, r))
            return true;
    return false;
}

static void try_region(struct alloc_model *k)
{
    enum alloc_use use = (enum alloc_use)upto(k, 3);
    enum alloc_use as = use == ALLOC_CUT ? ALLOC_WHOLE : use;
    bool ok = may(k, as, REGION_BLOCKS) && any_region_is_free(k);
    blk_t first;

    if (alloc_region_get(&k->mm, 9, use, &first)) {
        assert_false(ok);
        k->refused++;
        return;
    }
    assert_true(ok);
    assert_int_equal(first.v % REGION_BLOCKS, 0);
    for (uint64_t b = first.v; b < first.v + REGION_BLOCKS; b++)
        hand_out(k, b);
    k->claims -= use == ALLOC_CLAIMED ? REGION_BLOCKS : 0;
}

static void try_claim(struct alloc_model *k)
{
    uint64_t n = upto(k, 2) ? upto(k, 40) : upto(k, 2 * REGION_BLOCKS);
    bool ok = n == 0 || k->free - k->claims >= n + k->reserve;

    assert_int_equal(alloc_claim(&k->mm, n), ok ? ERR_NONE : ERR_NOMEM);
    k->claims += ok ? n : 0;
}

static void unclaim(struct alloc_model *k)
{
    uint64_t n = upto(k, k->claims + 1);

    alloc_unclaim(&k->mm, n);
    k->claims -= n;
}

/* A block was cut for the frame m. */
static void model_cut(struct alloc_model *k, uint64_t m)
{
    uint64_t b = m / BLOCK_FRAMES;

    assert_int_equal(k->who[b], FREE);
    k->who[b] = HV;
    k->free--;
    memset(k->frame + b * BLOCK_FRAMES + 1, 1, BLOCK_FRAMES - 1);
}

void alloc_model_hv_get(struct alloc_model *k)
{
    unsigned order = (unsigned)upto(k, ALLOC_HV_ORDERS);
    bool table = order == 1 && upto(k, 2);
    bool there = count_chunks(k, order, 1);
    bool ok = there || may(k, table ? ALLOC_FRAME_TABLES : ALLOC_CUT, 1);
    mfn_t m;

    if (!table)
        ok = ok && tables_fit(k, k->free - k->claims,
                              order == 3 ? 4
                              : order    ? order
                                         : 1);
    if (k->nr_hv == MAX_HV)
        return;
    if (table ? alloc_frame_table_get(&k->mm, &m)
              : alloc_hv_get(&k->mm, order, &m)) {
        assert_false(ok);
        k->refused++;
        return;
    }
    assert_true(ok);
    if (!there)
        model_cut(k, m.v);
    assert_int_equal(m.v % (1u << order), 0);
    assert_true(chunk_is_free(k, m.v, order));
    assert_true(zeroed(mm_frame_ptr(&k->mm, m), (PAGE_SIZE << order) / 8));
    memset(k->frame + m.v, 2, (size_t)1 << order);
    memset(mm_frame_ptr(&k->mm, m), 0xee, (size_t)PAGE_SIZE << order);
    k->hv[k->nr_hv++] = (struct hv_run){m, order, table};
    k->hv_frames += 1u << order;
    k->hv_tables += table;
}

static void hv_put_one(struct alloc_model *k)
{
    struct hv_run r;
    unsigned i;
    uint64_t b;

    if (k->nr_hv == 0)
        return;
    i = (unsigned)upto(k, k->nr_hv);
    r = k->hv[i];
    k->hv[i] = k->hv[--k->nr_hv];
    k->hv_frames -= 1u << r.order;
    memset(k->frame + r.m.v, 1, (size_t)1 << r.order);
    k->hv_tables -= r.table;
    if (r.table)
        alloc_frame_table_put(&k->mm, r.m);
    else
        alloc_hv_put(&k->mm, r.m, r.order);
    b = r.m.v / BLOCK_FRAMES;
    if (k->who[b] == HV &&
        !memchr(k->frame + b * BLOCK_FRAMES, 2, BLOCK_FRAMES)) {
        memset(k->frame + b * BLOCK_FRAMES, 0, BLOCK_FRAMES);
        k->who[b] = FREE;
        k->free++;
    }
}

void alloc_model_step(struct alloc_model *k, unsigned tide)
{
    uint64_t r = upto(k, 100);

    if (r < 30 + tide)
        alloc_model_get(k);
    else if (r < 60)
        put_one(k);
    else if (r < 65)
        try_claim(k);
    else if (r < 70)
        unclaim(k);
    else if (r < 75 + tide / 2)
        alloc_model_hv_get(k);
    else if (r < 95)
        hv_put_one(k);
    else if (r < 97)
        alloc_scrub(&k->mm, upto(k, 3));
    else if (r < 98)
        settle(&k->mm);
    else
        try_region(k);
    alloc_model_check(k);
}

void alloc_model_return(struct alloc_model *k)
{
    while (k->nr_held)
        put_one(k);
    while (k->nr_hv)
        hv_put_one(k);
    alloc_unclaim(&k->mm, k->claims);
    k->claims = 0;
    alloc_model_check(k);
}
