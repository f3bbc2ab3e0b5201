/* SPDX-License-Identifier: MIT */
/*
 * test_1g.c: 1 GiB entries at L3: one transition on each of 512 blocks, all
 * or none, with everything that holds of 2 MiB entries; and their splitting
 * and joining.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/frame.h"
#include "mm/pv/split.h"
#include "port.h"
#include "scene.h"
#include "simtlb.h"

#define LARGE        (KERNEL | PTE_PSE)
#define AT           5
#define VA           (UINT64_C(5) << REGION_SHIFT)
#define REGION_SHIFT 30
#define REGION_PAGES (REGION_BLOCKS * BLOCK_FRAMES)

/* A scene in a machine of more than 2 GiB; s->block: first of our region. */
static int make_1g(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    blk_t b;

    world_make(&s->w, 2 * REGION_BLOCKS + 16);
    s->w.mm.pages_1g = true;
    world_domain(&s->w, &s->us, 1, 2 * REGION_PAGES);
    world_domain(&s->w, &s->them, 2, 2 * REGION_PAGES);
    s->op = mm_op_on(&s->us.d, &s->us.v);
    assert_int_equal(dmem_region_get_dirty(&s->op, &b), ERR_NONE);
    s->block = mfn_of_blk(b);
    s->l4 = scene_frame(s);
    s->l3 = scene_frame(s);
    s->l2 = scene_frame(s);
    *scene_entry(s, s->l4, 0) = pte_make(s->l3, KERNEL);
    *scene_entry(s, s->l3, 0) = pte_make(s->l2, KERNEL);
    assert_int_equal(mmu_pin(&s->op, s->l4, 4), ERR_NONE);
    assert_int_equal(mmu_new_baseptr(&s->op, s->l4), ERR_NONE);
    *state = s;
    return 0;
}

#define test_1g(f) cmocka_unit_test_setup_teardown(f, make_1g, scene_end)

static mfn_t block(struct scene *s, unsigned i)
{
    return mfn_add(s->block, (uint64_t)i * BLOCK_FRAMES);
}

static unsigned supers(struct scene *s, unsigned i)
{
    return block_super(mm_block(&s->w.mm, blk_of_mfn(block(s, i)))->word);
}

static enum err set(struct scene *s, unsigned i, uint64_t val)
{
    enum err rc = scene_update(s, s->l3, i, val);

    world_audit(&s->w, "an update of the L3");
    return rc;
}

static maddr_t entry(struct scene *s)
{
    return maddr_of(s->l3.v << PAGE_SHIFT | AT * 8);
}

static enum err split_it(struct scene *s, mfn_t table)
{
    enum err rc = split(&s->op, entry(s), table);

    world_done(&s->op);
    world_audit(&s->w, "a split at L3");
    return rc;
}

static enum err join_it(struct scene *s, mfn_t *table)
{
    enum err rc = join(&s->op, entry(s), table);

    world_done(&s->op);
    world_audit(&s->w, "a join at L3");
    return rc;
}

static void one_entry_maps_it_all(void **state)
{
    struct scene *s = *state;
    const uint64_t far = VA + (BIT(30) - 8);
    uint64_t *at;

    assert_int_equal(set(s, AT, pte_make(s->block, LARGE).v), ERR_NONE);
    assert_int_equal(s->us.d.super_maps, 1);
    for (unsigned i = 0; i < REGION_BLOCKS; i++)
        assert_int_equal(supers(s, i), 1);
    at = simtlb_access(&s->us.d, 0, s->l4, far, true);
    assert_non_null(at);
    assert_ptr_equal(
        at, (char *)mm_frame_ptr(&s->w.mm, mfn_add(block(s, 511), 511)) + 4088);
    assert_true(pte_has(*scene_entry(s, s->l3, AT), PTE_A | PTE_D));
    /* A second one, read-only. */
    assert_int_equal(set(s, AT + 1, pte_make(s->block, READ | PTE_PSE).v),
                     ERR_NONE);
    assert_int_equal(supers(s, 77), 2);
    assert_null(simtlb_access(&s->us.d, 0, s->l4, far + BIT(30), true));
    assert_int_equal(set(s, AT, 0), ERR_NONE);
    assert_int_equal(set(s, AT + 1, 0), ERR_NONE);
    assert_int_equal(supers(s, 77), 0);
    assert_int_equal(s->us.d.super_maps, 0);
}

static void refused(struct scene *s, uint64_t val)
{
    uint64_t before = scene_entry(s, s->l3, AT)->v;

    assert_int_equal(set(s, AT, val), ERR_INVAL);
    assert_int_equal(scene_entry(s, s->l3, AT)->v, before);
    for (unsigned i = 0; i < REGION_BLOCKS; i++)
        assert_int_equal(supers(s, i), 0);
}

static void what_is_no_region_of_ours_is_refused(void **state)
{
    struct scene *s = *state;
    const uint64_t good = pte_make(s->block, LARGE).v;
    static const uint64_t bad[] = {PTE_G,   PTE_PWT, PTE_PCD, PTE_PSE_PAT,
                                   BIT(13), BIT(20), BIT(21), BIT(29)};

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        refused(s, good | bad[i]);
    refused(s, good & ~PTE_P);
    refused(s, LARGE); /* region 0: not ours */
    refused(s, pte_make(mfn_of(2 * REGION_PAGES), LARGE).v); /* sticks out */
    refused(s, pte_make(mfn_of(3 * REGION_PAGES), LARGE).v);
    refused(s, (PTE_ADDR & ~(BIT(30) - 1)) | LARGE);
    assert_int_equal(scene_update(s, s->l4, 3, good), ERR_INVAL);
    s->w.mm.pages_1g = false;
    refused(s, good);
    s->w.mm.pages_1g = true;
    s->us.d.superpages = SUPERPAGES_OFF;
    refused(s, good);
    s->us.d.superpages = SUPERPAGES_PREFER;
    assert_int_equal(set(s, AT, good), ERR_NONE);
}

/* The last block spoils it, and the 511 before are let go again. */
static void all_blocks_or_none(void **state)
{
    struct scene *s = *state;
    const uint64_t good = pte_make(s->block, LARGE).v;
    mfn_t member = mfn_add(block(s, 511), 5);
    struct block *last = mm_block(&s->w.mm, blk_of_mfn(member));

    assert_int_equal(mmu_pin(&s->op, member, 1), ERR_NONE);
    refused(s, good);
    assert_int_equal(mmu_unpin(&s->op, member), ERR_NONE);
    atomic_fetch_add(&last->word, BLOCK_SUPER_MAX);
    assert_int_equal(scene_update(s, s->l3, AT, good), ERR_INVAL);
    atomic_fetch_sub(&last->word, BLOCK_SUPER_MAX);
    assert_int_equal(supers(s, 0), 0);
    assert_int_equal(supers(s, 510), 0);
    assert_int_equal(dmem_frame_put(&s->op, member), ERR_NONE);
    refused(s, good); /* a hole */
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (i != 5)
            assert_int_equal(dmem_frame_put(&s->op, mfn_add(block(s, 511), i)),
                             ERR_NONE);
    world_done(&s->op);
    assert_int_equal(set(s, AT, good), ERR_INVAL); /* not ours any more */
    for (unsigned i = 0; i < 511; i++)
        assert_int_equal(supers(s, i), 0);
}

static void members_are_held_by_it(void **state)
{
    struct scene *s = *state;
    mfn_t member = mfn_add(block(s, 300), 9);

    assert_int_equal(set(s, AT, pte_make(s->block, LARGE).v), ERR_NONE);
    for (unsigned level = 1; level <= PT_LEVELS; level++)
        assert_int_equal(mmu_pin(&s->op, member, level), ERR_INVAL);
    assert_int_equal(dmem_frame_put(&s->op, member), ERR_BUSY);
    assert_int_equal(dmem_block_put(&s->op, blk_of_mfn(member)), ERR_BUSY);
    assert_int_equal(reservation_decrease(&s->op, block(s, 300), 9), ERR_BUSY);
    /* There is nothing below it. */
    assert_int_equal(mmu_update_va(&s->op, VA, 0), ERR_INVAL);
    assert_int_equal(
        mmu_update_va(&s->op, VA + BIT(30) - 4096, pte_make(member, KERNEL).v),
        ERR_INVAL);
    /* A 2 MiB mapping beside it is no harm, and stays when it goes. */
    assert_int_equal(
        scene_update(s, s->l2, 3, pte_make(block(s, 300), LARGE).v), ERR_NONE);
    assert_int_equal(set(s, AT, 0), ERR_NONE);
    assert_int_equal(supers(s, 300), 1);
    assert_int_equal(supers(s, 301), 0);
    assert_int_equal(mmu_pin(&s->op, mfn_add(block(s, 301), 9), 1), ERR_NONE);
}

/* XSA-148, -182: what it refers to changes only with its references. */
static void a_table_is_no_region_and_the_other_way_round(void **state)
{
    struct scene *s = *state;
    const uint64_t large = pte_make(s->block, LARGE).v;

    assert_int_equal(set(s, 0, scene_entry(s, s->l3, 0)->v | PTE_PSE),
                     ERR_INVAL);
    assert_int_equal(set(s, AT, large), ERR_NONE);
    assert_int_equal(set(s, AT, large & ~PTE_PSE), ERR_INVAL);
    assert_int_equal(set(s, AT, large | BIT(9) | PTE_NX), ERR_NONE); /* soft */
    assert_int_equal(set(s, AT, large & ~PTE_RW), ERR_NONE);
    assert_int_equal(supers(s, 9), 1);
    assert_int_equal(set(s, AT, scene_entry(s, s->l3, 0)->v), ERR_NONE);
    assert_int_equal(supers(s, 9), 0);
    assert_int_equal(s->us.d.super_maps, 0);
}

static void translations_do_not_outlive_it(void **state)
{
    struct scene *s = *state;
    mfn_t member = mfn_add(block(s, 2), 4);
    const uint64_t va = VA + 2 * BLOCK_SIZE + 4 * PAGE_SIZE;

    assert_int_equal(set(s, AT, pte_make(s->block, LARGE).v), ERR_NONE);
    assert_non_null(simtlb_access(&s->us.d, 0, s->l4, va, true));
    assert_int_equal(set(s, AT, 0), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, member, 1), ERR_NONE);
    world_audit(&s->w, "a member became a table");
    assert_null(simtlb_access(&s->us.d, 0, s->l4, va, true));
    /* The other way: walks through a former table. */
    assert_int_equal(scene_update(s, s->l2, 7, pte_make(member, KERNEL).v),
                     ERR_NONE);
    assert_null(simtlb_access(&s->us.d, 1, s->l4, 7 * BLOCK_SIZE, false));
    assert_int_equal(scene_update(s, s->l2, 7, 0), ERR_NONE);
    assert_int_equal(mmu_unpin(&s->op, member), ERR_NONE);
    assert_int_equal(set(s, AT, pte_make(s->block, LARGE).v), ERR_NONE);
    assert_non_null(simtlb_access(&s->us.d, 0, s->l4, va, true));
    world_audit(&s->w, "the region is mapped");
}

static void split_and_join(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s), out = MFN_NONE;
    const uint64_t flags = LARGE | BIT(10) | PTE_NX;

    assert_int_equal(set(s, AT, pte_make(s->block, flags).v), ERR_NONE);
    assert_non_null(simtlb_access(&s->us.d, 0, s->l4, VA + 4096, true));
    assert_int_equal(split_it(s, t), ERR_NONE);
    assert_int_equal(scene_entry(s, s->l3, AT)->v,
                     pte_make(t, KERNEL | PTE_A).v);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        assert_int_equal(scene_entry(s, t, i)->v,
                         pte_make(block(s, i), flags | PTE_A | PTE_D).v);
        assert_int_equal(supers(s, i), 1);
        scene_entry(s, t, i)->v &= ~(PTE_A | PTE_D);
    }
    assert_int_equal(s->us.d.super_maps, 512);
    assert_int_equal(s->us.d.tables[2], 2);
    assert_int_equal(mmu_pin(&s->op, mfn_add(block(s, 3), 1), 1), ERR_INVAL);
    assert_int_equal(join_it(s, &out), ERR_NONE);
    assert_true(mfn_eq(out, t));
    assert_int_equal(scene_entry(s, s->l3, AT)->v, pte_make(s->block, flags).v);
    assert_int_equal(s->us.d.super_maps, 1);
    assert_int_equal(s->us.d.tables[2], 1);
}

/* Down to 4 KiB in one place, and all the way up again. */
static void one_block_smaller_than_the_rest(void **state)
{
    struct scene *s = *state;
    mfn_t l2 = scene_frame(s), l1 = scene_frame(s), out;
    maddr_t at = maddr_of(l2.v << PAGE_SHIFT | 7 * 8);
    mfn_t member = mfn_add(block(s, 7), 100);

    assert_int_equal(set(s, AT, pte_make(s->block, LARGE).v), ERR_NONE);
    assert_int_equal(split_it(s, l2), ERR_NONE);
    assert_int_equal(split(&s->op, at, l1), ERR_NONE);
    world_done(&s->op);
    world_audit(&s->w, "a split below a split");
    assert_int_equal(join_it(s, &out), ERR_INVAL);
    assert_int_equal(scene_update(s, l1, 100, 0), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, member, 1), ERR_NONE);
    assert_int_equal(join(&s->op, at, &out), ERR_INVAL);
    assert_int_equal(mmu_unpin(&s->op, member), ERR_NONE);
    assert_int_equal(
        scene_update(s, l1, 100, pte_make(member, KERNEL | PTE_GUEST_KERNEL).v),
        ERR_NONE);
    assert_int_equal(join(&s->op, at, &out), ERR_NONE);
    world_done(&s->op);
    assert_true(mfn_eq(out, l1));
    assert_int_equal(join_it(s, &out), ERR_NONE);
    assert_true(mfn_eq(out, l2));
}

static void splits_and_joins_refused(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s), out;
    uint64_t was;

    assert_int_equal(set(s, AT, pte_make(s->block, LARGE).v), ERR_NONE);
    assert_int_equal(split_it(s, mfn_add(block(s, 200), 3)), ERR_INVAL);
    assert_int_equal(split_it(s, s->block), ERR_INVAL);
    assert_int_equal(split_it(s, s->l3), ERR_INVAL);
    assert_int_equal(join_it(s, &out), ERR_INVAL);
    assert_int_equal(split_it(s, t), ERR_NONE);
    was = scene_entry(s, t, 511)->v;
    assert_int_equal(scene_update(s, t, 511, was & ~PTE_RW), ERR_NONE);
    assert_int_equal(join_it(s, &out), ERR_INVAL);
    assert_int_equal(scene_update(s, t, 511, 0), ERR_NONE);
    assert_int_equal(join_it(s, &out), ERR_INVAL);
    assert_int_equal(scene_update(s, t, 511, pte_make(block(s, 1), LARGE).v),
                     ERR_NONE);
    assert_int_equal(join_it(s, &out), ERR_INVAL);
    assert_int_equal(scene_update(s, t, 511, was), ERR_NONE);
    s->w.mm.pages_1g = false;
    assert_int_equal(join_it(s, &out), ERR_INVAL);
    s->w.mm.pages_1g = true;
    s->us.d.superpages = SUPERPAGES_OFF;
    assert_int_equal(join_it(s, &out), ERR_INVAL);
    s->us.d.superpages = SUPERPAGES_REQUIRE;
    /* Another entry needs the table: it stays. */
    assert_int_equal(set(s, AT + 1, pte_make(t, KERNEL).v), ERR_NONE);
    assert_int_equal(join_it(s, &out), ERR_NONE);
    assert_int_equal(supers(s, 8), 2);
    assert_int_equal(heal(&s->op, maddr_of(entry(s).v + 8), &out, &out),
                     ERR_INVAL); /* not at this level */
    world_done(&s->op);
}

/* Interrupted at every look at the clock, up and down. */
static void tables_full_of_them_go_up_and_down(void **state)
{
    struct scene *s = *state;
    mfn_t l3 = scene_frame(s);
    unsigned restarts = 0;
    enum err rc;

    for (unsigned i = 0; i < 5; i++)
        *scene_entry(s, l3, i * 100) = pte_make(s->block, LARGE);
    host_preempt_every(1);
    do {
        rc = mmu_pin(&s->op, l3, 3);
        restarts += rc == ERR_RESTART;
        world_audit(&s->w, "part of a validation");
    } while (rc == ERR_RESTART);
    assert_int_equal(rc, ERR_NONE);
    assert_int_equal(restarts, 4); /* between any two of the entries */
    assert_int_equal(supers(s, 9), 5);
    assert_int_equal(mmu_unpin(&s->op, l3), ERR_NONE);
    while (type_finish_deferred(&s->op) == ERR_RESTART)
        world_audit(&s->w, "part of a demotion");
    host_preempt_at(0);
    assert_int_equal(supers(s, 9), 0);
    /* The third is refused: the two before are let go. */
    scene_entry(s, l3, 200)->v |= PTE_G;
    assert_int_equal(mmu_pin(&s->op, l3, 3), ERR_INVAL);
    assert_int_equal(supers(s, 9), 0);
}

/* A join at L3 that cannot finish the table it leaves. */
static void an_interrupted_join_is_a_join(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s), out;

    assert_int_equal(set(s, AT, pte_make(s->block, LARGE).v), ERR_NONE);
    assert_int_equal(split_it(s, t), ERR_NONE);
    host_preempt_every(3);
    assert_int_equal(join_it(s, &out), ERR_NONE);
    assert_true(type_has_deferred(&s->op));
    host_preempt_at(0);
    assert_int_equal(type_finish_deferred(&s->op), ERR_NONE);
    assert_int_equal(supers(s, 511), 1);
    assert_int_equal(s->us.d.super_maps, 1);
}

/* A self-map shows a large entry one level lower than it is. */
static void seen_through_a_linear_entry(void **state)
{
    struct scene *s = *state;
    const uint64_t self = UINT64_C(9) << REGION_SHIFT;
    uint64_t *at;

    assert_int_equal(set(s, AT, pte_make(s->block, LARGE).v), ERR_NONE);
    assert_int_equal(set(s, 9, pte_make(s->l3, READ).v), ERR_NONE);
    at = simtlb_access(&s->us.d, 0, s->l4, self + AT * BLOCK_SIZE, false);
    assert_ptr_equal(at, mm_frame_ptr(&s->w.mm, s->block));
    assert_null(
        simtlb_access(&s->us.d, 0, s->l4, self + AT * BLOCK_SIZE, true));
    assert_int_equal(mmu_update_va(&s->op, self + AT * BLOCK_SIZE, 0),
                     ERR_INVAL);
    assert_int_equal(set(s, AT, 0), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, s->block, 1), ERR_NONE);
    world_audit(&s->w, "its first frame is a table");
    assert_int_equal(set(s, 9, 0), ERR_NONE);
}

static void regions_are_given_and_taken(void **state)
{
    struct scene *s = *state;
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    uint64_t free = alloc_stats(&s->w.mm).free;
    blk_t b;

    assert_int_equal(dmem_region_get_dirty(&op, &b), ERR_NOMEM);
    assert_int_equal(alloc_stats(&s->w.mm).free, free);
    assert_int_equal(s->them.d.blocks, 0);
    for (unsigned i = 0; i < REGION_BLOCKS; i++)
        assert_int_equal(reservation_decrease(&s->op, block(s, i), 9),
                         ERR_NONE);
    world_done(&s->op);
    assert_int_equal(alloc_claim(&s->w.mm, REGION_BLOCKS), ERR_NONE);
    s->them.d.claim = REGION_BLOCKS;
    assert_int_equal(dmem_region_get_dirty(&op, &b), ERR_NONE);
    assert_int_equal(s->them.d.claim, 0);
    assert_int_equal(mfn_of_blk(b).v, s->block.v);
    *(char *)mm_frame_ptr(&s->w.mm, s->block) = 'x';
    dmem_block_scrub(&op, b);
    assert_int_equal(*(char *)mm_frame_ptr(&s->w.mm, s->block), 0);
    assert_int_equal(set(s, AT, pte_make(s->block, LARGE).v), ERR_INVAL);
    world_audit(&s->w, "the region is theirs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_1g(one_entry_maps_it_all),
        test_1g(what_is_no_region_of_ours_is_refused),
        test_1g(all_blocks_or_none),
        test_1g(members_are_held_by_it),
        test_1g(a_table_is_no_region_and_the_other_way_round),
        test_1g(translations_do_not_outlive_it),
        test_1g(split_and_join),
        test_1g(one_block_smaller_than_the_rest),
        test_1g(splits_and_joins_refused),
        test_1g(tables_full_of_them_go_up_and_down),
        test_1g(an_interrupted_join_is_a_join),
        test_1g(seen_through_a_linear_entry),
        test_1g(regions_are_given_and_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
