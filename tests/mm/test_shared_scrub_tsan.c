/* SPDX-License-Identifier: MIT */
/*
 * test_shared_scrub_tsan.c: what another CPU scrubs just now, of the free
 * frames of a shared block, is free: it is counted, and who asks for the last
 * of them, or for a chunk with it, gets it.
 */
#include "scene.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/alloc/shared.h"

#define SCRUBBED 200 /* before it ends */

static _Atomic bool over;
static _Atomic unsigned long scrubbed;

static void *idle(void *mm)
{
    while (!over)
        scrubbed += shared_scrub(mm, 1);
    return NULL;
}

static void give_back(struct scene *s, const mfn_t *m, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(reservation_decrease(&s->op, m[i], 0), ERR_NONE);
    world_done(&s->op);
}

/* Takes frames 3, 4 and 5, which are all that are free, or the pair of them. */
static void round_of(struct scene *s, bool pair)
{
    struct mm_op *op = &s->op;
    mfn_t m[3];

    assert_int_equal(shared_stats(&s->w.mm).free_frames, 3);
    if (!pair) {
        assert_int_equal(shared_take(op, m, 3), 3);
        op->d->tot_pages += 3;
        give_back(s, m, 3);
        return;
    }
    assert_true(shared_take_chunk(op, 1, m));
    op->d->tot_pages += 2;
    m[1] = mfn_add(m[0], 1);
    give_back(s, m, 2);
}

static void what_is_scrubbed_is_free(void **state)
{
    struct scene *s = *state;
    pthread_t other;

    scene_share(s);
    s->op = mm_op_on(&s->them.d, &s->them.v);
    s->them.d.relinquish = RELINQUISH_CUT;
    assert_int_equal(pthread_create(&other, NULL, idle, &s->w.mm), 0);
    for (unsigned i = 0; scrubbed < SCRUBBED; i++) {
        round_of(s, i % 4 == 0);
        if (i % 8 == 0)
            sched_yield();
    }
    over = true;
    assert_int_equal(pthread_join(other, NULL), 0);
    world_audit(&s->w, "scrubbing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(what_is_scrubbed_is_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
