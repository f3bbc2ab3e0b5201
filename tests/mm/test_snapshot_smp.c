/* SPDX-License-Identifier: MIT */
/*
 * test_snapshot_smp.c: a snapshot, and between any two basic blocks of mm/ that
 * it comes through, all that another CPU may do meanwhile: a domain gives back
 * the last frame of a block it had shared, and has the block again, whole, with
 * pfns that would do for the other domain. What that has does not change, so
 * each snapshot has to be of the same frames.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/m2p.h"
#include "saving.h"

#define BLOCKS 10u
#define HAS    20u
#define LIE    BLOCK_FRAMES /* the other's pfns, from here on */

static struct world world;
static struct world_domain keeper, taken, other;
static mfn_t last; /* the other's frame in the block it has shared */
static uint64_t passed, when;
static bool done, armed;

/* Another CPU would wait, and do it then. */
static bool is_locked(void)
{
    const struct alloc *a = &world.mm.alloc;

    return a->lock.held || a->hv.lock.held || a->cpus[0].lock.held ||
           world.mm.shared.lock.held;
}

static mfn_t first_of(mfn_t m)
{
    return mfn_of(m.v - m.v % BLOCK_FRAMES);
}

/* The same block, whichever there are besides. */
static void take_again(struct mm_op *op, blk_t wanted)
{
    blk_t b[BLOCKS];
    unsigned n = 0;

    do
        MUST(dmem_block_get_dirty(op, &b[n]));
    while (b[n++].v != wanted.v);
    while (--n > 0)
        MUST(dmem_block_put(op, b[n - 1]));
}

static void close_and_take(void)
{
    struct mm_op op = mm_op_on(&other.d, &other.v);

    MUST(dmem_frame_put(&op, last));
    world_done(&op);
    take_again(&op, blk_of_mfn(last));
    m2p_set(&world.mm, first_of(last), pfn_of(LIE), BLOCK_FRAMES);
    world_done(&op);
}

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    if (!armed || passed++ < when || is_locked())
        return;
    armed = false;
    close_and_take();
    done = true;
}

/* It gives back all but one of the frames of the block. */
static void share(struct world_domain *x, mfn_t but)
{
    struct mm_op op = mm_op_on(&x->d, &x->v);

    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        mfn_t m = mfn_add(first_of(but), i);

        if (!mfn_eq(m, but))
            assert_int_equal(dmem_frame_put(&op, m), ERR_NONE);
    }
    world_done(&op);
}

/* Frame 0 is no memory: who reads there takes it for the table of a block that
 * has none, and sees a table of the domain's that stopped half way. */
static void look_wrong(void)
{
    uint64_t *word = mm_frame_ptr(&world.mm, mfn_of(0));

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        word[i] = frame_word_owned(taken.d.id) | FRAME_PARTIAL;
}

static mfn_t get_block(struct world_domain *x)
{
    struct mm_op op = mm_op_on(&x->d, &x->v);
    blk_t b;

    assert_int_equal(dmem_block_get(&op, &b), ERR_NONE);
    world_done(&op);
    return mfn_of_blk(b);
}

static void make(struct world_domain *x, domid_t id)
{
    world_domain(&world, x, id, BLOCKS * BLOCK_FRAMES);
    x->d.relinquish = RELINQUISH_CUT;
}

/* One has its frames in a block that stays; the other's comes and goes. */
static mfn_t furnish(void)
{
    struct mm_op op = mm_op_on(&taken.d, &taken.v);
    mfn_t m[HAS];
    unsigned got;

    share(&keeper, get_block(&keeper));
    assert_int_equal(dmem_frames_get(&op, m, HAS, &got), ERR_NONE);
    for (unsigned i = 0; i < HAS; i++)
        m2p_set(&world.mm, m[i], pfn_of(i), 1);
    world_done(&op);
    return get_block(&other);
}

static void snapshot_once(void)
{
    struct mm_op op = mm_op_on(&taken.d, &taken.v);
    static struct snapshot c;
    enum err rc;

    passed = 0;
    done = false;
    armed = true;
    rc = saving_snapshot(&c, &op, no_p2m, NULL);
    armed = false;
    if (rc)
        fail_msg("after %lu basic blocks: %s", when, c.job.why);
    if (c.nr_frames != HAS || c.nr_pfns != HAS)
        fail_msg("after %lu basic blocks: %lu frames of %u, up to pfn %lu",
                 when, c.nr_frames, HAS, c.nr_pfns);
    while (snapshot_end(&c) == ERR_RESTART)
        ;
    world_done(&op);
}

static void nothing_of_anothers_is_in_it(void **state)
{
    mfn_t first;

    (void)state;
    world_make(&world, BLOCKS);
    make(&keeper, 1);
    make(&taken, 2);
    make(&other, 3);
    first = furnish();
    look_wrong();
    for (when = 0; when == 0 || done; when++) {
        last = mfn_add(first, when % BLOCK_FRAMES);
        share(&other, last);
        snapshot_once();
        if (!done)
            close_and_take(); /* it was over before that */
    }
    print_message("%lu places\n", when - 1);
    assert_true(when > 1000);
    world_audit(&world, "all that");
    world_destroy(&world, &taken);
    world_destroy(&world, &other);
    world_destroy(&world, &keeper);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_anothers_is_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
