/* SPDX-License-Identifier: MIT */
/*
 * test_mark.c: a block that comes only once what is owed was discharged is not
 * marked as one of the fragment reserve: the look before took nothing. A guest
 * gets there by what it may call: a table that stopped on its way down is
 * drained by the call that then finds no memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port.h"
#include "scene.h"

static mfn_t table(struct mm_op *op)
{
    mfn_t m;

    assert_int_equal(dmem_chunk_get(op, 0, &m), ERR_NONE);
    memset(mm_frame_ptr(op->mm, m), 0, PAGE_SIZE);
    return m;
}

static void link_to(struct mm_op *op, mfn_t at, unsigned i, mfn_t to)
{
    ((pte_t *)mm_frame_ptr(op->mm, at))[i] = pte_make(to, KERNEL);
}

/* An L2 of three L1; of a block that is given up, one frame lives in them. */
static mfn_t half_given_up(struct world *w, struct mm_op *op)
{
    mfn_t l2 = table(op), l1[3], block;

    for (unsigned i = 0; i < ARRAY_SIZE(l1); i++) {
        l1[i] = table(op);
        link_to(op, l2, i, l1[i]);
    }
    assert_int_equal(reservation_increase(op, PFN_NONE, 9, &block), ERR_NONE);
    link_to(op, l1[0], 0, block);
    assert_int_equal(mmu_pin(op, l2, 2), ERR_NONE);
    assert_int_equal(reservation_decrease(op, block, 9), ERR_NONE);
    world_done(op);
    world_audit(w, "a block given up but for a frame");
    return l2;
}

static void drained_then_a_block(void **state)
{
    struct world w;
    struct world_domain x;
    struct mm_op op;
    mfn_t l2, m;

    (void)state;
    memset(&x, 0, sizeof(x));
    world_make(&w, 40);
    world_domain(&w, &x, 1, 400 * BLOCK_FRAMES);
    op = mm_op_on(&x.d, &x.v);
    l2 = half_given_up(&w, &op);
    while (reservation_increase(&op, PFN_NONE, 9, &m) == ERR_NONE)
        ; /* all of the machine */
    world_done(&op);
    host_preempt_at(1);
    assert_int_equal(mmu_unpin(&op, l2), ERR_NONE);
    host_preempt_at(0);
    assert_false(mfn_eq(x.v.deferred, MFN_NONE));
    world_done(&op);
    assert_int_equal(reservation_increase(&op, PFN_NONE, 9, &m), ERR_NONE);
    world_done(&op);
    world_audit(&w, "the block that came");
    assert_int_equal(reservation_decrease(&op, m, 9), ERR_NONE);
    world_done(&op);
    world_audit(&w, "giving it back");
    world_destroy(&w, &x);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drained_then_a_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
