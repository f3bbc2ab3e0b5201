/* SPDX-License-Identifier: MIT */
/*
 * The list of ranges against a naive one: what was added is found until it is
 * removed, the nth are all of them, each once, counts agree, pages go back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "look.h"
#include "world.h"

#define PFNS 3000 /* pages of 509 */

static struct world w;
static struct world_domain x;
static enum range_state model[PFNS]; /* 0: none */

static int make(void **state)
{
    (void)state;
    world_make(&w, 16);
    world_domain(&w, &x, 1, 512);
    for (unsigned i = 0; i < PFNS; i++)
        model[i] = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_destroy(&w, &x); /* with whatever ranges are left */
    assert_int_equal(alloc_stats(&w.mm).hv_frames, 0);
    world_end(&w);
    return 0;
}

static pfn_t at(unsigned i)
{
    return pfn_of(i * UINT64_C(0x300000007) + 1);
}

static void agrees_with_model(void)
{
    static bool seen[PFNS];
    uint64_t count[4] = {0}, n = 0;
    struct range r;

    for (unsigned i = 0; i < PFNS; i++) {
        seen[i] = false;
        count[model[i]]++;
        assert_int_equal(look_range(&x.d, at(i), &r), model[i] != 0);
        if (model[i]) {
            assert_int_equal(r.pfn.v, at(i).v);
            assert_int_equal(r.state, model[i]);
        }
    }
    for (; range_nth(&x.d, n, &r); n++) {
        uint64_t i = (r.pfn.v - 1) / UINT64_C(0x300000007);

        assert_int_equal(r.pfn.v, at((unsigned)i).v);
        assert_int_equal(r.state, model[i]);
        assert_false(seen[i]);
        seen[i] = true;
    }
    assert_int_equal(n, PFNS - count[0]);
    for (unsigned s = RANGE_SCATTERED; s <= RANGE_REMAP; s++)
        assert_int_equal(range_count(&x.d, (enum range_state)s), count[s]);
}

static void add(unsigned i, enum range_state state)
{
    assert_int_equal(range_add(&x.d, (struct range){at(i), state}), ERR_NONE);
    model[i] = state;
}

static void in_the_order_they_were_added(void **state)
{
    struct range r;

    (void)state;
    assert_false(range_nth(&x.d, 0, &r));
    for (unsigned i = 0; i < PFNS; i++)
        add(i, RANGE_SHATTERED);
    for (unsigned i = 0; i < PFNS; i++) {
        assert_true(range_nth(&x.d, i, &r));
        assert_int_equal(r.pfn.v, at(i).v);
    }
    assert_false(range_nth(&x.d, PFNS, &r));
    assert_false(range_nth(&x.d, ~UINT64_C(0), &r));
    agrees_with_model();
}

static void random_steps(void **state)
{
    struct dice dice = {.s = 88172645463325252u};

    (void)state;
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = (unsigned)dice_upto(&dice, PFNS);
        /* Long times of growing, long times of shrinking. */
        bool grow = dice_upto(&dice, 8) < (step / 5000 % 2 ? 2 : 6);

        if (grow && !model[i]) {
            add(i, (enum range_state)(1 + dice_upto(&dice, 3)));
        } else if (!grow) {
            assert_int_equal(range_remove(&x.d, at(i)), model[i] != 0);
            model[i] = 0;
        }
        if (step % 2500 == 0)
            agrees_with_model();
    }
    agrees_with_model();
}

static void all_removed_all_given_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PFNS; i++)
        add(i, RANGE_REMAP);
    assert_true(alloc_stats(&w.mm).hv_frames > 0);
    for (unsigned i = 0; i < PFNS; i++)
        assert_true(range_remove(&x.d, at(i)));
    assert_int_equal(alloc_stats(&w.mm).hv_frames, 0);
    add(7, RANGE_SCATTERED);
    model[7] = 0;
    range_clear(&x.d);
    assert_int_equal(alloc_stats(&w.mm).hv_frames, 0);
    for (unsigned i = 0; i < PFNS; i++)
        model[i] = 0;
    agrees_with_model();
    add(8, RANGE_SCATTERED);
}

static void no_memory(void **state)
{
    mfn_t taken[16 * BLOCK_FRAMES];
    struct range r = {at(0), RANGE_REMAP};
    unsigned n = 0;

    (void)state;
    while (alloc_hv_get(&w.mm, 0, &taken[n]) == ERR_NONE)
        n++;
    assert_int_equal(range_add(&x.d, r), ERR_NOMEM);
    assert_int_equal(range_count(&x.d, RANGE_REMAP), 0);
    assert_false(look_range(&x.d, r.pfn, &r));
    while (n)
        alloc_hv_put(&w.mm, taken[--n], 0);
    assert_int_equal(range_add(&x.d, r), ERR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_the_order_they_were_added, make,
                                        end),
        cmocka_unit_test_setup_teardown(random_steps, make, end),
        cmocka_unit_test_setup_teardown(all_removed_all_given_back, make, end),
        cmocka_unit_test_setup_teardown(no_memory, make, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
