/* SPDX-License-Identifier: MIT */
/*
 * A supplied table is an ordinary table of the domain's, beyond its memory:
 * zeroed, validated and counted like one, not the domain's to give back, gone
 * when the hypervisor takes it back or the domain ends, whatever the guest
 * has done with it until then.
 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/m2p.h"
#include "mm/pv/supply.h"

static mfn_t supplied(struct scene *s)
{
    mfn_t m;

    assert_int_equal(supply_get(&s->op, &m), ERR_NONE);
    return m;
}

static enum err hook(struct scene *s, unsigned i, mfn_t table)
{
    return scene_update(s, s->l2, i, pte_make(table, KERNEL).v);
}

static void it_is_zeroed_and_not_counted(void **state)
{
    struct scene *s = *state;
    static const uint8_t zeroes[PAGE_SIZE];
    uint64_t pages = s->us.d.tot_pages;
    mfn_t own = scene_frame(s), m;

    /* Its predecessor was the guest's and full. */
    memset(mm_frame_ptr(&s->w.mm, own), 0x5a, PAGE_SIZE);
    s->w.mm.m2p[own.v] = 77;
    assert_int_equal(reservation_decrease(&s->op, own, 0), ERR_NONE);
    world_done(&s->op);
    m = supplied(s);
    assert_memory_equal(mm_frame_ptr(&s->w.mm, m), zeroes, PAGE_SIZE);
    assert_int_equal(s->w.mm.m2p[m.v], M2P_INVALID);
    assert_int_equal(s->us.d.tot_pages, pages);
    assert_int_equal(s->us.d.supplied, 1);
    assert_true(supply_is(&s->op, m));
    world_audit(&s->w, "supply_get");
    assert_true(supply_put(&s->op, m));
    assert_int_equal(s->us.d.supplied, 0);
    assert_int_equal(s->us.d.tot_pages, pages);
    assert_false(supply_is(&s->op, m));
}

static void a_full_domain_gets_one(void **state)
{
    struct scene *s = *state;

    s->us.d.max_pages = s->us.d.tot_pages;
    (void)supplied(s);
    assert_int_equal(s->us.d.tot_pages, s->us.d.max_pages);
}

static void what_is_supplied(void **state)
{
    struct scene *s = *state;
    mfn_t fixed;

    assert_int_equal(dmem_fixed_get(&s->op, &fixed), ERR_NONE);
    assert_false(supply_is(&s->op, fixed));
    assert_false(supply_is(&s->op, s->l1));
    assert_false(supply_is(&s->op, s->block));
    assert_false(supply_is(&s->op, s->foreign));
    assert_false(supply_is(&s->op, MFN_NONE));
    assert_false(supply_is(&s->op, mfn_of(s->w.mm.nr_frames)));
}

static void it_serves_as_a_table(void **state)
{
    struct scene *s = *state;
    mfn_t m = supplied(s);
    uint64_t l1 = s->us.d.tables[1];

    assert_int_equal(hook(s, 5, m), ERR_NONE);
    assert_int_equal(hook(s, 6, m), ERR_NONE);
    assert_int_equal(s->us.d.tables[1], l1 + 1);
    assert_int_equal(scene_update(s, m, 3, pte_make(s->data, KERNEL).v),
                     ERR_NONE);
    world_audit(&s->w, "use");
    assert_false(supply_put(&s->op, m));
    assert_int_equal(scene_update(s, s->l2, 5, 0), ERR_NONE);
    assert_false(supply_put(&s->op, m)); /* there is the other entry */
    world_audit(&s->w, "use");
}

static void it_is_taken_back_when_nobody_refers_to_it(void **state)
{
    struct scene *s = *state;
    mfn_t m = supplied(s);

    assert_int_equal(hook(s, 5, m), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, m, 1), ERR_NONE);
    assert_int_equal(scene_update(s, s->l2, 5, 0), ERR_NONE);
    assert_false(supply_put(&s->op, m));
    assert_int_equal(mmu_unpin(&s->op, m), ERR_NONE);
    /* The guest may write to it, when it is no table. */
    assert_int_equal(scene_update(s, s->l1, 9, pte_make(m, KERNEL).v),
                     ERR_NONE);
    assert_false(supply_put(&s->op, m));
    assert_int_equal(scene_update(s, s->l1, 9, 0), ERR_NONE);
    world_audit(&s->w, "all that");
    assert_true(supply_put(&s->op, m));
    assert_int_equal(s->w.owed.what, TLB_FULL);
    assert_int_equal(s->us.d.supplied, 0);
}

static void it_is_not_the_guests_to_give_back(void **state)
{
    struct scene *s = *state;
    mfn_t m = supplied(s), out;
    pfn_t pfn = pfn_of(1);
    unsigned done;
    struct reservation_exchange x = {
        .in = &m, .out = &out, .out_pfn = &pfn, .n_in = 1, .n_out = 1};
    blk_t b = blk_of_mfn(m);

    assert_int_equal(reservation_decrease(&s->op, m, 0), ERR_INVAL);
    assert_int_equal(reservation_decrease_list(&s->op, &m, 1, &done),
                     ERR_INVAL);
    assert_int_equal(reservation_exchange(&s->op, &x), ERR_INVAL);
    assert_int_equal(dmem_block_put(&s->op, b), ERR_BUSY);
    assert_int_equal(
        scene_update(s, s->l2, 9, pte_make(mfn_of_blk(b), KERNEL | PTE_PSE).v),
        ERR_INVAL);
    assert_true(supply_is(&s->op, m));
}

/* A block with nothing in it but supplied tables goes with the last. */
static void its_block_goes_back_whole(void **state)
{
    struct scene *s = *state;
    static mfn_t m[2 * BLOCK_FRAMES];
    uint64_t blocks = s->us.d.blocks;

    for (unsigned i = 0; i < ARRAY_SIZE(m); i++)
        m[i] = supplied(s);
    assert_int_equal(s->us.d.blocks, blocks + 2);
    world_audit(&s->w, "two blocks of tables");
    for (unsigned i = 0; i < ARRAY_SIZE(m); i++)
        assert_true(supply_put(&s->op, m[i]));
    world_done(&s->op);
    world_audit(&s->w, "giving them back");
    assert_in_range(s->us.d.blocks, blocks, blocks + 1);
}

static void no_memory(void **state)
{
    struct scene *s = *state;
    unsigned n = 0;
    mfn_t m;

    while (s->us.d.holes > s->us.d.supplied)
        (void)supplied(s);
    for (enum err rc = ERR_NOMEM; rc; n++) {
        uint64_t was = s->us.d.supplied;

        s->w.mm.alloc.fail_in = n + 1;
        rc = supply_get(&s->op, &m);
        s->w.mm.alloc.fail_in = 0;
        assert_true(rc == ERR_NONE || rc == ERR_NOMEM);
        assert_int_equal(s->us.d.supplied, was + !rc);
        world_audit(&s->w, "no memory");
    }
    assert_int_equal(n, 3); /* a block, and its table */
}

/* Destroyed in use, pinned, and mapped: the scene's end looks at the rest. */
static void the_end_takes_it_away(void **state)
{
    struct scene *s = *state;
    mfn_t m = supplied(s), n = supplied(s), o = supplied(s);

    assert_int_equal(hook(s, 5, m), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, n, 1), ERR_NONE);
    assert_int_equal(scene_update(s, s->l1, 9, pte_make(o, KERNEL).v),
                     ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, m, 1), ERR_NONE);
    (void)supplied(s);
    assert_int_equal(s->us.d.supplied, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(it_is_zeroed_and_not_counted),
        scene_test(a_full_domain_gets_one),
        scene_test(what_is_supplied),
        scene_test(it_serves_as_a_table),
        scene_test(it_is_taken_back_when_nobody_refers_to_it),
        scene_test(it_is_not_the_guests_to_give_back),
        scene_test(its_block_goes_back_whole),
        scene_test(no_memory),
        scene_test(the_end_takes_it_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
