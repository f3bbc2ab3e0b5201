/* SPDX-License-Identifier: MIT */
/*
 * test_block_tsan.c: threads that take and drop superpage mappings, exclusive
 * types and holes on one block word. No moment may show two kinds of use at
 * once, and when all have dropped what they took, nothing is left.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mm/base/block.h"
#include "world.h"

#define THREADS 4
#define ROUNDS  100000
#define OWNER   7

struct racer {
    struct block *b;
    uint64_t seed;
    uint64_t took[4], wrong;
};

static bool take(struct block *b, unsigned kind, uint64_t *old)
{
    switch (kind) {
    case 0:
        return block_apply(b, *old, block_super_get, OWNER);
    case 1:
        return block_apply(b, *old, block_excl_get);
    case 2:
        return block_apply(b, *old, block_hole_get);
    default:
        return block_apply(b, *old, block_mark, OWNER);
    }
}

static bool drop(struct block *b, unsigned kind)
{
    switch (kind) {
    case 0:
        return block_try(b, block_super_put);
    case 1:
        return block_try(b, block_excl_put);
    case 2:
        return block_try(b, block_hole_put);
    default:
        return block_try(b, block_unmark, OWNER);
    }
}

static bool mixed(uint64_t w)
{
    return (w & BLOCK_SUPER_USE) && (w & BLOCK_SMALL_USE);
}

static void *race(void *arg)
{
    struct racer *r = arg;
    struct dice d = {.s = r->seed};

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned kind = (unsigned)dice_upto(&d, 4);
        uint64_t old = 0;

        if (take(r->b, kind, &old)) {
            r->took[kind]++;
            r->wrong += kind % 3 ? !!(old & BLOCK_SUPER_USE)
                                 : !!(old & BLOCK_SMALL_USE);
            r->wrong += mixed(r->b->word);
            r->wrong += !drop(r->b, kind);
        } else {
            sched_yield(); /* who excludes us may not be running */
        }
        if (dice_upto(&d, 64) == 0)
            r->wrong += !block_try(r->b, block_flushed);
    }
    return NULL;
}

static void racing_uses_exclude_each_other(void **state)
{
    struct block b = {.word = block_word(BLOCK_DOM, OWNER)};
    struct racer r[THREADS] = {0};
    pthread_t t[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        r[i].b = &b;
        r[i].seed = i + 1;
        assert_int_equal(pthread_create(&t[i], NULL, race, &r[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(r[i].wrong, 0);
        for (unsigned k = 0; k < 4; k++)
            assert_true(r[i].took[k] > 0);
    }
    assert_int_equal(b.word & ~(BLOCK_STALE_SUPER | BLOCK_STALE_EXCL),
                     block_word(BLOCK_DOM, OWNER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(racing_uses_exclude_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
