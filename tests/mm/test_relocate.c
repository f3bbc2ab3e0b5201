/* SPDX-License-Identifier: MIT */
/*
 * A suspended domain is relocated: what was shattered, scattered or
 * left to it is collapsed where there is memory, holes and shared
 * blocks are emptied, and nothing is lost or worse, whatever it is short of
 * and wherever it is interrupted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actor.h"
#include "flagstone/flagstone.h"
#include "mm/alloc/shared.h"
#include "port.h"
#include "pressure.h"

#define BLOCKS 8u

struct stage {
    struct world w;
    struct world_domain filler;
    struct actor a;
    struct layout_result result;
};

static const struct actor_kind kind = {
    .id = 5, .nr_blocks = BLOCKS, .superpages = SUPERPAGES_PREFER};

static int make(void **state)
{
    struct stage *s = calloc(1, sizeof(*s));

    world_make(&s->w, 40);
    pressure_make(&s->w, &s->filler, 7);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct stage *s = *state;

    if (s->a.x) {
        world_audit(&s->w, "the test");
        actor_check(&s->a);
        actor_end(&s->a);
    }
    world_destroy(&s->w, &s->filler);
    world_end(&s->w);
    free(s);
    return 0;
}

#define stage_test(f) cmocka_unit_test_setup_teardown(f, make, end)

static void relocate(struct stage *s)
{
    assert_int_equal(actor_relocate(&s->a, &s->result), ERR_NONE);
    world_audit(&s->w, "relocation");
    s->a.thorough = true;
    actor_check(&s->a);
}

static void write_all(struct actor *a)
{
    for (uint64_t pfn = ACTOR_FIRST; pfn < a->is.nr_blocks * 512ul; pfn += 2)
        if (a->is.seed[pfn] != ACTOR_ABSENT)
            actor_write(a, pfn, pfn * 3 + 1);
}

/* Saved while all was well, restored where there was no block. */
static void restored(struct stage *s, enum restore_policy policy)
{
    struct actor_model is;
    struct restore r;
    struct image i;

    assert_int_equal(actor_make(&s->a, &s->w, kind), ERR_NONE);
    write_all(&s->a);
    actor_alias(&s->a, 3);
    assert_int_equal(actor_save(&s->a, &i, IMAGE_OWNER), ERR_NONE);
    is = s->a.is;
    actor_end(&s->a);
    pressure_put(&s->filler, 0, 24);
    assert_int_equal(actor_restore(&s->a, &s->w, kind, &i, &is, policy, &r),
                     ERR_NONE);
    saving_free(&i);
    pressure_put(&s->filler, 0, 0);
    assert_int_equal(r.result.scattered, 8);
}

static void all_large(struct stage *s)
{
    for (unsigned b = 1; b < BLOCKS; b++)
        assert_true(pte_has(actor_entry(&s->a, b), PTE_P | PTE_PSE));
    assert_int_equal(s->a.x->d.super_maps, BLOCKS);
    assert_int_equal(s->a.x->d.supplied, 0);
    assert_int_equal(s->a.x->d.shared_frames, 0);
    assert_null(s->a.x->d.ranges.first);
}

static void shattered_heals(void **state)
{
    struct stage *s = *state;

    restored(s, RESTORE_SHATTER);
    assert_int_equal(s->a.x->d.supplied, 7);
    (void)pressure_drop(&s->filler, ~UINT64_C(0));
    relocate(s);
    all_large(s);
    assert_int_equal(s->result.healed, 8);
    assert_int_equal(s->result.large_before, 8);
    assert_int_equal(s->result.large_after, 8);
    assert_int_equal(s->result.moved, 8 * 512);
}

static void what_was_left_to_the_guest_heals(void **state)
{
    struct stage *s = *state;

    restored(s, RESTORE_GUEST);
    assert_false(pte_present(actor_entry(&s->a, 2)));
    (void)pressure_drop(&s->filler, ~UINT64_C(0));
    relocate(s);
    all_large(s);
    assert_int_equal(s->result.healed, 8);
}

static void without_memory_all_stays(void **state)
{
    struct stage *s = *state;

    restored(s, RESTORE_SHATTER);
    relocate(s);
    assert_int_equal(s->result.shattered, 8);
    assert_int_equal(s->result.healed, 0);
    assert_int_equal(s->result.moved, 0);
    assert_int_equal(s->a.x->d.supplied, 7);
    assert_int_equal(range_count(&s->a.x->d, RANGE_SHATTERED), 7);
}

static void some_heal(void **state)
{
    struct stage *s = *state;

    restored(s, RESTORE_SHATTER);
    assert_int_equal(pressure_drop(&s->filler, 3), 3);
    relocate(s);
    assert_in_range(s->result.healed, 3, 7);
    assert_int_equal(s->result.scattered, 8 - s->result.healed);
    assert_int_equal(s->result.large_after + s->result.shattered, 8);
    relocate(s);
}

/* Its frames lie in its own blocks, two and two mixed up: one spare is enough,
 * because holes are filled until the next is free. */
static void one_spare_is_enough(void **state)
{
    struct stage *s = *state;
    struct actor_kind k = kind;

    k.superpages = SUPERPAGES_OFF;
    assert_int_equal(actor_make(&s->a, &s->w, k), ERR_NONE);
    /* All that is odd goes and comes back elsewhere. */
    for (uint64_t pfn = 513; pfn < BLOCKS * 512; pfn += 2)
        assert_int_equal(actor_frame_out(&s->a, pfn), ERR_NONE);
    for (uint64_t pfn = 513; pfn < BLOCKS * 512; pfn += 2)
        assert_int_equal(
            actor_frame_in(&s->a, 512 + (pfn - 512) * 1025 % (7 * 512)),
            ERR_NONE);
    write_all(&s->a);
    pressure_put(&s->filler, 1, 0);
    relocate(s);
    assert_int_equal(s->result.whole, 8);
    for (unsigned b = 1; b < BLOCKS; b++)
        assert_int_equal(actor_mfn(&s->a, b * 512).v % 512, 0);
}

static void holes_are_filled(void **state)
{
    struct stage *s = *state;
    uint64_t blocks;

    assert_int_equal(actor_make(&s->a, &s->w, kind), ERR_NONE);
    write_all(&s->a);
    for (uint64_t pfn = 2 * 512; pfn < 6 * 512; pfn++)
        if (pfn % 4)
            assert_int_equal(actor_frame_out(&s->a, pfn), ERR_NONE);
    blocks = s->a.x->d.blocks;
    relocate(s);
    assert_int_equal(s->a.x->d.blocks, blocks - 3);
    assert_in_range(s->result.moved, 3 * 128, 3 * 128);
}

static void shared_blocks_are_left(void **state)
{
    struct stage *s = *state;
    struct actor_kind k = kind;

    k.relinquish = RELINQUISH_CUT;
    assert_int_equal(actor_make(&s->a, &s->w, k), ERR_NONE);
    write_all(&s->a);
    assert_int_equal(actor_frame_out(&s->a, 3 * 512 + 5), ERR_NONE);
    assert_int_equal(s->a.x->d.shared_frames, 511);
    assert_int_equal(actor_frame_in(&s->a, 3 * 512 + 5), ERR_NONE);
    relocate(s);
    assert_int_equal(s->a.x->d.shared_frames, 0);
    assert_int_equal(shared_stats(&s->w.mm).blocks, 0);
}

static void what_somebody_holds_stays(void **state)
{
    struct stage *s = *state;
    mfn_t m;

    restored(s, RESTORE_SHATTER);
    (void)pressure_drop(&s->filler, ~UINT64_C(0));
    m = actor_mfn(&s->a, 2 * 512 + 7);
    assert_int_equal(type_ref_get(&s->a.op, m), ERR_NONE);
    /* Not audited: that does not know of this reference. */
    assert_int_equal(actor_relocate(&s->a, &s->result), ERR_NONE);
    actor_check(&s->a);
    assert_int_equal(s->result.healed, 7);
    assert_int_equal(actor_mfn(&s->a, 2 * 512 + 7).v, m.v);
    type_ref_put(&s->a.op, m);
    relocate(s);
    all_large(s);
}

static void stops_everywhere(void **state)
{
    struct stage *s = *state;
    struct actor_model is;
    struct image i;
    struct restore r;

    restored(s, RESTORE_SHATTER);
    is = s->a.is;
    assert_int_equal(actor_save(&s->a, &i, IMAGE_OWNER), ERR_NONE);
    for (unsigned every = 1; every < 6; every++) {
        actor_end(&s->a);
        assert_int_equal(
            actor_restore(&s->a, &s->w, kind, &i, &is, RESTORE_SHATTER, &r),
            ERR_NONE);
        (void)pressure_drop(&s->filler, ~UINT64_C(0));
        host_preempt_every(every);
        relocate(s);
        host_preempt_at(0);
        all_large(s);
        pressure_put(&s->filler, 0, 24);
    }
    saving_free(&i);
}

static void no_memory_anywhere(void **state)
{
    struct stage *s = *state;
    enum err rc;
    unsigned stayed = 0;

    restored(s, RESTORE_SHATTER);
    (void)pressure_drop(&s->filler, ~UINT64_C(0));
    for (uint64_t n = 1;; n++) {
        uint64_t left;

        s->w.mm.alloc.fail_in = n;
        rc = actor_relocate(&s->a, &s->result);
        left = s->w.mm.alloc.fail_in;
        s->w.mm.alloc.fail_in = 0;
        world_audit(&s->w, "want of memory");
        actor_check(&s->a);
        stayed += rc || s->result.healed < 8;
        if (left)
            break;
    }
    assert_in_range(stayed, 1, 50);
    all_large(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stage_test(shattered_heals),
        stage_test(what_was_left_to_the_guest_heals),
        stage_test(without_memory_all_stays),
        stage_test(some_heal),
        stage_test(one_spare_is_enough),
        stage_test(holes_are_filled),
        stage_test(shared_blocks_are_left),
        stage_test(what_somebody_holds_stays),
        stage_test(stops_everywhere),
        stage_test(no_memory_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
