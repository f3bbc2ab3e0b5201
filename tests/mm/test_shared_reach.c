/* SPDX-License-Identifier: MIT */
/*
 * In a shared block nobody reaches a frame that is another's or nobody's,
 * whatever he asks for, and what was given up stays its owner's for as long
 * as it is in use.
 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/shared.h"
#include "mm/pv/supply.h"
#include "mm/pv/type.h"

/* Everything a guest can say about a frame, said by one whose it is not. */
static void assert_out_of_reach(struct scene *s, struct mm_op *op, mfn_t m)
{
    uint64_t at = m.v << PAGE_SHIFT;
    mfn_t out;
    pfn_t pfn = pfn_of(5);
    struct reservation_exchange x = {
        .in = &m, .out = &out, .out_pfn = &pfn, .n_in = 1, .n_out = 1};
    struct mmu_request r = {at | 8, pte_make(s->data, KERNEL).v};
    unsigned done;

    for (unsigned level = 1; level <= 4; level++)
        assert_int_equal(mmu_pin(op, m, level), ERR_INVAL);
    assert_int_equal(mmu_unpin(op, m), ERR_INVAL);
    assert_int_equal(mmu_update(op, at | 8, r.val), ERR_INVAL);
    assert_int_equal(mmu_update(op, at | 1, 99), ERR_INVAL); /* its M2P */
    assert_int_equal(mmu_update_list(op, &r, 1, &done), ERR_INVAL);
    assert_int_equal(mmu_new_baseptr(op, m), ERR_INVAL);
    assert_int_equal(mmu_new_user_baseptr(op, m), ERR_INVAL);
    assert_int_equal(mmu_clear_page(op, m), ERR_INVAL);
    assert_int_equal(mmu_copy_page(op, m, s->data), ERR_INVAL);
    assert_int_equal(mmu_copy_page(op, s->data, m), ERR_INVAL);
    assert_int_equal(mmu_seg_load(op, 2, m), ERR_INVAL);
    assert_int_equal(mmu_info_load(op, m), ERR_INVAL);
    assert_int_equal(mmu_update_descriptor(op, maddr_of(at), 0), ERR_INVAL);
    assert_int_equal(reservation_decrease(op, m, 0), ERR_INVAL);
    assert_int_equal(reservation_decrease_list(op, &m, 1, &done), ERR_INVAL);
    assert_int_equal(reservation_exchange(op, &x), ERR_INVAL);
    assert_int_equal(type_ref_get(op, m), ERR_INVAL);
    assert_false(frame_owned(op, m));
    assert_false(supply_is(op, m));
}

static void nobody_reaches_what_is_anothers(void **state)
{
    struct scene *s = *state;
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    mfn_t table = scene_member(s, 20), theirs;

    scene_share(s);
    memset(mm_frame_ptr(&s->w.mm, table), 0, PAGE_SIZE);
    assert_int_equal(mmu_pin(&s->op, table, 1), ERR_NONE);
    theirs = scene_they_get(s);
    assert_int_equal(theirs.v, scene_member(s, 3).v);
    assert_out_of_reach(s, &op, scene_member(s, 10)); /* ours */
    assert_out_of_reach(s, &op, table);
    assert_out_of_reach(s, &op, scene_member(s, 4)); /* nobody's */
    assert_out_of_reach(s, &s->op, scene_member(s, 4));
    assert_out_of_reach(s, &s->op, theirs);
    for (unsigned rw = 0; rw < 2; rw++) {
        uint64_t flags = rw ? KERNEL : READ;

        assert_int_equal(scene_update(s, s->l1, 9, pte_make(theirs, flags).v),
                         ERR_BUSY);
        assert_int_equal(
            scene_update(s, s->l1, 9, pte_make(scene_member(s, 4), flags).v),
            ERR_BUSY);
        assert_int_equal(scene_update(s, s->l2, 9, pte_make(theirs, flags).v),
                         ERR_INVAL);
    }
    assert_int_equal(reservation_decrease(&s->op, s->block, 9), ERR_INVAL);
    assert_int_equal(reservation_decrease(&s->op, scene_member(s, 2), 1),
                     ERR_INVAL); /* half of it is theirs */
    world_audit(&s->w, "all that");
    assert_int_equal(mmu_unpin(&s->op, table), ERR_NONE);
}

/* In use as everything there is, and given up: still ours until unused. */
static void given_up_and_in_use(void **state)
{
    struct scene *s = *state;
    mfn_t table = scene_member(s, 20), data = scene_member(s, 21);

    scene_share(s);
    memset(mm_frame_ptr(&s->w.mm, table), 0, PAGE_SIZE);
    assert_int_equal(mmu_pin(&s->op, table, 1), ERR_NONE);
    assert_int_equal(scene_update(s, table, 0, pte_make(data, KERNEL).v),
                     ERR_NONE);
    assert_int_equal(reservation_decrease(&s->op, table, 0), ERR_NONE);
    assert_int_equal(reservation_decrease(&s->op, data, 0), ERR_NONE);
    world_done(&s->op);
    world_audit(&s->w, "giving up");
    assert_int_equal(shared_stats(&s->w.mm).free_frames, 3);
    assert_int_equal(mmu_unpin(&s->op, table), ERR_NONE);
    assert_int_equal(s->w.owed.what, TLB_FULL);
    assert_int_equal(shared_stats(&s->w.mm).free_frames, 3); /* not yet */
    world_done(&s->op);
    assert_int_equal(shared_stats(&s->w.mm).free_frames, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(nobody_reaches_what_is_anothers),
        scene_test(given_up_and_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
