/* SPDX-License-Identifier: MIT */
/*
 * A snapshot says what a domain is in its own numbers, or in one line why it
 * cannot; it takes what it needs and gives it back, stops wherever it is told
 * to and then says the same, and changes nothing.
 */
#include "numbered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/m2p.h"
#include "port.h"

static void refused(struct scene *s, struct p2m_location p2m, const char *why)
{
    uint64_t frames = alloc_stats(&s->w.mm).hv_frames;
    struct snapshot c;

    assert_int_equal(saving_snapshot(&c, &s->op, p2m, NULL), ERR_INVAL);
    assert_string_equal(c.job.why, why);
    HOST_END(snapshot_end(&c));
    assert_int_equal(alloc_stats(&s->w.mm).hv_frames, frames);
}

#define refused_saying(s, p2m, ...)                                            \
    do {                                                                       \
        char text_[160];                                                       \
        say(text_, sizeof(text_), __VA_ARGS__);                                \
        refused(s, p2m, text_);                                                \
    } while (0)

/* --- what it says -------------------------------------------------------- */

static void says_what_there_is(void **state)
{
    struct scene *s = *state;
    struct snapshot c;

    number(s);
    take(s, &c);
    assert_int_equal(c.nr_frames, s->us.d.tot_pages);
    assert_int_equal(c.nr_pfns, BLOCK_PFN + BLOCK_FRAMES);
    assert_int_equal(c.extents.nr, SMALL + 1);
    for (unsigned i = 0; i < SMALL; i++)
        assert_extent(&c, i, 10 + 2 * i, 1, 0);
    assert_extent(&c, SMALL, BLOCK_PFN, 512, EXTENT_WHOLE);
    assert_int_equal(c.tables.nr, 4);
    assert_table(&c, 0, 10, 4, 1);
    assert_table(&c, 3, 16, 1, 0);
    assert_int_equal(snapshot_mfn(&c, pfn_of(18)).v, s->data.v);
    assert_int_equal(snapshot_pfn(&c, mfn_add(s->block, 7)).v, BLOCK_PFN + 7);
    assert_int_equal(snapshot_pfn(&c, s->foreign).v, PFN_NONE.v);
    assert_int_equal(snapshot_pfn(&c, MFN_NONE).v, PFN_NONE.v);
    assert_int_equal(c.large, 0);
    HOST_END(snapshot_end(&c));
}

static void spans_end_at_multiples(void **state)
{
    struct scene *s = *state;
    struct snapshot c;

    number(s);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) /* backwards: no span */
        set_m2p(s, mfn_add(s->block, i), 500 + 511 - i);
    take(s, &c);
    assert_int_equal(c.extents.nr, SMALL + 2);
    assert_extent(&c, SMALL, 500, 12, 0);
    assert_extent(&c, SMALL + 1, 512, 500, 0);
    HOST_END(snapshot_end(&c));
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        set_m2p(s, mfn_add(s->block, i), 512 + 511 - i);
    take(s, &c);
    assert_extent(&c, SMALL, 512, 512, 0);
    HOST_END(snapshot_end(&c));
}

static void frames_of_shared_blocks(void **state)
{
    struct scene *s = *state;
    struct snapshot c;
    unsigned done;
    mfn_t m = mfn_add(s->block, 5);

    number(s);
    s->us.d.relinquish = RELINQUISH_CUT;
    assert_int_equal(dmem_frames_put(&s->op, &m, 1, &done), ERR_NONE);
    world_done(&s->op);
    assert_int_equal(block_class(mm_block(&s->w.mm, blk_of_mfn(m))->word),
                     BLOCK_SHARED);
    take(s, &c);
    assert_int_equal(c.nr_frames, s->us.d.tot_pages);
    assert_extent(&c, SMALL, BLOCK_PFN, 5, 0);
    assert_extent(&c, SMALL + 1, BLOCK_PFN + 6, 1024 - BLOCK_PFN - 6, 0);
    assert_extent(&c, SMALL + 2, 1024, BLOCK_PFN + 512 - 1024, 0);
    HOST_END(snapshot_end(&c));
}

/* --- an M2P that does not hold ------------------------------------------- */

static void refuses_wrong_m2p(void **state)
{
    struct scene *s = *state;
    uint64_t bound = 2 * s->us.d.max_pages;

    number(s);
    m2p_clear(&s->w.mm, s->data, 1);
    refused_saying(s, no_p2m, "frame %lx has no pfn", s->data.v);
    set_m2p(s, s->data, bound);
    refused_saying(s, no_p2m,
                   "frame %lx says it is pfn %lx, but the domain's end at %lx",
                   s->data.v, bound, bound);
    set_m2p(s, s->data, 10);
    refused_saying(s, no_p2m, "pfn a has two frames, %lx and %lx",
                   MIN(s->l4.v, s->data.v), MAX(s->l4.v, s->data.v));
    set_m2p(s, s->data, BLOCK_PFN + 511);
    refused_saying(s, no_p2m, "pfn %lx has two frames, %lx and %lx",
                   UINT64_C(BLOCK_PFN + 511), MIN(s->block.v + 511, s->data.v),
                   MAX(s->block.v + 511, s->data.v));
    m2p_set(&s->w.mm, s->block, pfn_of(bound - 511), BLOCK_FRAMES);
    set_m2p(s, s->data, 18);
    refused_saying(s, no_p2m,
                   "frame %lx says it is pfn %lx, but the domain's end at %lx",
                   s->block.v + 511, bound, bound);
    set_m2p(s, s->data, bound - 1); /* the last there is */
    number(s);
    set_m2p(s, s->data, bound - 1);
    struct snapshot c;
    take(s, &c);
    assert_int_equal(c.nr_pfns, bound);
    HOST_END(snapshot_end(&c));
}

static void refuses_large_out_of_order(void **state)
{
    struct scene *s = *state;

    number(s);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_NONE);
    set_m2p(s, mfn_add(s->block, 3), 30);
    refused_saying(s, no_p2m,
                   "the block at frame %lx is mapped large or marked, but its "
                   "pfns, from 3e8 on, are not in order",
                   s->block.v);
    assert_int_equal(mmu_unmark_super(&s->op, s->block), ERR_NONE);
    assert_int_equal(
        scene_update(s, s->l2, 1, pte_make(s->block, KERNEL | PTE_PSE).v),
        ERR_NONE);
    refused_saying(s, no_p2m,
                   "the block at frame %lx is mapped large or marked, but its "
                   "pfns, from 3e8 on, are not in order",
                   s->block.v);
}

static void refuses_frames_without_pfn(void **state)
{
    struct scene *s = *state;
    mfn_t fixed;

    number(s);
    assert_int_equal(dmem_fixed_get(&s->op, &fixed), ERR_NONE);
    set_m2p(s, fixed, 20); /* says so, and still is not the domain's */
    assert_int_equal(scene_update(s, s->l1, 77, pte_make(fixed, KERNEL).v), 0);
    refused_saying(s, no_p2m,
                   "level 1 table, pfn 10: entry 77 is onto frame %lx, which "
                   "has no pfn",
                   fixed.v);
    assert_int_equal(scene_update(s, s->l1, 77, 0), 0);
    struct snapshot c;
    take(s, &c);
    assert_int_equal(c.nr_frames, s->us.d.tot_pages);
    HOST_END(snapshot_end(&c));
}

/* --- interrupted tables -------------------------------------------------- */

static void takes_partial_tables_down(void **state)
{
    struct scene *s = *state;
    mfn_t l2 = scene_frame(s), l1 = scene_frame(s);
    struct snapshot c;

    number(s);
    set_m2p(s, l2, 40);
    set_m2p(s, l1, 42);
    *scene_entry(s, l2, 0) = pte_make(l1, KERNEL);
    *scene_entry(s, l2, 9) = pte_make(l1, KERNEL);
    host_preempt_at(1);
    assert_int_equal(mmu_pin(&s->op, l2, 2), ERR_RESTART);
    host_preempt_at(0);
    world_done(&s->op);
    host_preempt_every(1);
    take(s, &c);
    host_preempt_at(0);
    world_done(&s->op);
    world_audit(&s->w, "the snapshot");
    assert_int_equal(c.tables.nr, 4);
    HOST_END(snapshot_end(&c));
}

/* --- the p2m ------------------------------------------------------------- */

static uint64_t *words(struct scene *s, mfn_t m)
{
    return mm_frame_ptr(&s->w.mm, m);
}

static void finds_p2m_by_list(void **state)
{
    struct scene *s = *state;
    struct p2m_location p = {.nr_pfns = 513, .list_list = s->block};
    mfn_t list = mfn_add(s->block, 1);
    struct snapshot c;

    number(s);
    words(s, s->block)[0] = list.v;
    words(s, list)[0] = s->block.v + 9;
    words(s, list)[1] = s->block.v + 2;
    assert_int_equal(saving_snapshot(&c, &s->op, p, NULL), ERR_NONE);
    assert_int_equal(c.p2m.nr, 2);
    assert_int_equal(*(uint64_t *)snapshot_at(&c.p2m, 0), BLOCK_PFN + 9);
    assert_int_equal(*(uint64_t *)snapshot_at(&c.p2m, 1), BLOCK_PFN + 2);
    HOST_END(snapshot_end(&c));

    words(s, list)[1] = s->foreign.v;
    refused_saying(s, p, "p2m: page 1, frame %lx, is not memory of the domain",
                   s->foreign.v);
    words(s, list)[1] = s->l1.v;
    refused_saying(s, p,
                   "p2m: page 1, frame %lx, is a page table or holds "
                   "descriptors",
                   s->l1.v);
    words(s, s->block)[0] = ~UINT64_C(0);
    refused(s, p,
            "p2m: list 0, frame ffffffffffffffff, is not memory of the domain");
    p.list_list = mfn_of(s->w.mm.nr_frames);
    refused_saying(s, p,
                   "p2m: the list of lists, frame %lx, is not memory of the "
                   "domain",
                   s->w.mm.nr_frames);
    p.nr_pfns = 2 * s->us.d.max_pages + 1;
    refused_saying(s, p, "p2m: %lu pfns, the domain may have %lu",
                   2 * s->us.d.max_pages + 1, 2 * s->us.d.max_pages);
    p.nr_pfns = ~UINT64_C(0);
    refused_saying(s, p, "p2m: %lu pfns, the domain may have %lu", ~UINT64_C(0),
                   2 * s->us.d.max_pages);
}

/* 512 lists of 512 pages, and one pfn more. */
static void p2m_larger_than_its_lists(void **state)
{
    struct scene *s = *state;
    struct p2m_location p = {.nr_pfns = UINT64_C(1) << 27,
                             .list_list = s->block};
    mfn_t list = mfn_add(s->block, 1);
    struct snapshot c;

    number(s);
    s->us.d.max_pages = UINT64_C(1) << 27;
    for (unsigned i = 0; i < 512; i++) {
        words(s, s->block)[i] = list.v;
        words(s, list)[i] = s->block.v + 2;
    }
    assert_int_equal(saving_snapshot(&c, &s->op, p, NULL), ERR_NONE);
    assert_int_equal(c.p2m.nr, 512 * 512);
    HOST_END(snapshot_end(&c));
    p.nr_pfns++;
    refused(s, p, "p2m: 134217729 pfns are more than a list of lists names");
}

static void finds_p2m_by_address(void **state)
{
    struct scene *s = *state;
    struct p2m_location p = {
        .nr_pfns = 1024, .list_list = mfn_of(3), .va = 0x1000, .cr3 = s->l4};
    struct snapshot c;

    number(s);
    assert_int_equal(
        scene_update(s, s->l1, 1, pte_make(mfn_add(s->block, 4), KERNEL).v), 0);
    assert_int_equal(
        scene_update(s, s->l1, 2, pte_make(mfn_add(s->block, 4), READ).v), 0);
    assert_int_equal(saving_snapshot(&c, &s->op, p, NULL), ERR_NONE);
    assert_int_equal(c.p2m.nr, 2); /* one page, twice */
    assert_int_equal(*(uint64_t *)snapshot_at(&c.p2m, 1), BLOCK_PFN + 4);
    HOST_END(snapshot_end(&c));

    p.nr_pfns = 1025;
    refused(s, p, "p2m: address 3000 is not mapped");
    p.va = 0x1008;
    refused(s, p, "p2m: address 1008 is not that of a page");
    p.va = HV_VA_START;
    refused(s, p, "p2m: address ffff800000000000 is not mapped");
    p.va = UINT64_C(1) << 47;
    refused(s, p, "p2m: address 800000000000 is not mapped");
    p.va = 0x1000;
    p.cr3 = s->l3;
    refused_saying(
        s, p, "p2m: cr3, frame %lx, is not a top-level table of the domain",
        s->l3.v);
    p.cr3 = MFN_NONE;
    refused(s, p,
            "p2m: cr3, frame ffffffffffffffff, is not a top-level table of the "
            "domain");
}

static void finds_p2m_in_a_superpage(void **state)
{
    struct scene *s = *state;
    struct p2m_location p = {.nr_pfns = 1024,
                             .list_list = MFN_NONE,
                             .va = 0x200000 + 7 * PAGE_SIZE,
                             .cr3 = s->l4};
    struct snapshot c;

    number(s);
    assert_int_equal(
        scene_update(s, s->l2, 1, pte_make(s->block, KERNEL | PTE_PSE).v),
        ERR_NONE);
    assert_int_equal(saving_snapshot(&c, &s->op, p, NULL), ERR_NONE);
    assert_int_equal(*(uint64_t *)snapshot_at(&c.p2m, 0), BLOCK_PFN + 7);
    assert_int_equal(*(uint64_t *)snapshot_at(&c.p2m, 1), BLOCK_PFN + 8);
    HOST_END(snapshot_end(&c));
}

/* A linear entry leads walks to tables and to the hypervisor's own slots. */
static void p2m_behind_a_linear_entry(void **state)
{
    struct scene *s = *state;
    struct p2m_location p = {.nr_pfns = 1, .list_list = MFN_NONE, .cr3 = s->l4};

    number(s);
    assert_int_equal(scene_update(s, s->l4, 511, pte_make(s->l4, READ).v), 0);
    p.va = ~UINT64_C(0) << 39 | 511ull << 30 | 511ull << 21 | 511ull << 12;
    refused_saying(s, p,
                   "p2m: page 0, frame %lx, is a page table or holds "
                   "descriptors",
                   s->l4.v);
    p.va = ~UINT64_C(0) << 39 | 511ull << 30 | 511ull << 21 | 256ull << 12;
    refused_saying(s, p, "p2m: address %lx is not mapped", p.va);
}

/* --- without memory, and interrupted ------------------------------------- */

static void every_allocation_may_fail(void **state)
{
    struct scene *s = *state;
    uint64_t frames;
    unsigned n = 0;
    enum err rc;

    (void)shatter(s);
    add_range(s, SPAN_PFN, RANGE_SHATTERED);
    frames = alloc_stats(&s->w.mm).hv_frames;
    do {
        struct snapshot c;

        s->w.mm.alloc.fail_in = ++n;
        rc = saving_snapshot(&c, &s->op, no_p2m, NULL);
        s->w.mm.alloc.fail_in = 0;
        assert_true(rc == ERR_NONE || rc == ERR_NOMEM);
        if (rc)
            assert_string_equal(
                c.job.why,
                "not enough hypervisor memory for a snapshot of the domain");
        HOST_END(snapshot_end(&c));
        assert_int_equal(alloc_stats(&s->w.mm).hv_frames, frames);
        world_audit(&s->w, "a snapshot without memory");
    } while (rc);
    assert_true(n > 12);
    range_clear(&s->us.d);
}

static bool lists_equal(const struct snapshot_list *a,
                        const struct snapshot_list *b)
{
    if (a->nr != b->nr)
        return false;
    for (uint64_t i = 0; i < a->nr; i++)
        if (memcmp(snapshot_at(a, i), snapshot_at(b, i), a->size))
            return false;
    return true;
}

static bool snapshots_equal(const struct snapshot *a, const struct snapshot *b)
{
    for (uint64_t p = 0; p < a->bound; p++)
        if (!mfn_eq(snapshot_mfn(a, pfn_of(p)), snapshot_mfn(b, pfn_of(p))))
            return false;
    return a->nr_pfns == b->nr_pfns && a->nr_frames == b->nr_frames &&
           a->large == b->large && a->nr_own == b->nr_own &&
           lists_equal(&a->extents, &b->extents) &&
           lists_equal(&a->tables, &b->tables) && lists_equal(&a->p2m, &b->p2m);
}

static void interrupted_it_says_the_same(void **state)
{
    struct scene *s = *state;
    struct p2m_location p = {.nr_pfns = 3 * 512,
                             .list_list = MFN_NONE,
                             .va = 0x200000,
                             .cr3 = s->l4};
    mfn_t t = shatter(s);
    struct snapshot whole, parts;
    uint64_t points;
    unsigned steps;

    assert_int_equal(scene_update(s, t, 3, 0), 0);
    assert_int_equal(
        scene_update(s, s->l2, 1, pte_make(s->block, KERNEL | PTE_PSE).v),
        ERR_NONE);
    add_range(s, SPAN_PFN, RANGE_SHATTERED);
    host_preempt_at(0);
    assert_int_equal(saving_snapshot(&whole, &s->op, p, NULL), ERR_NONE);
    points = host_preempts();
    assert_true(points > 10);
    for (uint64_t n = 1; n <= points; n++) {
        host_preempt_at(n);
        assert_int_equal(saving_snapshot(&parts, &s->op, p, &steps), ERR_NONE);
        assert_int_equal(steps, 2);
        assert_true(snapshots_equal(&whole, &parts));
        HOST_END(snapshot_end(&parts));
    }
    host_preempt_every(1);
    assert_int_equal(saving_snapshot(&parts, &s->op, p, NULL), ERR_NONE);
    assert_true(snapshots_equal(&whole, &parts));
    host_preempt_at(0);
    HOST_END(snapshot_end(&parts));
    HOST_END(snapshot_end(&whole));
    range_clear(&s->us.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(says_what_there_is),
        scene_test(spans_end_at_multiples),
        scene_test(frames_of_shared_blocks),
        scene_test(refuses_wrong_m2p),
        scene_test(refuses_large_out_of_order),
        scene_test(refuses_frames_without_pfn),
        scene_test(takes_partial_tables_down),
        scene_test(finds_p2m_by_list),
        scene_test(p2m_larger_than_its_lists),
        scene_test(finds_p2m_by_address),
        scene_test(finds_p2m_in_a_superpage),
        scene_test(p2m_behind_a_linear_entry),
        scene_test(every_allocation_may_fail),
        scene_test(interrupted_it_says_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
