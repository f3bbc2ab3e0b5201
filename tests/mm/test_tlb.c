/* SPDX-License-Identifier: MIT */
/*
 * test_tlb.c: what a guest keeps cached while it changes its memory without
 * flushing (XSA-401, -408). Each story runs twice: on a machine whose TLBs
 * hear of flushes nothing must be wrong, and on one whose TLBs are deaf the
 * checks must say so, which proves that they can fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port.h"
#include "scene.h"
#include "simtlb.h"

#include "mm/pv/split.h"

#define VA_L1(i) ((uint64_t)(i) << 12)
#define VA_L2(i) ((uint64_t)(i) << 21)

static void done(struct scene *s, enum err rc)
{
    world_done(&s->op);
    assert_int_equal(rc, ERR_NONE);
}

static void set(struct scene *s, mfn_t table, unsigned i, uint64_t val)
{
    assert_int_equal(scene_update(s, table, i, val), ERR_NONE);
}

static void *touch(struct scene *s, uint64_t va, bool write)
{
    return simtlb_access(&s->us.d, 0, s->l4, va, write);
}

/* Map m writable at VA_L1(i), write there, unmap, and flush nothing. */
static void leave_writable(struct scene *s, unsigned i, mfn_t m)
{
    set(s, s->l1, i, pte_make(m, KERNEL).v);
    assert_non_null(touch(s, VA_L1(i), true));
    memset(mm_frame_ptr(&s->w.mm, m), 0, PAGE_SIZE);
    set(s, s->l1, i, 0);
}

/* Use t as an L1 table for VA_L2(i), walk through it, and take it away. */
static void leave_linked(struct scene *s, unsigned i, mfn_t t)
{
    *scene_entry(s, t, 0) = pte_make(s->data, READ);
    set(s, s->l2, i, pte_make(t, KERNEL).v);
    assert_non_null(touch(s, VA_L2(i), false));
    set(s, s->l2, i, 0);
}

static void leave_super(struct scene *s, unsigned i)
{
    set(s, s->l2, i, pte_make(s->block, KERNEL | PTE_PSE).v);
    assert_non_null(touch(s, VA_L2(i) + 77 * PAGE_SIZE, true));
    set(s, s->l2, i, 0);
}

/* --- the stories --------------------------------------------------------- */

static void writable_becomes_table(struct scene *s)
{
    mfn_t f = scene_frame(s);

    leave_writable(s, 1, f);
    done(s, mmu_pin(&s->op, f, 1));
}

static void writable_becomes_read_only_and_table(struct scene *s)
{
    mfn_t f = scene_frame(s);

    set(s, s->l1, 1, pte_make(f, KERNEL).v);
    assert_non_null(touch(s, VA_L1(1), true));
    set(s, s->l1, 1, pte_make(f, READ).v);
    done(s, mmu_pin(&s->op, f, 1));
}

static void writable_becomes_entry_of_a_table(struct scene *s)
{
    mfn_t f = scene_frame(s);

    leave_writable(s, 1, f);
    set(s, s->l2, 1, pte_make(f, KERNEL).v);
}

static void writable_becomes_descriptors(struct scene *s)
{
    mfn_t f = scene_frame(s);

    leave_writable(s, 1, f);
    done(s, mmu_seg_load(&s->op, 3, f));
}

static void writable_is_given_back(struct scene *s)
{
    mfn_t f = scene_frame(s);

    leave_writable(s, 1, f);
    done(s, reservation_decrease(&s->op, f, 0));
}

static void mapped_is_given_back_then_unmapped(struct scene *s)
{
    mfn_t f = scene_frame(s);

    set(s, s->l1, 1, pte_make(f, READ).v);
    assert_non_null(touch(s, VA_L1(1), false));
    done(s, reservation_decrease(&s->op, f, 0));
    set(s, s->l1, 1, 0);
}

static void writable_is_exchanged(struct scene *s)
{
    mfn_t f = scene_frame(s), out;
    pfn_t pfn = pfn_of(9);
    struct reservation_exchange x = {
        .in = &f, .out = &out, .out_pfn = &pfn, .n_in = 1, .n_out = 1};

    leave_writable(s, 1, f);
    done(s, reservation_exchange(&s->op, &x));
}

static void linked_becomes_writable(struct scene *s)
{
    mfn_t t = scene_frame(s);

    leave_linked(s, 1, t);
    leave_writable(s, 1, t);
}

static void linked_is_written_by_update(struct scene *s)
{
    mfn_t t = scene_frame(s);

    leave_linked(s, 1, t);
    set(s, t, 0, ~UINT64_C(0)); /* of no type now: any value goes */
}

static void linked_is_cleared(struct scene *s)
{
    mfn_t t = scene_frame(s);

    leave_linked(s, 1, t);
    done(s, mmu_clear_page(&s->op, t));
}

static void linked_becomes_table_of_another_level(struct scene *s)
{
    mfn_t t = scene_frame(s), low = scene_frame(s);

    leave_linked(s, 1, t);
    set(s, t, 0, pte_make(low, KERNEL).v);
    done(s, mmu_pin(&s->op, t, 2));
}

static void linked_is_given_back(struct scene *s)
{
    mfn_t t = scene_frame(s);

    leave_linked(s, 1, t);
    done(s, reservation_decrease(&s->op, t, 0));
}

/* What the cached walk ends in becomes a table; the walk's table is idle. */
static void linked_leads_to_new_table(struct scene *s)
{
    mfn_t t = scene_frame(s), f = scene_frame(s);

    *scene_entry(s, t, 1) = pte_make(f, KERNEL);
    leave_linked(s, 1, t);
    done(s, mmu_pin(&s->op, f, 1));
}

static void upper_link_leads_to_new_table(struct scene *s)
{
    mfn_t l2 = scene_frame(s), l1 = scene_frame(s), f = scene_frame(s);
    uint64_t va = UINT64_C(1) << 30;

    *scene_entry(s, l1, 0) = pte_make(s->data, READ);
    *scene_entry(s, l1, 1) = pte_make(f, KERNEL);
    *scene_entry(s, l2, 0) = pte_make(l1, KERNEL);
    set(s, s->l3, 1, pte_make(l2, KERNEL).v);
    assert_non_null(touch(s, va, false));
    set(s, s->l3, 1, 0);
    done(s, mmu_pin(&s->op, f, 1));
}

static void superpage_member_becomes_table(struct scene *s)
{
    leave_super(s, 1);
    done(s, mmu_pin(&s->op, mfn_add(s->block, 77), 1));
}

static void superpage_member_becomes_descriptors(struct scene *s)
{
    leave_super(s, 1);
    done(s, mmu_seg_load(&s->op, 3, mfn_add(s->block, 77)));
}

static void superpage_is_replaced_by_table(struct scene *s)
{
    mfn_t t = mfn_add(s->block, 5);

    set(s, s->l2, 1, pte_make(s->block, KERNEL | PTE_PSE).v);
    assert_non_null(touch(s, VA_L2(1), true));
    set(s, s->l2, 1, 0);
    set(s, s->l2, 1, pte_make(t, KERNEL).v);
}

/* Remembered per frame, then per block: neither may forget the other. */
static void superpage_member_has_been_writable_too(struct scene *s)
{
    mfn_t f = mfn_add(s->block, 77);

    leave_writable(s, 1, f);
    leave_super(s, 1);
    done(s, mmu_pin(&s->op, f, 1));
}

/* One member's pin flushes; a mapping after it makes the next stale again. */
static void superpage_between_two_pins(struct scene *s)
{
    leave_super(s, 1);
    done(s, mmu_pin(&s->op, mfn_add(s->block, 1), 1));
    done(s, mmu_unpin(&s->op, mfn_add(s->block, 1)));
    leave_super(s, 2);
    done(s, mmu_pin(&s->op, mfn_add(s->block, 77), 1));
}

static void linked_member_becomes_superpage(struct scene *s)
{
    leave_linked(s, 1, mfn_add(s->block, 77));
    set(s, s->l2, 2, pte_make(s->block, KERNEL | PTE_PSE).v);
}

/* The words that knew are given back in idle time. */
static void linked_is_forgotten_and_becomes_writable(struct scene *s)
{
    mfn_t t = mfn_add(s->block, 77);

    leave_linked(s, 1, t);
    (void)frame_trim(&s->w.mm, s->w.mm.nr_blocks);
    leave_writable(s, 1, t);
}

static void writable_is_forgotten_and_becomes_table(struct scene *s)
{
    mfn_t t = mfn_add(s->block, 77);

    leave_writable(s, 1, t);
    (void)frame_trim(&s->w.mm, s->w.mm.nr_blocks);
    done(s, mmu_pin(&s->op, t, 1));
}

static void linked_is_forgotten_and_becomes_superpage(struct scene *s)
{
    leave_linked(s, 1, mfn_add(s->block, 77));
    (void)frame_trim(&s->w.mm, s->w.mm.nr_blocks);
    set(s, s->l2, 2, pte_make(s->block, KERNEL | PTE_PSE).v);
}

static void block_goes_to_another_guest(struct scene *s)
{
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    blk_t b;

    leave_super(s, 1);
    s->them.d.max_pages = s->w.mm.nr_frames; /* whatever it takes */
    done(s, reservation_decrease(&s->op, s->block, 9));
    do
        assert_int_equal(dmem_block_get(&op, &b), ERR_NONE);
    while (b.v != blk_of_mfn(s->block).v);
    world_done(&op);
}

static void frames_go_one_by_one(struct scene *s)
{
    leave_super(s, 1);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        done(s, reservation_decrease(&s->op, mfn_add(s->block, i), 0));
}

/* Time runs out while the tree goes down; what is cached still leads there. */
static void interrupted_tree_leads_to_new_table(struct scene *s)
{
    mfn_t l2 = scene_frame(s), l1 = scene_frame(s), f = scene_frame(s);

    *scene_entry(s, l1, 0) = pte_make(f, KERNEL);
    for (unsigned i = 0; i < 8; i++)
        *scene_entry(s, l2, i) = pte_make(l1, KERNEL);
    set(s, s->l3, 1, pte_make(l2, KERNEL).v);
    assert_non_null(touch(s, UINT64_C(1) << 30, true));
    host_preempt_at(3);
    set(s, s->l3, 1, 0);
    host_preempt_at(0);
    assert_true(type_has_deferred(&s->op));
    /* Any operation finishes it first. */
    assert_int_equal(mmu_unpin(&s->op, s->l1), ERR_INVAL);
    world_done(&s->op);
    memset(mm_frame_ptr(&s->w.mm, f), 0, PAGE_SIZE);
    done(s, mmu_pin(&s->op, f, 1));
}

/* The other way round: a refused pin was promoted in part. */
static void refused_tree_leads_to_new_table(struct scene *s)
{
    mfn_t t = scene_frame(s), f = scene_frame(s);

    *scene_entry(s, t, 0) = pte_make(f, KERNEL);
    set(s, s->l2, 1, pte_make(t, KERNEL).v);
    assert_non_null(touch(s, VA_L2(1), true));
    set(s, s->l2, 1, 0);
    memset(mm_frame_ptr(&s->w.mm, f), 0, PAGE_SIZE);
    *scene_entry(s, t, 511) = pte_make(s->foreign, READ);
    assert_int_equal(mmu_pin(&s->op, t, 1), ERR_BUSY);
    *scene_entry(s, t, 511) = pte_of(0);
    done(s, mmu_pin(&s->op, f, 1));
}

static void root_is_destroyed_by_its_owner(struct scene *s)
{
    mfn_t f = scene_frame(s), spare = scene_frame(s);

    leave_writable(s, 1, f);
    done(s, mmu_pin(&s->op, spare, 4));
    done(s, mmu_unpin(&s->op, s->l4));
    done(s, mmu_new_baseptr(&s->op, spare));
    done(s, mmu_clear_page(&s->op, s->l2));
}

/* --- pages that change their size (mm/pv/resize.h) ------------------------ */

static void fetch(struct scene *s, uint64_t va)
{
    simtlb_fetch(&s->us.d, 0, s->l4, va);
}

/* A table for VA_L2(i), all of whose entries map the data. */
static mfn_t small_table(struct scene *s)
{
    mfn_t t = scene_frame(s);

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        *scene_entry(s, t, i) = pte_make(s->data, READ);
    return t;
}

static void page_becomes_small(struct scene *s)
{
    mfn_t t = small_table(s);

    set(s, s->l2, 1, pte_make(s->block, KERNEL | PTE_PSE).v);
    fetch(s, VA_L2(1));
    set(s, s->l2, 1, pte_make(t, KERNEL).v);
    fetch(s, VA_L2(1));
}

static void page_becomes_small_by_way_of_none(struct scene *s)
{
    mfn_t t = small_table(s);

    set(s, s->l2, 1, pte_make(s->block, KERNEL | PTE_PSE).v);
    fetch(s, VA_L2(1));
    set(s, s->l2, 1, 0);
    set(s, s->l2, 1, pte_make(t, KERNEL).v);
    fetch(s, VA_L2(1));
}

static void page_becomes_large(struct scene *s)
{
    set(s, s->l2, 1, pte_make(small_table(s), KERNEL).v);
    fetch(s, VA_L2(1));
    set(s, s->l2, 1, pte_make(s->block, KERNEL | PTE_PSE).v);
    fetch(s, VA_L2(1));
}

static void page_becomes_large_by_way_of_none(struct scene *s)
{
    set(s, s->l2, 1, pte_make(small_table(s), KERNEL).v);
    fetch(s, VA_L2(1));
    set(s, s->l2, 1, 0);
    set(s, s->l2, 1, pte_make(s->block, KERNEL | PTE_PSE).v);
    fetch(s, VA_L2(1));
}

static void page_is_split(struct scene *s)
{
    maddr_t entry = maddr_of((s->l2.v << PAGE_SHIFT) + sizeof(pte_t));

    set(s, s->l2, 1, pte_make(s->block, KERNEL | PTE_PSE).v);
    fetch(s, VA_L2(1));
    done(s, split(&s->op, entry, scene_frame(s)));
    fetch(s, VA_L2(1));
}

static void pages_are_joined(struct scene *s)
{
    mfn_t t = scene_frame(s), left;
    maddr_t entry = maddr_of((s->l2.v << PAGE_SHIFT) + sizeof(pte_t));

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        *scene_entry(s, t, i) = pte_make(mfn_add(s->block, i), KERNEL);
    set(s, s->l2, 1, pte_make(t, KERNEL).v);
    fetch(s, VA_L2(1));
    done(s, join(&s->op, entry, &left));
    fetch(s, VA_L2(1));
}

/* The entry that changes is two levels above. */
static void table_of_large_pages_becomes_one_of_small(struct scene *s)
{
    mfn_t large = scene_frame(s), small = scene_frame(s);
    uint64_t va = UINT64_C(1) << 30;

    *scene_entry(s, large, 0) = pte_make(s->block, KERNEL | PTE_PSE);
    *scene_entry(s, small, 0) = pte_make(small_table(s), KERNEL);
    set(s, s->l3, 1, pte_make(large, KERNEL).v);
    fetch(s, va);
    set(s, s->l3, 1, pte_make(small, KERNEL).v);
    fetch(s, va);
}

static void table_of_small_pages_becomes_one_of_large(struct scene *s)
{
    mfn_t large = scene_frame(s), small = scene_frame(s);
    uint64_t va = UINT64_C(1) << 30;

    *scene_entry(s, large, 0) = pte_make(s->block, KERNEL | PTE_PSE);
    *scene_entry(s, small, 0) = pte_make(small_table(s), KERNEL);
    set(s, s->l3, 1, pte_make(small, KERNEL).v);
    fetch(s, va);
    set(s, s->l3, 1, 0);
    set(s, s->l3, 1, pte_make(large, KERNEL).v);
    fetch(s, va);
}

/* --- each of them twice -------------------------------------------------- */

typedef void story_fn(struct scene *s);

static const struct story {
    const char *name;
    story_fn *run;
} stories[] = {
#define STORY(f)                                                               \
    {                                                                          \
#f, f                                                                  \
    }
    STORY(writable_becomes_table),
    STORY(writable_becomes_read_only_and_table),
    STORY(writable_becomes_entry_of_a_table),
    STORY(writable_becomes_descriptors),
    STORY(writable_is_given_back),
    STORY(mapped_is_given_back_then_unmapped),
    STORY(writable_is_exchanged),
    STORY(linked_becomes_writable),
    STORY(linked_is_written_by_update),
    STORY(linked_is_cleared),
    STORY(linked_becomes_table_of_another_level),
    STORY(linked_is_given_back),
    STORY(linked_leads_to_new_table),
    STORY(upper_link_leads_to_new_table),
    STORY(superpage_member_becomes_table),
    STORY(superpage_member_becomes_descriptors),
    STORY(superpage_is_replaced_by_table),
    STORY(superpage_member_has_been_writable_too),
    STORY(superpage_between_two_pins),
    STORY(linked_member_becomes_superpage),
    STORY(linked_is_forgotten_and_becomes_writable),
    STORY(writable_is_forgotten_and_becomes_table),
    STORY(linked_is_forgotten_and_becomes_superpage),
    STORY(block_goes_to_another_guest),
    STORY(frames_go_one_by_one),
    STORY(interrupted_tree_leads_to_new_table),
    STORY(refused_tree_leads_to_new_table),
    STORY(root_is_destroyed_by_its_owner),
    STORY(page_becomes_small),
    STORY(page_becomes_small_by_way_of_none),
    STORY(page_becomes_large),
    STORY(page_becomes_large_by_way_of_none),
    STORY(page_is_split),
    STORY(pages_are_joined),
    STORY(table_of_large_pages_becomes_one_of_small),
    STORY(table_of_small_pages_becomes_one_of_large),
};

static void run(const struct story *story, bool deaf)
{
    const char *wrong;
    void *state;
    struct scene *s;

    scene_make(&state);
    s = state;
    host_deaf(deaf);
    story->run(s);
    host_deaf(false);
    wrong = simtlb_check(&s->w.mm);
    if (!deaf && wrong)
        fail_msg("%s: %s", story->name, wrong);
    if (deaf && !wrong)
        fail_msg("%s: nothing needed a flush", story->name);
    if (deaf)
        print_message("%s: without the flush %s\n", story->name, wrong);
    simtlb_reset();
    scene_end(&state);
}

static void no_story_ends_in_what_is_not_the_guests(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(stories); i++)
        run(&stories[i], false);
}

static void without_flushes_every_story_does(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(stories); i++)
        run(&stories[i], true);
}

/* What need not be flushed is not: each costs the guest all it has cached. */
static void a_flush_is_done_once(void **state)
{
    struct scene *s = *state;
    mfn_t f = scene_frame(s), g = scene_frame(s);
    uint64_t before;

    set(s, s->l1, 1, pte_make(f, KERNEL).v);
    set(s, s->l1, 1, 0);
    set(s, s->l1, 1, pte_make(g, KERNEL).v);
    set(s, s->l1, 1, 0);
    memset(mm_frame_ptr(&s->w.mm, f), 0, PAGE_SIZE);
    memset(mm_frame_ptr(&s->w.mm, g), 0, PAGE_SIZE);
    before = host_flushes();
    done(s, mmu_pin(&s->op, f, 1));
    assert_int_equal(host_flushes(), before + 1);
    done(s, mmu_pin(&s->op, g, 1)); /* that flush was good for both */
    assert_int_equal(host_flushes(), before + 1);
    done(s, mmu_unpin(&s->op, g));
    done(s, mmu_pin(&s->op, g, 1)); /* the same type again */
    assert_int_equal(host_flushes(), before + 1);
}

/* The same where the block remembers. */
static void a_flush_for_a_block_is_done_once(void **state)
{
    struct scene *s = *state;
    mfn_t a = mfn_add(s->block, 5), b = mfn_add(s->block, 6);
    uint64_t before = host_flushes();

    leave_super(s, 1);
    done(s, mmu_pin(&s->op, a, 1));
    assert_int_equal(host_flushes(), before + 1);
    done(s, mmu_pin(&s->op, b, 1));
    assert_int_equal(host_flushes(), before + 1);
    done(s, mmu_unpin(&s->op, a));
    done(s, mmu_unpin(&s->op, b));
    leave_super(s, 1);
    assert_int_equal(host_flushes(), before + 2);
    leave_super(s, 2);
    assert_int_equal(host_flushes(), before + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_story_ends_in_what_is_not_the_guests),
        cmocka_unit_test(without_flushes_every_story_does),
        scene_test(a_flush_is_done_once),
        scene_test(a_flush_for_a_block_is_done_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
