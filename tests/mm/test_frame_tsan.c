/* SPDX-License-Identifier: MIT */
/*
 * test_frame_tsan.c: threads that take and drop references and types of one
 * frame, each within one block. While a thread has the frame as one type
 * nobody has it as another, nor its block as a superpage; in the end nothing
 * is left but the owner's reference.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mm/alloc/frame.h"
#include "world.h"

#define THREADS 4
#define ROUNDS  50000
#define OWNER   7

struct racer {
    struct frame f;
    uint64_t seed, wrong;
    uint64_t took[3];
};

static bool held_as(struct racer *r, enum frame_type t)
{
    uint64_t w = frame_word(&r->f);

    return frame_type(w) == t && frame_count(w) > 0 &&
           frame_refs(w) > frame_count(w);
}

static bool use_writable(struct racer *r)
{
    if (!frame_try(&r->f, frame_type_get, OWNER, FRAME_WRITABLE))
        return false;
    r->wrong += !held_as(r, FRAME_WRITABLE);
    r->wrong += !frame_try(&r->f, frame_type_put);
    return true;
}

/* As get_first() and drop() in mm/pv/type.c do it: the block's word first. */
static bool use_table(struct racer *r)
{
    if (!block_try(r->f.block, block_excl_get))
        return false;
    if (!frame_try(&r->f, frame_type_get, OWNER, FRAME_L1)) {
        r->wrong += !block_try(r->f.block, block_excl_put);
        return false;
    }
    r->wrong += !held_as(r, FRAME_L1);
    r->wrong += block_super(r->f.block->word) != 0;
    r->wrong += !frame_try(&r->f, frame_type_put);
    r->wrong += !block_try(r->f.block, block_excl_put);
    return true;
}

static bool use_super(struct racer *r)
{
    if (!block_try(r->f.block, block_super_get, OWNER))
        return false;
    r->wrong += block_excl(r->f.block->word) != 0;
    r->wrong += !block_try(r->f.block, block_super_put);
    return true;
}

static void *race(void *arg)
{
    struct racer *r = arg;
    struct dice d = {.s = r->seed};

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned kind = (unsigned)dice_upto(&d, 3);
        bool took = kind == 0   ? use_writable(r)
                    : kind == 1 ? use_table(r)
                                : use_super(r);

        r->took[kind] += took;
        if (!took)
            sched_yield(); /* who excludes us may not be running */
    }
    return NULL;
}

static void racing_types_exclude_each_other(void **state)
{
    static struct frame_table table;
    struct block b = {.word = block_word(BLOCK_DOM, OWNER)};
    struct racer r[THREADS] = {0};
    pthread_t t[THREADS];

    (void)state;
    table.word[5] = frame_word_owned(OWNER);
    for (unsigned i = 0; i < THREADS; i++) {
        r[i].f = (struct frame){.block = &b, .table = &table, .i = 5};
        r[i].seed = i + 1;
        assert_int_equal(pthread_create(&t[i], NULL, race, &r[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(r[i].wrong, 0);
        for (unsigned k = 0; k < 3; k++)
            assert_true(r[i].took[k] > 0);
    }
    assert_true(frame_is_idle(table.word[5], OWNER));
    assert_int_equal(b.word & ~(BLOCK_STALE_SUPER | BLOCK_STALE_EXCL),
                     block_word(BLOCK_DOM, OWNER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(racing_types_exclude_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
