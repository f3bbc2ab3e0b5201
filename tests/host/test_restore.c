/* SPDX-License-Identifier: MIT */
/*
 * A domain is restored on whatever frames there are, under each policy, with
 * every byte of its memory and every mapping; what could not be large is
 * said; images that pass their check and still are nonsense end in one line
 * and nothing is left; so do interruptions and want of memory anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actor.h"
#include "flagstone/flagstone.h"
#include "port.h"
#include "pressure.h"

#define BLOCKS 8u

struct stage {
    struct world w;
    struct world_domain ballast;
    struct actor a;
    struct actor_model is;
    struct image image;
    struct restore r;
};

static const struct actor_kind kind = {
    .id = 5, .nr_blocks = BLOCKS, .superpages = SUPERPAGES_PREFER};

/* A saved actor that is gone: a picture of it is what there is. */
static void take_picture(struct stage *s, struct actor_kind k)
{
    assert_int_equal(actor_make(&s->a, &s->w, k), ERR_NONE);
    for (uint64_t pfn = ACTOR_FIRST; pfn < BLOCKS * 512ul; pfn += 3)
        actor_write(&s->a, pfn, pfn * 7 + 1);
    actor_alias(&s->a, 2);
    actor_alias(&s->a, 3);
    assert_int_equal(actor_frame_out(&s->a, 4 * 512 + 9), ERR_NONE);
    actor_block_out(&s->a, 6);
    actor_check(&s->a);
    assert_int_equal(actor_save(&s->a, &s->image, IMAGE_OWNER), ERR_NONE);
    s->is = s->a.is;
    actor_end(&s->a);
}

static int make(void **state)
{
    struct stage *s = calloc(1, sizeof(*s));

    world_make(&s->w, 40);
    pressure_make(&s->w, &s->ballast, 7);
    take_picture(s, kind);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct stage *s = *state;

    world_audit(&s->w, "the test");
    saving_free(&s->image);
    world_destroy(&s->w, &s->ballast);
    world_end(&s->w);
    free(s);
    return 0;
}

#define stage_test(f) cmocka_unit_test_setup_teardown(f, make, end)

static void press(struct stage *s, uint64_t n, uint64_t frag)
{
    pressure_put(&s->ballast, n, frag);
}

static enum err restore(struct stage *s, enum restore_policy policy)
{
    enum err rc =
        actor_restore(&s->a, &s->w, kind, &s->image, &s->is, policy, &s->r);

    world_audit(&s->w, "restore");
    return rc;
}

static void gone(struct stage *s)
{
    actor_check(&s->a);
    actor_end(&s->a);
}

/* --- policies ------------------------------------------------------------ */

static void whole_as_it_was(void **state)
{
    struct stage *s = *state;

    assert_int_equal(restore(s, RESTORE_FAIL), ERR_NONE);
    assert_int_equal(s->r.result.large_before, 7);
    assert_int_equal(s->r.result.large_after, 7);
    assert_int_equal(s->r.result.scattered, 0);
    assert_int_equal(s->a.x->d.super_maps, 7);
    assert_int_equal(s->a.x->d.claim, 0);
    assert_int_equal(s->a.x->d.supplied, 0);
    gone(s);
}

static void fail_says_so(void **state)
{
    struct stage *s = *state;

    press(s, 4, 20);
    assert_int_equal(restore(s, RESTORE_FAIL), ERR_NOMEM);
    assert_string_equal(s->r.why,
                        "restore=fail needs 5 whole blocks, there are 4");
}

static void shatter(void **state)
{
    struct stage *s = *state;
    struct range range;

    press(s, 2, 20);
    if (restore(s, RESTORE_SHATTER))
        fail_msg("%s", s->r.why);
    assert_int_equal(s->r.result.large_before, 7);
    /* Blocks 1 and 2 got one; 3 has an alias, which has the same table. */
    assert_int_equal(s->r.result.large_after, 3);
    assert_int_equal(s->r.result.shattered, 4);
    assert_int_equal(s->r.result.supplied, 3);
    assert_int_equal(s->a.x->d.supplied, 3);
    assert_int_equal(range_count(&s->a.x->d, RANGE_SHATTERED), 3);
    assert_true(range_find(&s->a.x->d, pfn_of(3 * 512), &range));
    assert_int_equal(range.state, RANGE_SHATTERED);
    assert_true(pte_has(actor_entry(&s->a, 3), FLAGSTONE_PTE_SHATTERED));
    assert_int_equal(pte_mfn(actor_entry(&s->a, 3)).v,
                     pte_mfn(actor_entry(&s->a, 3 + 256)).v);
    actor_check(&s->a);
    assert_int_equal(actor_small(&s->a, 3), ERR_NONE);
    actor_block_out(&s->a, 5);
    world_audit(&s->w, "what the guest did");
    gone(s);
}

static void left_to_the_guest(void **state)
{
    struct stage *s = *state;

    press(s, 1, 20);
    if (restore(s, RESTORE_GUEST))
        fail_msg("%s", s->r.why);
    assert_int_equal(s->r.result.large_after, 1);
    assert_int_equal(s->r.result.remap, 6);
    assert_int_equal(s->a.x->d.supplied, 0);
    assert_int_equal(range_count(&s->a.x->d, RANGE_REMAP), 4);
    assert_int_equal(FLAGSTONE_REMAP_PFN(actor_entry(&s->a, 5).v), 5 * 512);
    assert_false(pte_present(actor_entry(&s->a, 5)));
    assert_int_equal(actor_remap(&s->a), ERR_NONE);
    gone(s);
}

static void off_and_require(void **state)
{
    struct stage *s = *state;
    struct actor_kind k = kind;

    k.superpages = SUPERPAGES_OFF;
    assert_int_equal(actor_restore(&s->a, &s->w, k, &s->image, &s->is,
                                   RESTORE_SHATTER, &s->r),
                     ERR_INVAL);
    assert_string_equal(s->r.why, "5 blocks were mapped large, which "
                                  "superpages=off forbids");
    press(s, 4, 20);
    k.superpages = SUPERPAGES_REQUIRE;
    assert_int_equal(actor_restore(&s->a, &s->w, k, &s->image, &s->is,
                                   RESTORE_SHATTER, &s->r),
                     ERR_NOMEM);
    assert_string_equal(s->r.why,
                        "superpages=require needs 6 whole blocks, there are 4");
    k.nr_blocks = BLOCKS - 2;
    assert_int_equal(actor_restore(&s->a, &s->w, k, &s->image, &s->is,
                                   RESTORE_SHATTER, &s->r),
                     ERR_NOMEM);
    assert_string_equal(s->r.why, "3583 pages, the domain may have 3072");
}

/* --- interrupted, and without memory ------------------------------------- */

static void stops_everywhere(void **state)
{
    struct stage *s = *state;

    press(s, 2, 20);
    for (unsigned every = 1; every < 4; every++) {
        host_preempt_every(every);
        if (restore(s, RESTORE_SHATTER))
            fail_msg("%s", s->r.why);
        assert_int_equal(s->r.result.supplied, 3);
        host_preempt_at(0);
        gone(s);
    }
}

static void no_memory_anywhere(void **state)
{
    struct stage *s = *state;
    enum restore_policy policy;
    enum err rc;

    press(s, 2, 20);
    for (policy = RESTORE_GUEST; policy <= RESTORE_SHATTER; policy++) {
        unsigned failed = 0;

        for (uint64_t n = 1;; n++) {
            uint64_t left;

            s->w.mm.alloc.fail_in = n;
            rc = restore(s, policy);
            left = s->w.mm.alloc.fail_in;
            s->w.mm.alloc.fail_in = 0;
            failed += rc == ERR_NOMEM;
            if (!rc) {
                assert_int_equal(actor_remap(&s->a), ERR_NONE);
                gone(s);
            }
            if (left)
                break;
        }
        assert_int_equal(rc, ERR_NONE);
        assert_in_range(failed, 1, 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stage_test(whole_as_it_was),
        stage_test(fail_says_so),
        stage_test(shatter),
        stage_test(left_to_the_guest),
        stage_test(off_and_require),
        stage_test(stops_everywhere),
        stage_test(no_memory_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
