/* SPDX-License-Identifier: MIT */
/* uses: hv/svc/control/filler.c */
/*
 * The filler makes a machine full, or one that has single frames and no
 * block: what is left for others is what was asked for, however often it was
 * interrupted, and in the end all memory is back.
 */
#include "hv/arch/ipi.h"
#include "hv/svc/control/filler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/shared.h"
#include "port.h"
#include "world.h"

#define BLOCKS 64

static struct world w;
static struct world_domain x;

void ipi_serve(void)
{
}

static int make(void **state)
{
    (void)state;
    world_make(&w, BLOCKS);
    world_domain(&w, &x, 1, BLOCKS * BLOCK_FRAMES);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_destroy(&w, &x);
    world_end(&w);
    return 0;
}

static uint64_t available(void)
{
    struct alloc_stats s = alloc_stats(&w.mm);

    return s.free - s.claimed - s.reserve;
}

static void fill(uint64_t left)
{
    enum err rc;

    do
        rc = filler_fill(&w.mm, left);
    while (rc == ERR_RESTART);
    assert_int_equal(rc, ERR_NONE);
    world_audit(&w, "fill");
}

static enum err frag(uint64_t n)
{
    enum err rc;

    do
        rc = filler_frag(&w.mm, &n);
    while (rc == ERR_RESTART);
    world_audit(&w, "frag");
    assert_true((n == 0) == !rc);
    return rc;
}

static void drain(uint64_t n)
{
    enum err rc;

    do
        rc = filler_drain(&w.mm, &n);
    while (rc == ERR_RESTART);
    assert_int_equal(rc, ERR_NONE);
    world_audit(&w, "drain");
}

static bool block_to_be_had(void)
{
    struct mm_op op = mm_op_on(&x.d, &x.v);
    blk_t b;

    if (dmem_block_get(&op, &b))
        return false;
    assert_int_equal(dmem_block_put(&op, b), ERR_NONE);
    world_done(&op);
    return true;
}

static void filling_leaves_what_was_asked_for(void **state)
{
    (void)state;
    fill(5);
    assert_int_equal(available(), 5);
    fill(9); /* does not give back */
    assert_int_equal(available(), 5);
    assert_true(block_to_be_had());
    fill(0);
    assert_int_equal(available(), 0);
    assert_false(block_to_be_had());
    assert_int_equal(alloc_stats(&w.mm).free, 2); /* the reserve */
    assert_int_equal(filler_stats().blocks, w.blocks_at_boot - 2);
    drain(3);
    assert_int_equal(available(), 3);
    assert_int_equal(filler_stats().blocks, w.blocks_at_boot - 5);
    drain(~UINT64_C(0));
    assert_int_equal(filler_stats().blocks, 0);
    assert_int_equal(alloc_stats(&w.mm).free, w.blocks_at_boot);
}

static void claims_are_left_alone(void **state)
{
    (void)state;
    assert_int_equal(alloc_claim(&w.mm, 7), ERR_NONE);
    fill(0);
    assert_int_equal(alloc_stats(&w.mm).free, 9);
    x.d.claim = 7;
    assert_true(block_to_be_had());
    drain(~UINT64_C(0));
}

/* What the filler took is not clean. */
static void litter(void)
{
    for (uint64_t b = 0; b < w.mm.nr_blocks; b++)
        if (block_class(w.mm.blocks[b].word) == BLOCK_DOM)
            memset(mm_frame_ptr(&w.mm, mfn_of_blk(blk_of(b))), 0x5a,
                   BLOCK_SIZE);
}

/* Single frames are there for everybody, zeroed, and no block is. */
static void fragments(void **state)
{
    struct mm_op op = mm_op_on(&x.d, &x.v);
    static const uint8_t zeroes[PAGE_SIZE];
    static mfn_t m[8 * BLOCK_FRAMES / 2];
    unsigned done;
    mfn_t pair;

    (void)state;
    fill(0);
    litter();
    assert_int_equal(frag(~UINT64_C(0)), ERR_INVAL);
    assert_int_equal(frag(filler_stats().blocks + 1), ERR_INVAL);
    assert_int_equal(shared_stats(&w.mm).blocks, 0);
    assert_int_equal(frag(8), ERR_NONE);
    assert_int_equal(shared_stats(&w.mm).blocks, 8);
    assert_int_equal(shared_stats(&w.mm).free_frames, ARRAY_SIZE(m));
    assert_int_equal(filler_stats().frames, ARRAY_SIZE(m));
    assert_false(block_to_be_had());
    assert_int_equal(dmem_frames_get(&op, m, ARRAY_SIZE(m), &done), ERR_NONE);
    assert_int_equal(x.d.blocks, 0); /* nothing was cut for it */
    assert_int_equal(x.d.shared_frames, ARRAY_SIZE(m));
    for (unsigned i = 0; i < ARRAY_SIZE(m); i++)
        assert_memory_equal(mm_frame_ptr(&w.mm, m[i]), zeroes, PAGE_SIZE);
    world_audit(&w, "taking them");
    assert_int_equal(dmem_frames_put(&op, m, ARRAY_SIZE(m), &done), ERR_NONE);
    /* Of two frames beside each other there is never one pair. */
    assert_int_equal(dmem_chunk_get(&op, 1, &pair), ERR_NONE);
    assert_int_equal(x.d.blocks, 1);
    dmem_chunk_undo(&op, 1, pair);
    world_done(&op);
    assert_int_equal(x.d.blocks, 0);
    drain(~UINT64_C(0));
    assert_int_equal(shared_stats(&w.mm).blocks, 0);
    assert_int_equal(filler_stats().frames, 0);
}

/* Blocks in which somebody has a frame stay when the filler goes. */
static void draining_under_others(void **state)
{
    struct mm_op op = mm_op_on(&x.d, &x.v);
    uint64_t n = 2;
    mfn_t m[300];
    unsigned done;

    (void)state;
    fill(0);
    assert_int_equal(frag(4), ERR_NONE);
    assert_int_equal(dmem_frames_get(&op, m, ARRAY_SIZE(m), &done), ERR_NONE);
    drain(filler_stats().blocks + n);
    assert_int_equal(filler_stats().frames, 2 * 256);
    drain(~UINT64_C(0));
    assert_int_equal(filler_stats().frames, 0);
    assert_int_equal(shared_stats(&w.mm).blocks, 2);
    assert_int_equal(alloc_stats(&w.mm).free + alloc_stats(&w.mm).hv_blocks,
                     w.blocks_at_boot - 2);
    assert_int_equal(dmem_frames_put(&op, m, ARRAY_SIZE(m), &done), ERR_NONE);
    world_done(&op);
    assert_int_equal(alloc_stats(&w.mm).free, w.blocks_at_boot);
}

/* Each look at the clock says stop. */
static void interrupted_all_the_time(void **state)
{
    (void)state;
    host_preempt_every(1);
    filling_leaves_what_was_asked_for(state);
    fragments(state);
    draining_under_others(state);
    host_preempt_at(0);
}

/* Each block that is fragmented needs a table: some are refused. */
static void no_memory(void **state)
{
    uint64_t n = 8;

    (void)state;
    fill(0);
    w.mm.alloc.fail_in = 1;
    assert_int_equal(filler_frag(&w.mm, &n), ERR_NOMEM);
    w.mm.alloc.fail_in = 0;
    assert_int_equal(n, 8);
    world_audit(&w, "no memory");
    assert_int_equal(frag(n), ERR_NONE);
    drain(~UINT64_C(0));
}

/* One after the other in the same machine: the filler is for good. */
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filling_leaves_what_was_asked_for),
        cmocka_unit_test(fragments),
        cmocka_unit_test(draining_under_others),
        cmocka_unit_test(interrupted_all_the_time),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(claims_are_left_alone),
    };

    return cmocka_run_group_tests(tests, make, end);
}
