/* SPDX-License-Identifier: MIT */
/*
 * test_alloc.c: random walks of the allocator beside its model, where memory
 * is plenty and where it is scarce; faults at every request; and that all
 * memory comes back, a thousand times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alloc_model.h"

#define RESERVE   5
#define MOST_HELD 40

/* Ragged edges, a whole region, and a last block that is not all there. */
static void add_ragged(struct alloc_model *k)
{
    alloc_model_add(k, 0, 159);
    alloc_model_add(k, 256, 3 * BLOCK_FRAMES - 256 + 100);
    alloc_model_add(k, 3 * BLOCK_FRAMES + 130, 20 * BLOCK_FRAMES);
    alloc_model_add(k, REGION_FRAMES - 5, REGION_FRAMES + 5);
    alloc_model_add(k, 2 * REGION_FRAMES + 1, 7);
    alloc_model_add(k, 2 * REGION_FRAMES + 20 * BLOCK_FRAMES,
                    UINT64_C(1) << 40);
}

static void the_model_agrees(void **state)
{
    struct alloc_model *k = malloc(sizeof(*k));
    uint64_t at_boot;

    (void)state;
    alloc_model_make(k, 2 * REGION_FRAMES + 40 * BLOCK_FRAMES + 77, RESERVE);
    add_ragged(k);
    at_boot = k->free;
    assert_int_equal(at_boot, 2 + 19 + 512 + 20);
    for (unsigned round = 0; round < 30; round++) {
        unsigned tide = (round % 3) * 12;

        k->dice.s = round + 1;
        for (unsigned i = 0; i < 400; i++)
            alloc_model_step(k, tide);
        if (round % 5 == 4)
            alloc_model_return(k);
    }
    alloc_model_return(k);
    assert_int_equal(k->free, at_boot);
    print_message("%lu granted, %lu refused\n", k->granted, k->refused);
    assert_true(k->granted > 1000 && k->refused > 100);
    assert_true(k->came_back > 100);
    alloc_model_end(k);
    free(k);
}

/* The same where nearly everything is in use: reserve and claims decide. */
static void the_model_agrees_when_memory_is_scarce(void **state)
{
    struct alloc_model *k = malloc(sizeof(*k));

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        alloc_model_make(k, 24 * BLOCK_FRAMES, seed % 7);
        alloc_model_add(k, 1, 24 * BLOCK_FRAMES);
        k->dice.s = seed * 77;
        for (unsigned i = 0; i < 1000; i++)
            alloc_model_step(k, (unsigned)(i / 100 % 2) * 25);
        alloc_model_return(k);
        assert_int_equal(k->free, 23);
        assert_true(k->refused > 10);
        alloc_model_end(k);
    }
    free(k);
}

/* --- faults --------------------------------------------------------------- */

static void refused_requests_change_nothing(void **state)
{
    struct alloc_model *k = malloc(sizeof(*k));
    bool survived = false;

    (void)state;
    for (unsigned n = 1; !survived; n++) {
        enum err rc = ERR_NONE;
        mfn_t m[3];
        blk_t b;

        alloc_model_make(k, 40 * BLOCK_FRAMES, 0);
        alloc_model_add(k, BLOCK_FRAMES, 39 * BLOCK_FRAMES);
        k->mm.alloc.fail_in = n;
        for (unsigned i = 0; i < 3 && !rc; i++) {
            rc = alloc_hv_get(&k->mm, i, &m[i]);
            if (!rc)
                rc = alloc_block_get(&k->mm, 1, ALLOC_WHOLE, ALLOC_ZEROES, &b);
        }
        survived = !rc;
        assert_true(survived || rc == ERR_NOMEM);
        k->mm.alloc.fail_in = 0;
        assert_null(alloc_check(&k->mm));
        assert_true(n < 20);
        alloc_model_end(k);
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
        if (alloc_block_get(mm, owner, ALLOC_WHOLE, ALLOC_ANYTHING, &b))
            return false;
        d->block[d->blocks] = (uint32_t)b.v;
    }
    return true;
}

static void domain_empty(struct mm *mm, struct domain *d)
{
    for (uint64_t i = 0; i < d->blocks; i++)
        alloc_block_put(mm, blk_of(d->block[i]), ALLOC_ANYTHING);
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
    struct alloc_model *k = malloc(sizeof(*k));
    uint64_t at_boot;

    (void)state;
    alloc_model_make(k, 8 * REGION_FRAMES, 4);
    alloc_model_add(k, 1, 8 * REGION_FRAMES);
    at_boot = alloc_stats(&k->mm).free;
    for (unsigned i = 0; i < ARRAY_SIZE(d); i++)
        d[i].block = calloc(k->nr, sizeof(uint32_t));
    for (unsigned round = 0; round < 1000; round++) {
        unsigned n = 0;

        while (n < ARRAY_SIZE(d) &&
               domain_fill(&k->mm, &d[n],
                           8 + (alloc_model_upto(k, 4)
                                    ? alloc_model_upto(k, 64)
                                    : alloc_model_upto(k, 2000)),
                           n + 1))
            n++;
        n = n < ARRAY_SIZE(d) ? n + 1 : n; /* one that did not fit whole */
        for (; n > 0; n--) {
            unsigned i = (unsigned)alloc_model_upto(k, n);
            struct domain t = d[i];

            domain_empty(&k->mm, &t);
            d[i] = d[n - 1];
            d[n - 1] = t;
        }
        assert_int_equal(alloc_stats(&k->mm).free, at_boot);
        if (round % 50 == 0)
            alloc_model_check(k);
    }
    settle(&k->mm);
    alloc_model_check(k);
    assert_int_equal(alloc_stats(&k->mm).whole_regions, 7);
    for (unsigned i = 0; i < ARRAY_SIZE(d); i++)
        free(d[i].block);
    alloc_model_end(k);
    free(k);
}

/* What idle time has still to do, and most at once since it had done it all. */
static void what_is_to_be_scrubbed_is_told(void **state)
{
    struct alloc_model *k = malloc(sizeof(*k));
    blk_t held[MOST_HELD];
    struct alloc_stats s;

    (void)state;
    alloc_model_make(k, 60 * BLOCK_FRAMES, 0);
    alloc_model_add(k, 0, 60 * BLOCK_FRAMES);
    s = alloc_stats(&k->mm);
    assert_int_equal(s.dirty, s.free);
    assert_int_equal(alloc_scrub(&k->mm, s.free - 1), s.free - 1);
    settle(&k->mm);
    assert_int_equal(alloc_stats(&k->mm).dirty_most, 0); /* not all, so far */
    assert_int_equal(alloc_scrub(&k->mm, 100), 1);
    for (unsigned i = 0; i < MOST_HELD; i++)
        assert_int_equal(
            alloc_block_get(&k->mm, 1, ALLOC_WHOLE, ALLOC_ANYTHING, &held[i]),
            ERR_NONE);
    for (unsigned i = 0; i < MOST_HELD; i++)
        alloc_block_put(&k->mm, held[i], ALLOC_ANYTHING);
    settle(&k->mm);
    assert_int_equal(alloc_scrub(&k->mm, 15), 15);
    s = alloc_stats(&k->mm);
    assert_int_equal(s.dirty, MOST_HELD - 15);
    assert_int_equal(s.dirty_most, MOST_HELD);
    assert_int_equal(s.scrubs, s.free + 15);
    assert_int_equal(s.sync_scrubs, 0);
    alloc_model_end(k);
    free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_to_be_scrubbed_is_told),
        cmocka_unit_test(the_model_agrees),
        cmocka_unit_test(the_model_agrees_when_memory_is_scarce),
        cmocka_unit_test(refused_requests_change_nothing),
        cmocka_unit_test(a_thousand_lives_leave_all_blocks_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
