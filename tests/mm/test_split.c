/* SPDX-License-Identifier: MIT */
/*
 * test_split.c: a large entry into a table of small ones and back: what is
 * mapped stays the same, what is refused changes nothing, every count is
 * recomputed, and no translation outlives what it was made from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flagstone/flagstone.h"
#include "mm/alloc/frame.h"
#include "mm/alloc/m2p.h"
#include "mm/alloc/range.h"
#include "mm/pv/split.h"
#include "mm/pv/supply.h"
#include "port.h"
#include "scene.h"
#include "simtlb.h"

#define LARGE (KERNEL | PTE_PSE)
#define AT    5 /* of the L2: virtual address 10 MiB */
#define VA    (UINT64_C(5) << BLOCK_SHIFT)

static maddr_t entry_at(struct scene *s, mfn_t table, unsigned i)
{
    (void)s;
    return maddr_of(table.v << PAGE_SHIFT | i * sizeof(pte_t));
}

static enum err split_it(struct scene *s, mfn_t table)
{
    enum err rc = split(&s->op, entry_at(s, s->l2, AT), table);

    world_done(&s->op);
    world_audit(&s->w, "split");
    return rc;
}

static enum err join_it(struct scene *s, mfn_t *table)
{
    enum err rc = join(&s->op, entry_at(s, s->l2, AT), table);

    world_done(&s->op);
    world_audit(&s->w, "join");
    return rc;
}

static uint64_t word_of_frame(struct scene *s, mfn_t m)
{
    struct frame f = frame_held(&s->w.mm, m);

    return frame_word(&f);
}

static uint64_t block_word_of(struct scene *s, mfn_t m)
{
    return mm_block(&s->w.mm, blk_of_mfn(m))->word;
}

static void map_large(struct scene *s, uint64_t flags)
{
    assert_int_equal(scene_update(s, s->l2, AT, pte_make(s->block, flags).v),
                     ERR_NONE);
}

static void *touch(struct scene *s, uint64_t va, bool write)
{
    return simtlb_access(&s->us.d, 0, s->l4, va, write);
}

/* --- split ---------------------------------------------------------------- */

static void the_table_maps_what_the_entry_did(void **state)
{
    const uint64_t some = PTE_NX | BIT(9) | BIT(58) | PTE_A;
    struct scene *s = *state;
    mfn_t t = scene_frame(s);

    map_large(s, LARGE | some);
    assert_int_equal(split_it(s, t), ERR_NONE);
    assert_int_equal(scene_entry(s, s->l2, AT)->v,
                     pte_make(t, KERNEL | PTE_A).v);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        assert_int_equal(
            scene_entry(s, t, i)->v,
            pte_make(mfn_add(s->block, i), KERNEL | some | PTE_GUEST_KERNEL).v);
    assert_int_equal(s->us.d.super_maps, 0);
    assert_int_equal(s->us.d.tables[1], 2);
    assert_int_equal(block_super(block_word_of(s, s->block)), 0);
    assert_int_equal(frame_refs(word_of_frame(s, s->block)), 2);
    assert_int_equal(frame_count(word_of_frame(s, s->block)), 1);
    assert_int_equal(frame_type(word_of_frame(s, t)), FRAME_L1);
    assert_int_equal(scene_update(s, s->l2, AT, 0), ERR_NONE);
    assert_int_equal(s->us.d.tables[1], 1);
}

static void read_only_stays_so_and_lets_types_be(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s);

    map_large(s, READ | PTE_PSE);
    assert_int_equal(split_it(s, t), ERR_NONE);
    assert_false(scene_entry(s, t, 0)->v & PTE_RW);
    assert_null(touch(s, VA, true));
    assert_non_null(touch(s, VA, false));
    assert_int_equal(frame_count(word_of_frame(s, s->block)), 0);
    assert_int_equal(mmu_pin(&s->op, mfn_add(s->block, 3), 1), ERR_NONE);
    world_done(&s->op);
    world_audit(&s->w, "a member pinned");
    assert_int_equal(mmu_unpin(&s->op, mfn_add(s->block, 3)), ERR_NONE);
}

static void accessed_and_dirty_are_kept(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s);
    char *at;

    map_large(s, LARGE);
    at = touch(s, VA + 12345, true);
    assert_non_null(at);
    *at = 'x';
    assert_int_equal(split_it(s, t), ERR_NONE);
    assert_true(pte_has(*scene_entry(s, t, 77), PTE_A | PTE_D));
    assert_ptr_equal(touch(s, VA + 12345, false), at);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        scene_entry(s, t, i)->v &= ~(PTE_A | PTE_D);
    simtlb_flush_all();
    assert_int_equal(join_it(s, &t), ERR_NONE);
    assert_false(scene_entry(s, s->l2, AT)->v & (PTE_A | PTE_D));
    assert_int_equal(split_it(s, t), ERR_NONE);
    assert_non_null(touch(s, VA + 99 * PAGE_SIZE, true));
    assert_int_equal(join_it(s, &t), ERR_NONE);
    assert_true(pte_has(*scene_entry(s, s->l2, AT), PTE_A | PTE_D));
}

static void a_mapping_beside_is_left_alone(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s);

    map_large(s, LARGE);
    assert_int_equal(
        scene_update(s, s->l2, AT + 1, pte_make(s->block, LARGE).v), ERR_NONE);
    assert_int_equal(split_it(s, t), ERR_NONE);
    assert_int_equal(block_super(block_word_of(s, s->block)), 1);
    assert_int_equal(s->us.d.super_maps, 1);
    assert_int_equal(mmu_pin(&s->op, mfn_add(s->block, 3), 1), ERR_INVAL);
    assert_int_equal(join_it(s, &t), ERR_NONE);
    assert_int_equal(s->us.d.super_maps, 2);
}

/* All of what a guest could change by a call that is refused. */
struct before {
    uint64_t l2[PT_ENTRIES], table[PT_ENTRIES];
    uint64_t block, super_maps, tables, pages, refs;
};

static struct before *look(struct scene *s, mfn_t table)
{
    struct before *b = calloc(1, sizeof(*b));

    memcpy(b->l2, scene_entry(s, s->l2, 0), PAGE_SIZE);
    if (mm_mfn_valid(&s->w.mm, table))
        memcpy(b->table, scene_entry(s, table, 0), PAGE_SIZE);
    b->block = block_word_of(s, s->block) & ~BLOCK_STALE_EXCL;
    b->super_maps = s->us.d.super_maps;
    b->tables = s->us.d.tables[1];
    b->pages = s->us.d.tot_pages;
    return b;
}

static void same(struct scene *s, mfn_t table, struct before *was)
{
    struct before *now = look(s, table);

    assert_memory_equal(was, now, sizeof(*was));
    free(was);
    free(now);
}

static void split_refused(struct scene *s, maddr_t entry, mfn_t table)
{
    struct before *b = look(s, table);

    assert_int_equal(split(&s->op, entry, table), ERR_INVAL);
    world_done(&s->op);
    world_audit(&s->w, "a split refused");
    same(s, table, b);
}

static void no_such_entry(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s);
    const maddr_t at = entry_at(s, s->l2, AT);

    map_large(s, LARGE);
    split_refused(s, maddr_of(at.v + 1), t);
    split_refused(s, maddr_of(at.v + 4), t);
    split_refused(s, maddr_of(at.v + 8), t);    /* absent */
    split_refused(s, entry_at(s, s->l2, 0), t); /* a table */
    split_refused(s, entry_at(s, s->l1, 0), t); /* a page */
    split_refused(s, entry_at(s, s->l3, 0), t);
    split_refused(s, entry_at(s, s->l4, 0), t);
    split_refused(s, entry_at(s, s->l4, 256), t);
    split_refused(s, entry_at(s, s->data, 0), t); /* no table */
    split_refused(s, entry_at(s, s->foreign, 0), t);
    split_refused(s, maddr_of(0), t);
    split_refused(s, maddr_of(~UINT64_C(0)), t);
    split_refused(s, maddr_of(~UINT64_C(7)), t);
    split_refused(s, maddr_of(s->w.mm.nr_frames << PAGE_SHIFT), t);
}

static void no_such_table(void **state)
{
    struct scene *s = *state;
    maddr_t at = entry_at(s, s->l2, AT);
    mfn_t t = scene_frame(s), gone = scene_frame(s);

    map_large(s, LARGE);
    assert_int_equal(dmem_frame_put(&s->op, gone), ERR_NONE);
    world_done(&s->op);
    split_refused(s, at, s->block);
    split_refused(s, at, mfn_add(s->block, 511));
    split_refused(s, at, s->foreign);
    split_refused(s, at, s->l1);
    split_refused(s, at, s->l2);
    split_refused(s, at, s->l4);
    split_refused(s, at, s->data); /* mapped writable */
    split_refused(s, at, gone);
    split_refused(s, at, mfn_of(7));
    split_refused(s, at, mfn_of(s->w.mm.nr_frames));
    split_refused(s, at, MFN_NONE);
    assert_int_equal(scene_update(s, s->l1, 1, pte_make(t, READ).v), ERR_NONE);
    assert_int_equal(split_it(s, t), ERR_NONE); /* read-only is no harm */
}

static void a_partial_table_is_no_table(void **state)
{
    struct scene *s = *state;
    mfn_t l2 = scene_frame(s), l1 = scene_frame(s), t = scene_frame(s);

    *scene_entry(s, l2, 0) = pte_make(s->block, LARGE);
    *scene_entry(s, l2, 1) = pte_make(l1, KERNEL);
    host_preempt_at(1);
    assert_int_equal(mmu_pin(&s->op, l2, 2), ERR_RESTART);
    host_preempt_at(0);
    split_refused(s, entry_at(s, l2, 0), t);
    split_refused(s, entry_at(s, l2, 0), l2);
    assert_int_equal(mmu_pin(&s->op, l2, 2), ERR_NONE);
    assert_int_equal(split(&s->op, entry_at(s, l2, 0), t), ERR_NONE);
    world_done(&s->op);
    assert_int_equal(mmu_unpin(&s->op, l2), ERR_NONE);
}

static void a_full_count_is_refused(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s);
    struct frame f;

    map_large(s, LARGE);
    assert_int_equal(split_it(s, t), ERR_NONE); /* the words exist now */
    assert_int_equal(join_it(s, &t), ERR_NONE);
    f = frame_held(&s->w.mm, mfn_add(s->block, 300));
    atomic_fetch_add(frame_word_ptr(&f), BIT(21));
    assert_int_equal(split(&s->op, entry_at(s, s->l2, AT), t), ERR_INVAL);
    atomic_fetch_sub(frame_word_ptr(&f), BIT(21));
    assert_int_equal(split_it(s, t), ERR_NONE);
}

static void each_allocation_can_fail(void **state)
{
    struct scene *s = *state;
    mfn_t t;
    blk_t b;

    /* Neither block has frame words yet. */
    assert_int_equal(dmem_block_get(&s->op, &b), ERR_NONE);
    t = mfn_of_blk(b);
    map_large(s, LARGE);
    for (unsigned nth = 1; nth <= 2; nth++) {
        struct before *was = look(s, t);

        s->w.mm.alloc.fail_in = nth;
        assert_int_equal(split(&s->op, entry_at(s, s->l2, AT), t), ERR_NOMEM);
        assert_int_equal(s->w.mm.alloc.fail_in, 0);
        world_done(&s->op);
        world_audit(&s->w, "a split without memory");
        same(s, t, was);
        if (nth == 1)
            assert_int_equal(s->us.d.frame_tables, 1);
        (void)frame_trim(&s->w.mm, s->w.mm.nr_blocks);
    }
    assert_int_equal(split_it(s, t), ERR_NONE);
}

/* --- join ----------------------------------------------------------------- */

static void join_undoes_split(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s), out = MFN_NONE;
    uint64_t before;

    map_large(s, LARGE | BIT(10) | PTE_NX);
    before = scene_entry(s, s->l2, AT)->v;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(split_it(s, t), ERR_NONE);
        assert_int_equal(join_it(s, &out), ERR_NONE);
        assert_true(mfn_eq(out, t));
        assert_int_equal(scene_entry(s, s->l2, AT)->v, before);
        assert_int_equal(frame_refs(word_of_frame(s, t)), 1);
        assert_int_equal(frame_refs(word_of_frame(s, s->block)), 1);
        assert_int_equal(s->us.d.super_maps, 1);
        assert_int_equal(s->us.d.tables[1], 1);
    }
    /* The table may be an ordinary page at once, without a stale walk. */
    assert_int_equal(scene_update(s, s->l1, 2, pte_make(t, KERNEL).v),
                     ERR_NONE);
    world_audit(&s->w, "the table is a page");
}

static void join_refused(struct scene *s, maddr_t entry, mfn_t table,
                         enum err want)
{
    struct before *b = look(s, table);
    mfn_t out;

    assert_int_equal(join(&s->op, entry, &out), want);
    world_done(&s->op);
    world_audit(&s->w, "a join refused");
    same(s, table, b);
}

static void what_is_not_one_block_is_not_joined(void **state)
{
    static const uint64_t flips[] = {PTE_RW, PTE_NX, PTE_US, BIT(9), BIT(58)};
    struct scene *s = *state;
    mfn_t t = scene_frame(s), other = scene_frame(s);
    maddr_t at = entry_at(s, s->l2, AT);

    map_large(s, LARGE);
    join_refused(s, at, t, ERR_INVAL); /* large already */
    assert_int_equal(split_it(s, t), ERR_NONE);
    for (unsigned k = 0; k < 3; k++) {
        unsigned i = k * 255 + (k == 2);
        uint64_t was = scene_entry(s, t, i)->v;

        for (unsigned f = 0; f < ARRAY_SIZE(flips); f++) {
            uint64_t to = was ^ flips[f];

            if (flips[f] == PTE_US) /* read back as it was: adjusted */
                to = was ^ PTE_GUEST_KERNEL;
            assert_int_equal(scene_update(s, t, i, to), ERR_NONE);
            join_refused(s, at, t, ERR_INVAL);
            assert_int_equal(scene_update(s, t, i, was), ERR_NONE);
        }
        assert_int_equal(scene_update(s, t, i, 0), ERR_NONE);
        join_refused(s, at, t, ERR_INVAL);
        assert_int_equal(scene_update(s, t, i, pte_make(other, KERNEL).v),
                         ERR_NONE);
        join_refused(s, at, t, ERR_INVAL);
        assert_int_equal(scene_update(s, t, i, was), ERR_NONE);
    }
    join_refused(s, entry_at(s, s->l2, 0), s->l1, ERR_INVAL);
    join_refused(s, entry_at(s, s->l2, AT + 1), t, ERR_INVAL);
    join_refused(s, entry_at(s, s->l1, 0), t, ERR_INVAL);
    join_refused(s, entry_at(s, s->l3, 0), t, ERR_INVAL);
    join_refused(s, entry_at(s, s->l4, 0), t, ERR_INVAL);
    join_refused(s, maddr_of(at.v + 2), t, ERR_INVAL);
    join_refused(s, maddr_of(~UINT64_C(7)), t, ERR_INVAL);
    assert_int_equal(join_it(s, &t), ERR_NONE);
}

/* 512 frames in order, but not from the start of a block. */
static void an_unaligned_span_is_not_joined(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s);

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        *scene_entry(s, t, i) =
            pte_make(mfn_add(s->block, (i + 1) % 512), KERNEL);
    assert_int_equal(scene_update(s, s->l2, AT, pte_make(t, KERNEL).v),
                     ERR_NONE);
    join_refused(s, entry_at(s, s->l2, AT), t, ERR_INVAL);
}

static void linear_entries_are_no_tables_below(void **state)
{
    struct scene *s = *state;

    assert_int_equal(scene_update(s, s->l2, 9, pte_make(s->l2, READ).v),
                     ERR_NONE);
    join_refused(s, entry_at(s, s->l2, 9), s->l2, ERR_INVAL);
    split_refused(s, entry_at(s, s->l2, 9), s->data);
    assert_int_equal(scene_update(s, s->l2, 9, 0), ERR_NONE);
}

static void holes_and_types_keep_a_block_small(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s), l1 = mfn_add(s->block, 9);
    maddr_t at = entry_at(s, s->l2, AT);

    map_large(s, READ | PTE_PSE);
    assert_int_equal(split_it(s, t), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, l1, 1), ERR_NONE);
    join_refused(s, at, t, ERR_BUSY);
    assert_int_equal(mmu_unpin(&s->op, l1), ERR_NONE);
    s->us.d.superpages = SUPERPAGES_OFF;
    join_refused(s, at, t, ERR_INVAL);
    s->us.d.superpages = SUPERPAGES_REQUIRE;
    /* Given up, but this table still refers to it. */
    assert_int_equal(dmem_frame_put(&s->op, mfn_add(s->block, 5)), ERR_NONE);
    join_refused(s, at, t, ERR_BUSY);
}

static void the_block_must_have_room_for_a_mapping(void **state)
{
    struct scene *s = *state;
    struct block *b = mm_block(&s->w.mm, blk_of_mfn(s->block));
    mfn_t t = scene_frame(s);
    enum err rc;

    map_large(s, LARGE);
    assert_int_equal(split_it(s, t), ERR_NONE);
    atomic_fetch_add(&b->word, BLOCK_SUPER_MAX);
    rc = join(&s->op, entry_at(s, s->l2, AT), &t);
    atomic_fetch_sub(&b->word, BLOCK_SUPER_MAX);
    assert_int_equal(rc, ERR_BUSY);
}

/* Several entries and a pin refer to one table; each is joined by itself. */
static void a_shared_table_stays_for_the_others(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s), out;

    map_large(s, LARGE);
    assert_int_equal(split_it(s, t), ERR_NONE);
    assert_int_equal(scene_update(s, s->l2, AT + 1, pte_make(t, READ).v),
                     ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, t, 1), ERR_NONE);
    assert_int_equal(join_it(s, &out), ERR_NONE);
    assert_int_equal(frame_count(word_of_frame(s, t)), 2);
    assert_int_equal(join(&s->op, entry_at(s, s->l2, AT + 1), &out), ERR_NONE);
    world_done(&s->op);
    world_audit(&s->w, "the second join");
    assert_int_equal(scene_entry(s, s->l2, AT + 1)->v & PTE_RW, 0);
    assert_int_equal(frame_count(word_of_frame(s, t)), 1);
    assert_int_equal(block_super(block_word_of(s, s->block)), 2);
    assert_int_equal(mmu_unpin(&s->op, t), ERR_NONE);
    world_audit(&s->w, "the pin has gone");
}

/* What restore leaves: the rights in the L2 entry, all of them below. */
static void what_either_level_forbids_is_forbidden(void **state)
{
    struct scene *s = *state;
    mfn_t t, out;
    const uint64_t above = READ | PTE_NX | BIT(9) | FLAGSTONE_PTE_SHATTERED;

    assert_int_equal(supply_get(&s->op, &t), ERR_NONE);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        *scene_entry(s, t, i) = pte_make(mfn_add(s->block, i), KERNEL);
    assert_int_equal(scene_update(s, s->l2, AT, pte_make(t, above).v),
                     ERR_NONE);
    assert_int_equal(scene_update(s, s->l2, AT + 1, pte_make(t, KERNEL).v),
                     ERR_NONE);
    m2p_set(&s->w.mm, s->block, pfn_of(1024), BLOCK_FRAMES);
    assert_int_equal(
        range_add(&s->us.d, (struct range){pfn_of(1024), RANGE_SHATTERED}),
        ERR_NONE);
    assert_int_equal(join_it(s, &out), ERR_NONE);
    assert_true(mfn_eq(out, t)); /* the other entry needs it */
    assert_int_equal(scene_entry(s, s->l2, AT)->v & ~(PTE_A | PTE_D),
                     pte_make(s->block, READ | PTE_PSE | PTE_NX | BIT(9)).v);
    assert_int_equal(range_count(&s->us.d, RANGE_SHATTERED), 0);
    assert_int_equal(join(&s->op, entry_at(s, s->l2, AT + 1), &out), ERR_NONE);
    world_done(&s->op);
    assert_true(mfn_eq(out, MFN_NONE));
    assert_int_equal(s->us.d.supplied, 0);
    assert_int_equal(scene_entry(s, s->l2, AT + 1)->v & ~(PTE_A | PTE_D),
                     pte_make(s->block, LARGE).v);
    world_audit(&s->w, "the supplied table is given back");
}

/* Stale translations of either size must not survive a change of type. */
static void translations_do_not_outlive_the_change(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s), member = mfn_add(s->block, 4);

    map_large(s, LARGE);
    assert_non_null(touch(s, VA + 4 * PAGE_SIZE, true));
    assert_int_equal(split_it(s, t), ERR_NONE);
    assert_int_equal(scene_update(s, t, 4, 0), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, member, 1), ERR_NONE);
    world_audit(&s->w, "a member is a page table");
    assert_null(touch(s, VA + 4 * PAGE_SIZE, true));
    assert_int_equal(mmu_unpin(&s->op, member), ERR_NONE);
    assert_int_equal(
        scene_update(s, t, 4, pte_make(member, KERNEL | PTE_GUEST_KERNEL).v),
        ERR_NONE);
    assert_non_null(touch(s, VA + 4 * PAGE_SIZE, true));
    assert_non_null(touch(s, VA + 5 * PAGE_SIZE, true));
    assert_int_equal(join_it(s, &t), ERR_NONE);
    assert_int_equal(scene_update(s, s->l2, AT, 0), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, mfn_add(s->block, 5), 1), ERR_NONE);
    world_audit(&s->w, "a member of the joined block is a page table");
    assert_int_equal(mmu_unpin(&s->op, mfn_add(s->block, 5)), ERR_NONE);
}

/* SDM vol. 3, 4.10.2.3: not two sizes for one address at a time. */
static void no_translation_of_either_size_is_left(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s);

    map_large(s, LARGE);
    assert_non_null(touch(s, VA, false));
    assert_int_equal(split_it(s, t), ERR_NONE);
    assert_int_equal(simtlb_cached(), 0);
    assert_non_null(touch(s, VA, false));
    assert_non_null(touch(s, VA + PAGE_SIZE, true));
    assert_int_equal(join_it(s, &t), ERR_NONE);
    assert_int_equal(simtlb_cached(), 0);
}

/* Another CPU writes through what it has cached until it is flushed. */
static pte_t *written;

static void write_elsewhere(struct mm_domain *d)
{
    (void)d;
    written->v |= PTE_A | PTE_D;
}

static void what_is_written_meanwhile_is_dirty(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s), out;

    map_large(s, LARGE);
    assert_int_equal(split_it(s, t), ERR_NONE);
    written = scene_entry(s, t, 400);
    host_before_flush = write_elsewhere;
    assert_int_equal(join(&s->op, entry_at(s, s->l2, AT), &out), ERR_NONE);
    host_before_flush = NULL;
    assert_true(pte_has(*scene_entry(s, s->l2, AT), PTE_A | PTE_D));
}

/* Others wait where the entry is absent by the count, and nowhere else. */
static struct {
    const pte_t *entry;
    unsigned times;
} absent;

static void look_at_the_count(struct mm_domain *d)
{
    const bool is = !pte_present(*absent.entry);

    assert_int_equal(d->absent & 1, is);
    absent.times += is;
}

static void the_count_is_odd_while_it_is_absent(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s), out;
    uint32_t before;

    map_large(s, LARGE);
    absent.entry = scene_entry(s, s->l2, AT);
    absent.times = 0;
    before = s->us.d.absent;
    host_before_flush = look_at_the_count;
    assert_int_equal(split_it(s, t), ERR_NONE);
    assert_int_equal(join_it(s, &out), ERR_NONE);
    assert_int_equal(scene_update(s, s->l2, AT, pte_make(t, KERNEL).v),
                     ERR_NONE);
    map_large(s, LARGE);
    host_before_flush = NULL;
    assert_int_equal(absent.times, 4);
    assert_int_equal(s->us.d.absent, before + 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(the_table_maps_what_the_entry_did),
        scene_test(read_only_stays_so_and_lets_types_be),
        scene_test(accessed_and_dirty_are_kept),
        scene_test(a_mapping_beside_is_left_alone),
        scene_test(no_such_entry),
        scene_test(no_such_table),
        scene_test(a_partial_table_is_no_table),
        scene_test(a_full_count_is_refused),
        scene_test(each_allocation_can_fail),
        scene_test(join_undoes_split),
        scene_test(what_is_not_one_block_is_not_joined),
        scene_test(an_unaligned_span_is_not_joined),
        scene_test(linear_entries_are_no_tables_below),
        scene_test(holes_and_types_keep_a_block_small),
        scene_test(the_block_must_have_room_for_a_mapping),
        scene_test(a_shared_table_stays_for_the_others),
        scene_test(what_either_level_forbids_is_forbidden),
        scene_test(translations_do_not_outlive_the_change),
        scene_test(no_translation_of_either_size_is_left),
        scene_test(what_is_written_meanwhile_is_dirty),
        scene_test(the_count_is_odd_while_it_is_absent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
