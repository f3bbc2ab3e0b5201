/* SPDX-License-Identifier: MIT */
/*
 * Blocks reported as free: what may go and what may not, the credit, and what
 * there is to be had back; and how far maxmem may be changed meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/quota.h"
#include "mm/resize/report.h"
#include "scene.h"

/* Whole, the domain's, referred to by nothing; else nothing has changed. */
static void only_a_whole_idle_block_of_ones_own_goes(void **state)
{
    struct scene *s = *state;
    uint64_t pages = s->us.d.tot_pages, free = alloc_stats(&s->w.mm).free;
    struct mm_op theirs = mm_op_on(&s->them.d, &s->them.v);
    blk_t other;

    assert_int_equal(dmem_block_get(&theirs, &other), ERR_NONE);
    assert_int_equal(report_free(&s->op, mfn_of_blk(other)), ERR_INVAL);
    assert_int_equal(report_free(&s->op, scene_member(s, 1)), ERR_INVAL);
    assert_int_equal(report_free(&s->op, mfn_of(s->w.mm.nr_frames)), ERR_INVAL);
    assert_int_equal(report_free(&s->op, MFN_NONE), ERR_INVAL);
    assert_int_equal(report_free(&s->op, mfn_of(0)), ERR_INVAL);
    /* Mapped small, mapped large, with a hole. */
    assert_int_equal(
        scene_update(s, s->l1, 5, pte_make(scene_member(s, 9), KERNEL).v),
        ERR_NONE);
    assert_int_equal(report_free(&s->op, s->block), ERR_BUSY);
    assert_int_equal(scene_update(s, s->l1, 5, 0), ERR_NONE);
    assert_int_equal(
        scene_update(s, s->l2, 5, pte_make(s->block, KERNEL | PTE_PSE).v),
        ERR_NONE);
    assert_int_equal(report_free(&s->op, s->block), ERR_BUSY);
    assert_int_equal(scene_update(s, s->l2, 5, 0), ERR_NONE);
    assert_int_equal(s->us.d.reported, 0);
    assert_int_equal(s->us.d.tot_pages, pages);
    assert_int_equal(alloc_stats(&s->w.mm).free, free - 1);
    /* And then it does, for everybody. */
    assert_int_equal(report_free(&s->op, s->block), ERR_NONE);
    assert_int_equal(s->w.owed.what, TLB_FULL);
    world_done(&s->op);
    assert_int_equal(report_free(&s->op, s->block), ERR_INVAL);
    assert_int_equal(s->us.d.reported, 1);
    assert_int_equal(s->us.d.tot_pages, pages - BLOCK_FRAMES);
    assert_int_equal(alloc_stats(&s->w.mm).free, free);
    world_done(&theirs);
    world_audit(&s->w, "a report");
}

static void a_block_with_a_hole_does_not_go(void **state)
{
    struct scene *s = *state;

    assert_int_equal(reservation_decrease(&s->op, scene_member(s, 7), 0),
                     ERR_NONE);
    assert_int_equal(report_free(&s->op, s->block), ERR_BUSY);
    assert_int_equal(s->us.d.reported, 0);
    world_done(&s->op);
}

/* As many as went, zeroed; with the pfn that is asked for. */
static void the_credit_is_of_so_many_blocks(void **state)
{
    struct scene *s = *state;
    mfn_t m;

    assert_int_equal(report_take_back(&s->op, PFN_NONE, &m), ERR_NOENT);
    memset(mm_frame_ptr(&s->w.mm, s->block), 0xaa, BLOCK_SIZE);
    assert_int_equal(report_free(&s->op, s->block), ERR_NONE);
    world_done(&s->op);
    assert_int_equal(report_take_back(&s->op, pfn_of(1024), &m), ERR_NONE);
    assert_int_equal(s->w.mm.m2p[m.v + 3], 1027);
    for (unsigned i = 0; i < BLOCK_SIZE / 8; i++)
        if (((uint64_t *)mm_frame_ptr(&s->w.mm, m))[i])
            fail_msg("word %u of what came back is not zero", i);
    assert_int_equal(s->us.d.reported, 0);
    assert_int_equal(report_take_back(&s->op, PFN_NONE, &m), ERR_NOENT);
    world_audit(&s->w, "what came back");
}

/* Lent to others: no; and when they are through: yes. */
static void what_was_lent_comes_when_there_is_room(void **state)
{
    struct scene *s = *state;
    struct mm_op theirs = mm_op_on(&s->them.d, &s->them.v);
    blk_t b, last = blk_of(0);
    mfn_t m;

    s->them.d.max_pages = 1000 * BLOCK_FRAMES;
    assert_int_equal(report_free(&s->op, s->block), ERR_NONE);
    world_done(&s->op);
    while (dmem_block_get(&theirs, &b) == ERR_NONE)
        last = b;
    for (unsigned i = 1; i < 4; i++) {
        assert_int_equal(report_take_back(&s->op, PFN_NONE, &m), ERR_NOMEM);
        assert_int_equal(s->us.d.reported, 1);
        assert_int_equal(s->us.d.not_back, i);
    }
    assert_int_equal(dmem_block_put(&theirs, last), ERR_NONE);
    world_done(&theirs);
    assert_int_equal(report_take_back(&s->op, PFN_NONE, &m), ERR_NONE);
    assert_int_equal(s->us.d.reported, 0);
    world_audit(&s->w, "room again");
}

/* The credit is beside maxmem, and no way past it. */
static void the_credit_is_no_quota(void **state)
{
    struct scene *s = *state;
    mfn_t m;

    s->us.d.max_pages = s->us.d.tot_pages;
    assert_int_equal(report_free(&s->op, s->block), ERR_NONE);
    assert_int_equal(reservation_increase(&s->op, PFN_NONE, 9, &m), ERR_NONE);
    assert_int_equal(report_take_back(&s->op, PFN_NONE, &m), ERR_NOMEM);
    s->us.d.max_pages += BLOCK_FRAMES;
    assert_int_equal(report_take_back(&s->op, PFN_NONE, &m), ERR_NONE);
    world_done(&s->op);
    world_audit(&s->w, "more maxmem");
}

/* Not below what is held, in frames or in blocks. */
static void maxmem_is_not_less_than_what_is_held(void **state)
{
    struct scene *s = *state;
    struct mm_domain *d = &s->us.d;
    mfn_t m, rest[BLOCK_FRAMES];
    unsigned done;

    assert_true(quota_may_be(d, d->tot_pages));
    assert_false(quota_may_be(d, d->tot_pages - 1));
    d->max_pages = 64 * BLOCK_FRAMES;
    for (unsigned n = 0; n < 12; n++) {
        assert_int_equal(reservation_increase(&s->op, PFN_NONE, 9, &m),
                         ERR_NONE);
        for (unsigned i = 1; i < BLOCK_FRAMES; i++)
            rest[i] = mfn_add(m, i);
        assert_int_equal(reservation_decrease_list(&s->op, rest + 1,
                                                   BLOCK_FRAMES - 1, &done),
                         ERR_NONE);
    }
    world_done(&s->op);
    /* Hardly more pages than before, and twelve blocks. */
    assert_false(quota_may_be(d, d->tot_pages));
    assert_false(quota_may_be(d, (d->blocks - QUOTA_SPARE - 1) * BLOCK_FRAMES));
    assert_true(quota_may_be(d, (d->blocks - QUOTA_SPARE) * BLOCK_FRAMES));
    d->max_pages = (d->blocks - QUOTA_SPARE) * BLOCK_FRAMES;
    world_audit(&s->w, "less maxmem");
    d->max_pages = (d->blocks - QUOTA_SPARE - 1) * BLOCK_FRAMES;
    assert_false(mm_audit(&s->w.mm, s->w.scratch).clean); /* it looks */
    d->max_pages = 64 * BLOCK_FRAMES;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(only_a_whole_idle_block_of_ones_own_goes),
        scene_test(a_block_with_a_hole_does_not_go),
        scene_test(the_credit_is_of_so_many_blocks),
        scene_test(what_was_lent_comes_when_there_is_room),
        scene_test(the_credit_is_no_quota),
        scene_test(maxmem_is_not_less_than_what_is_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
