/* SPDX-License-Identifier: MIT */
/*
 * test_alloc_tsan.c: threads that get, put, claim, cut and scrub on one small
 * machine, each with the cache of its CPU or of another. Nothing may be in
 * two hands, a claim granted must be honoured at once, and at the end the
 * allocator must agree with itself.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "world.h"

#define THREADS 3
#define BLOCKS  160
#define ROUNDS  4000
#define RESERVE 3

static struct mm mm;
static struct mm_owed owed;
static _Atomic uint32_t hand[BLOCKS]; /* which thread has the block */

struct worker {
    unsigned id;
    struct dice dice;
    uint32_t held[BLOCKS];
    unsigned nr_held;
    uint64_t claims, granted, refused, broken, doubled;
    mfn_t hv[16];
    unsigned nr_hv;
};

/* The number of its incarnation. */
static uint64_t own(const struct worker *w)
{
    return w->id + UINT64_C(1);
}

static void try_get(struct worker *w)
{
    enum alloc_use use = w->claims
                             ? ALLOC_CLAIMED
                             : (enum alloc_use)(dice_upto(&w->dice, 2) * 2);
    unsigned cpu = (unsigned)dice_upto(&w->dice, 8) ? w->id : 0;
    uint64_t content = dice_upto(&w->dice, 8) ? ALLOC_ANYTHING : own(w);
    blk_t b;

    if (alloc_block_get_on(&mm, cpu, w->id, use, content, &b)) {
        w->broken += use == ALLOC_CLAIMED;
        w->refused++;
        return;
    }
    w->claims -= use == ALLOC_CLAIMED;
    w->granted++;
    w->doubled += atomic_exchange(&hand[b.v], w->id) != 0;
    w->held[w->nr_held++] = (uint32_t)b.v;
}

static void put_one(struct worker *w)
{
    unsigned i;
    uint32_t b;

    if (w->nr_held == 0)
        return;
    i = (unsigned)dice_upto(&w->dice, w->nr_held);
    b = w->held[i];
    w->held[i] = w->held[--w->nr_held];
    w->doubled += atomic_exchange(&hand[b], 0) != w->id;
    alloc_block_put_on(&mm, w->id, blk_of(b),
                       dice_upto(&w->dice, 2) ? own(w) : ALLOC_ANYTHING);
}

static void claim_or_not(struct worker *w)
{
    uint64_t n = 1 + dice_upto(&w->dice, 20);

    if (w->claims) {
        alloc_unclaim(&mm, w->claims);
        w->claims = 0;
    } else if (!alloc_claim(&mm, n)) {
        w->claims = n;
    }
}

static void hv_one(struct worker *w)
{
    if (w->nr_hv == ARRAY_SIZE(w->hv) || (w->nr_hv && dice_upto(&w->dice, 2)))
        alloc_hv_put(&mm, w->hv[--w->nr_hv], 1);
    else if (!alloc_hv_get(&mm, 1, &w->hv[w->nr_hv]))
        w->nr_hv++;
}

static pthread_barrier_t start;

static void *work(void *arg)
{
    struct worker *w = arg;

    pthread_barrier_wait(&start);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t r = dice_upto(&w->dice, 100);

        if (r < 45)
            try_get(w);
        else if (r < 85)
            put_one(w);
        else if (r < 92)
            claim_or_not(w);
        else if (r < 99)
            hv_one(w);
        else if (dice_upto(&w->dice, 20) == 0)
            alloc_scrub(&mm, 1);
        else if (dice_upto(&w->dice, 10) == 0)
            (void)alloc_stats(&mm);
    }
    while (w->nr_held)
        put_one(w);
    while (w->nr_hv)
        alloc_hv_put(&mm, w->hv[--w->nr_hv], 1);
    alloc_unclaim(&mm, w->claims);
    return NULL;
}

static void racing_requests_never_share_a_block(void **state)
{
    uint64_t frames = BLOCKS * BLOCK_FRAMES;
    void *meta = aligned_alloc(64, alloc_metadata_size(frames));
    static struct worker w[THREADS];
    pthread_t t[THREADS];
    uint64_t refused = 0;

    (void)state;
    pthread_barrier_init(&start, NULL, THREADS);
    memset(meta, 0, alloc_metadata_size(frames));
    mm.direct = host_memory_make(frames);
    mm.owed = &owed;
    mm.incarnations = THREADS + 1;
    alloc_init(&mm, meta, frames, RESERVE);
    alloc_add(&mm, mfn_of(BLOCK_FRAMES), frames - BLOCK_FRAMES);
    for (unsigned i = 0; i < THREADS; i++) {
        w[i].id = i + 1;
        w[i].dice.s = i + 1;
        assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(w[i].broken, 0);
        assert_int_equal(w[i].doubled, 0);
        assert_true(w[i].granted > ROUNDS / 10);
        refused += w[i].refused;
    }
    assert_true(refused > 0); /* by one at least: the last may be alone */
    pthread_barrier_destroy(&start);
    assert_null(alloc_check(&mm));
    assert_int_equal(alloc_stats(&mm).free, BLOCKS - 1);
    assert_int_equal(alloc_stats(&mm).claimed, 0);
    host_memory_end(mm.direct, frames);
    free(meta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(racing_requests_never_share_a_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
