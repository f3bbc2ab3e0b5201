/* SPDX-License-Identifier: MIT */
/*
 * test_alloc.c: the allocator against a model that knows of each block and
 * each hypervisor frame only whose it is: what must be granted is granted,
 * what must be refused is refused, nothing is handed out twice or unscrubbed,
 * and alloc_check() agrees after every step. Then: that alloc_check() can
 * fail, faults at every request, and that all memory comes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "world.h"

#define REGION_FRAMES (REGION_BLOCKS * BLOCK_FRAMES)
#define RESERVE       5
#define MAX_HV        3000

enum who { NOBODY, FREE, HV, HV_PARTIAL, GUEST };

struct hv_run {
    mfn_t m;
    unsigned order;
};

struct model {
    struct mm mm;
    struct dice dice;
    void *meta;
    uint64_t frames, nr;
    uint8_t *who;   /* per block */
    uint8_t *frame; /* per frame of HV blocks: 0 unusable, 1 free, 2 used */
    uint32_t *held; /* guests' blocks */
    uint64_t nr_held, free, claims, reserve;
    struct hv_run hv[MAX_HV];
    unsigned nr_hv;
    uint64_t hv_frames, granted, refused;
};

static uint64_t upto(struct model *k, uint64_t n)
{
    return dice_upto(&k->dice, n);
}

static void model_make(struct model *k, uint64_t frames, uint64_t reserve)
{
    memset(k, 0, sizeof(*k));
    k->frames = frames;
    k->nr = (frames + BLOCK_FRAMES - 1) / BLOCK_FRAMES;
    k->reserve = reserve;
    k->dice.s = 1;
    k->meta = aligned_alloc(64, (alloc_metadata_size(frames) + 63) & ~63ul);
    memset(k->meta, 0, alloc_metadata_size(frames));
    k->who = calloc(k->nr, 1);
    k->frame = calloc(k->nr, BLOCK_FRAMES);
    k->held = calloc(k->nr, sizeof(*k->held));
    k->mm.direct = host_memory_make(k->nr * BLOCK_FRAMES);
    alloc_init(&k->mm, k->meta, frames, reserve);
}

static void model_end(struct model *k)
{
    host_memory_end(k->mm.direct, k->nr * BLOCK_FRAMES);
    free(k->meta);
    free(k->who);
    free(k->frame);
    free(k->held);
}

static uint64_t *content(struct model *k, uint64_t block)
{
    return mm_frame_ptr(&k->mm, mfn_of_blk(blk_of(block)));
}

static void right(struct model *k)
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
static void model_add(struct model *k, uint64_t first, uint64_t count)
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
    right(k);
}

static bool zeroed(const uint64_t *p, size_t words)
{
    for (size_t i = 0; i < words; i++)
        if (p[i])
            return false;
    return true;
}

/* The content of what a guest had: a little here and there. */
static void spoil(struct model *k, uint64_t b)
{
    uint64_t *p = content(k, b);

    for (unsigned i = 0; i < 4; i++)
        p[upto(k, 2) ? upto(k, BLOCK_SIZE / 8) : i * 512 * 100] = ~b;
}

static bool may(const struct model *k, enum alloc_use use, uint64_t n)
{
    if (use == ALLOC_CLAIMED)
        return k->claims >= n;
    return k->free - k->claims >= n + (use == ALLOC_WHOLE ? k->reserve : 0);
}

static void hand_out(struct model *k, uint64_t b)
{
    assert_int_equal(k->who[b], FREE);
    k->who[b] = GUEST;
    k->held[k->nr_held++] = (uint32_t)b;
    k->free--;
}

static void try_get(struct model *k)
{
    enum alloc_use use = (enum alloc_use)upto(k, 3);
    unsigned owner = (unsigned)upto(k, 100);
    bool clean = upto(k, 8) == 0, ok = may(k, use, 1);
    uint64_t w;
    blk_t b;

    if (use == ALLOC_CLAIMED && !ok)
        return; /* nobody asks for more than was promised */
    if (alloc_block_get_on(&k->mm, (unsigned)upto(k, 3), owner, use, clean,
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
    assert_int_equal(w & ~BLOCK_DIRTY, block_word(BLOCK_DOM, owner));
    if (!(w & BLOCK_DIRTY))
        assert_true(zeroed(content(k, b.v), BLOCK_SIZE / 8));
    else
        assert_false(clean);
    spoil(k, b.v);
}

static void put_one(struct model *k)
{
    uint64_t i, b;

    if (k->nr_held == 0)
        return;
    i = upto(k, k->nr_held);
    b = k->held[i];
    k->held[i] = k->held[--k->nr_held];
    k->who[b] = FREE;
    k->free++;
    alloc_block_put_on(&k->mm, (unsigned)upto(k, 3), blk_of(b), false);
}

static bool region_is_free(const struct model *k, uint64_t r)
{
    for (uint64_t b = r * REGION_BLOCKS; b < (r + 1) * REGION_BLOCKS; b++)
        if (b >= k->nr || k->who[b] != FREE)
            return false;
    return true;
}

static bool any_region_is_free(const struct model *k)
{
    for (uint64_t r = 0; r * REGION_BLOCKS < k->nr; r++)
        if (region_is_free(k, r))
            return true;
    return false;
}

static void try_region(struct model *k)
{
    enum alloc_use use = (enum alloc_use)upto(k, 3);
    bool ok = may(k, use, REGION_BLOCKS) && any_region_is_free(k);
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

static void try_claim(struct model *k)
{
    uint64_t n = upto(k, 2) ? upto(k, 40) : upto(k, 2 * REGION_BLOCKS);
    bool ok = n == 0 || k->free - k->claims >= n + k->reserve;

    assert_int_equal(alloc_claim(&k->mm, n), ok ? ERR_NONE : ERR_NOMEM);
    k->claims += ok ? n : 0;
}

static void unclaim(struct model *k)
{
    uint64_t n = upto(k, k->claims + 1);

    alloc_unclaim(&k->mm, n);
    k->claims -= n;
}

static bool run_is_free(const struct model *k, uint64_t m, unsigned order)
{
    for (unsigned i = 0; i < 1u << order; i++)
        if (k->frame[m + i] != 1)
            return false;
    return true;
}

static bool run_exists(const struct model *k, unsigned order)
{
    for (uint64_t b = 0; b < k->nr; b++) {
        if (k->who[b] != HV && k->who[b] != HV_PARTIAL)
            continue;
        for (unsigned i = 0; i < BLOCK_FRAMES; i += 1u << order)
            if (run_is_free(k, b * BLOCK_FRAMES + i, order))
                return true;
    }
    return false;
}

/* A block was cut for the frame m. */
static void model_cut(struct model *k, uint64_t m)
{
    uint64_t b = m / BLOCK_FRAMES;

    assert_int_equal(k->who[b], FREE);
    k->who[b] = HV;
    k->free--;
    memset(k->frame + b * BLOCK_FRAMES + 1, 1, BLOCK_FRAMES - 1);
}

static void try_hv_get(struct model *k)
{
    unsigned order = (unsigned)upto(k, ALLOC_HV_ORDERS);
    bool there = run_exists(k, order), ok = there || may(k, ALLOC_CUT, 1);
    mfn_t m;

    if (k->nr_hv == MAX_HV)
        return;
    if (alloc_hv_get(&k->mm, order, &m)) {
        assert_false(ok);
        k->refused++;
        return;
    }
    assert_true(ok);
    if (!there)
        model_cut(k, m.v);
    assert_int_equal(m.v % (1u << order), 0);
    assert_true(run_is_free(k, m.v, order));
    assert_true(zeroed(mm_frame_ptr(&k->mm, m), (PAGE_SIZE << order) / 8));
    memset(k->frame + m.v, 2, (size_t)1 << order);
    memset(mm_frame_ptr(&k->mm, m), 0xee, (size_t)PAGE_SIZE << order);
    k->hv[k->nr_hv++] = (struct hv_run){m, order};
    k->hv_frames += 1u << order;
}

static void hv_put_one(struct model *k)
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
    alloc_hv_put(&k->mm, r.m, r.order);
    b = r.m.v / BLOCK_FRAMES;
    if (k->who[b] == HV &&
        !memchr(k->frame + b * BLOCK_FRAMES, 2, BLOCK_FRAMES)) {
        memset(k->frame + b * BLOCK_FRAMES, 0, BLOCK_FRAMES);
        k->who[b] = FREE;
        k->free++;
    }
}

static void step(struct model *k, unsigned tide)
{
    uint64_t r = upto(k, 100);

    if (r < 30 + tide)
        try_get(k);
    else if (r < 60)
        put_one(k);
    else if (r < 65)
        try_claim(k);
    else if (r < 70)
        unclaim(k);
    else if (r < 75 + tide / 2)
        try_hv_get(k);
    else if (r < 95)
        hv_put_one(k);
    else if (r < 97)
        alloc_scrub(&k->mm, upto(k, 3));
    else if (r < 98)
        alloc_settle(&k->mm);
    else
        try_region(k);
    right(k);
}

static void give_everything_back(struct model *k)
{
    while (k->nr_held)
        put_one(k);
    while (k->nr_hv)
        hv_put_one(k);
    alloc_unclaim(&k->mm, k->claims);
    k->claims = 0;
    right(k);
}

/* Ragged edges, a whole region, and a last block that is not all there. */
static void add_ragged(struct model *k)
{
    model_add(k, 0, 159);
    model_add(k, 256, 3 * BLOCK_FRAMES - 256 + 100);
    model_add(k, 3 * BLOCK_FRAMES + 130, 20 * BLOCK_FRAMES);
    model_add(k, REGION_FRAMES - 5, REGION_FRAMES + 5);
    model_add(k, 2 * REGION_FRAMES + 1, 7);
    model_add(k, 2 * REGION_FRAMES + 20 * BLOCK_FRAMES, UINT64_C(1) << 40);
}

static void the_model_agrees(void **state)
{
    struct model *k = malloc(sizeof(*k));
    uint64_t at_boot;

    (void)state;
    model_make(k, 2 * REGION_FRAMES + 40 * BLOCK_FRAMES + 77, RESERVE);
    add_ragged(k);
    at_boot = k->free;
    assert_int_equal(at_boot, 2 + 19 + 512 + 20);
    for (unsigned round = 0; round < 30; round++) {
        unsigned tide = (round % 3) * 12;

        k->dice.s = round + 1;
        for (unsigned i = 0; i < 400; i++)
            step(k, tide);
        if (round % 5 == 4)
            give_everything_back(k);
    }
    give_everything_back(k);
    assert_int_equal(k->free, at_boot);
    print_message("%lu granted, %lu refused\n", k->granted, k->refused);
    assert_true(k->granted > 1000 && k->refused > 100);
    model_end(k);
    free(k);
}

/* The same where nearly everything is in use: reserve and claims decide. */
static void the_model_agrees_when_memory_is_scarce(void **state)
{
    struct model *k = malloc(sizeof(*k));

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        model_make(k, 24 * BLOCK_FRAMES, seed % 7);
        model_add(k, 1, 24 * BLOCK_FRAMES);
        k->dice.s = seed * 77;
        for (unsigned i = 0; i < 1000; i++)
            step(k, (unsigned)(i / 100 % 2) * 25);
        give_everything_back(k);
        assert_int_equal(k->free, 23);
        assert_true(k->refused > 10);
        model_end(k);
    }
    free(k);
}

/* --- alloc_check() finds what is wrong ------------------------------------ */

struct damage {
    const char *expected;
    void (*do_it)(struct model *k);
};

static uint32_t free_block(const struct model *k)
{
    for (uint32_t b = 0; b < k->nr; b++)
        if (region_has(&k->mm.alloc.regions, b, false))
            return b;
    fail_msg("no free block");
    return 0;
}

static void lose_block(struct model *k)
{
    uint32_t b;

    assert_true(region_take_dirty(&k->mm.alloc.regions, &b));
}
static void drop_word(struct model *k)
{
    k->mm.blocks[free_block(k)].word = block_word(BLOCK_NOT_RAM, 0);
}
static void steal_word(struct model *k)
{
    k->mm.blocks[free_block(k)].word = block_word(BLOCK_DOM, 3);
}
static void wash_word(struct model *k)
{
    k->mm.blocks[free_block(k)].word &= ~BLOCK_DIRTY;
}
static void miscount_region(struct model *k)
{
    k->mm.alloc.regions.region[0].nr_free++;
}
static void miscount_total(struct model *k)
{
    k->mm.alloc.regions.nr_free++;
}
static void clean_not_free(struct model *k)
{
    struct region *r = &k->mm.alloc.regions.region[0];

    r->free[0] &= ~BIT(k->held[0] % 64);
    r->clean[0] |= BIT(k->held[0] % 64);
    r->nr_clean++;
}
static void misplace_region(struct model *k)
{
    k->mm.alloc.regions.clean[3].leaf[0] ^= 1;
}
static void mislead_summary(struct model *k)
{
    k->mm.alloc.regions.clean[3].top[0] ^= 1;
}
static void cache_twice(struct model *k)
{
    struct alloc_cpu *c = &k->mm.alloc.cpus[0];

    c->put[0] = c->put[1] = c->get[c->get_at];
    c->nr_put = 2;
}
static void cache_owned(struct model *k)
{
    struct alloc_cpu *c = &k->mm.alloc.cpus[1];

    c->put[c->nr_put++] = k->held[0];
}
static void overclaim(struct model *k)
{
    k->mm.alloc.claimed = k->nr + 1;
}
static void miscount_hv(struct model *k)
{
    k->mm.alloc.hv.frames++;
}
static void miscount_hv_blocks(struct model *k)
{
    k->mm.alloc.hv.partial++;
}
static void lose_hv_block(struct model *k)
{
    struct alloc_hv *hv = &k->mm.alloc.hv;

    hv->list[__builtin_ctz(hv->nonempty)] = NULL;
}
static void forget_scrub(struct model *k)
{
    k->mm.alloc.scrubbing++;
}

static void damage_is_found(void **state)
{
    static const struct damage all[] = {
        {"a block's word does not agree with the maps", drop_word},
        {"a block's word does not agree with the maps", steal_word},
        {"a block's word does not agree with the maps", wash_word},
        {"a free block is nowhere", lose_block},
        {"blocks of a region miscounted", miscount_region},
        {"free blocks miscounted", miscount_total},
        {"a block is clean but not free", clean_not_free},
        {"a region is in the wrong sets", misplace_region},
        {"summary of a region set is wrong", mislead_summary},
        {"a block is cached twice", cache_twice},
        {"a cached block is not free", cache_owned},
        {"more is claimed than is free", overclaim},
        {"hypervisor frames in use miscounted", miscount_hv},
        {"hypervisor blocks miscounted", miscount_hv_blocks},
        {"summary of hypervisor block lists is wrong", lose_hv_block},
        {"a block is still being scrubbed", forget_scrub},
    };
    struct model *k = malloc(sizeof(*k));

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
        const char *found;

        model_make(k, 200 * BLOCK_FRAMES, 0);
        model_add(k, 1, 200 * BLOCK_FRAMES);
        for (unsigned j = 0; j < 5; j++)
            try_get(k);
        try_hv_get(k);
        right(k);
        all[i].do_it(k);
        found = alloc_check(&k->mm);
        assert_non_null(found);
        assert_string_equal(found, all[i].expected);
        model_end(k);
    }
    free(k);
}

/* --- faults --------------------------------------------------------------- */

static void refused_requests_change_nothing(void **state)
{
    struct model *k = malloc(sizeof(*k));
    bool survived = false;

    (void)state;
    for (unsigned n = 1; !survived; n++) {
        enum err rc = ERR_NONE;
        mfn_t m[3];
        blk_t b;

        model_make(k, 40 * BLOCK_FRAMES, 0);
        model_add(k, BLOCK_FRAMES, 39 * BLOCK_FRAMES);
        k->mm.alloc.fail_in = n;
        for (unsigned i = 0; i < 3 && !rc; i++) {
            rc = alloc_hv_get(&k->mm, i, &m[i]);
            if (!rc)
                rc = alloc_block_get(&k->mm, 1, ALLOC_WHOLE, true, &b);
        }
        survived = !rc;
        assert_true(survived || rc == ERR_NOMEM);
        k->mm.alloc.fail_in = 0;
        assert_null(alloc_check(&k->mm));
        assert_true(n < 20);
        model_end(k);
    }
    free(k);
}

/* --- everything comes back ------------------------------------------------ */

struct domain {
    uint32_t *block;
    uint64_t blocks;
    mfn_t hv[80];
    unsigned nr_hv;
};

static bool domain_fill(struct mm *mm, struct domain *d, uint64_t blocks,
                        unsigned owner)
{
    blk_t b;

    d->nr_hv = (unsigned)(64 + blocks / 256);
    for (unsigned i = 0; i < d->nr_hv; i++)
        if (alloc_hv_get(mm, 0, &d->hv[i])) {
            d->nr_hv = i;
            return false;
        }
    for (d->blocks = 0; d->blocks < blocks; d->blocks++) {
        if (alloc_block_get(mm, owner, ALLOC_WHOLE, false, &b))
            return false;
        d->block[d->blocks] = (uint32_t)b.v;
    }
    return true;
}

static void domain_empty(struct mm *mm, struct domain *d)
{
    for (uint64_t i = 0; i < d->blocks; i++)
        alloc_block_put(mm, blk_of(d->block[i]));
    for (unsigned i = 0; i < d->nr_hv; i++)
        alloc_hv_put(mm, d->hv[i], 0);
}

/*
 * Domains of random sizes until memory is full, then all of them away, in
 * random order: a thousand times.
 */
static void a_thousand_lives_leave_all_blocks_free(void **state)
{
    static struct domain d[64];
    struct model *k = malloc(sizeof(*k));
    uint64_t at_boot;

    (void)state;
    model_make(k, 8 * REGION_FRAMES, 4);
    model_add(k, 1, 8 * REGION_FRAMES);
    at_boot = alloc_stats(&k->mm).free;
    for (unsigned i = 0; i < ARRAY_SIZE(d); i++)
        d[i].block = calloc(k->nr, sizeof(uint32_t));
    for (unsigned round = 0; round < 1000; round++) {
        unsigned n = 0;

        while (n < ARRAY_SIZE(d) &&
               domain_fill(&k->mm, &d[n],
                           8 + (upto(k, 4) ? upto(k, 64) : upto(k, 2000)),
                           n + 1))
            n++;
        n = n < ARRAY_SIZE(d) ? n + 1 : n; /* one that did not fit whole */
        for (; n > 0; n--) {
            unsigned i = (unsigned)upto(k, n);
            struct domain t = d[i];

            domain_empty(&k->mm, &t);
            d[i] = d[n - 1];
            d[n - 1] = t;
        }
        assert_int_equal(alloc_stats(&k->mm).free, at_boot);
        if (round % 50 == 0)
            right(k);
    }
    alloc_settle(&k->mm);
    right(k);
    assert_int_equal(alloc_stats(&k->mm).whole_regions, 7);
    for (unsigned i = 0; i < ARRAY_SIZE(d); i++)
        free(d[i].block);
    model_end(k);
    free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_agrees),
        cmocka_unit_test(the_model_agrees_when_memory_is_scarce),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(refused_requests_change_nothing),
        cmocka_unit_test(a_thousand_lives_leave_all_blocks_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
