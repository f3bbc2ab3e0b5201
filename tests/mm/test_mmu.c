/* SPDX-License-Identifier: MIT */
/*
 * test_mmu.c: the rules of ABI facts 2 and 3 (docs/abi.md), one by one. After
 * every refusal the audit is clean and every frame can be given back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port.h"
#include "scene.h"

/* scene_update(), and the audit after it. */
static enum err update(struct scene *s, mfn_t table, unsigned i, uint64_t val)
{
    enum err rc = scene_update(s, table, i, val);

    world_audit(&s->w, "mmu_update");
    return rc;
}

/* Refused, nothing changed, and `m` is as free as before. */
static void refused(struct scene *s, mfn_t table, unsigned i, uint64_t val,
                    enum err want)
{
    pte_t was = *scene_entry(s, table, i);

    assert_int_equal(update(s, table, i, val), want);
    assert_int_equal(scene_entry(s, table, i)->v, was.v);
}

static void page_tables_are_never_mapped_writable(void **state)
{
    struct scene *s = *state;
    const mfn_t tables[] = {s->l1, s->l2, s->l3, s->l4};

    for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
        refused(s, s->l1, 1, pte_make(tables[i], KERNEL).v, ERR_BUSY);
        assert_int_equal(update(s, s->l1, 1, pte_make(tables[i], READ).v),
                         ERR_NONE);
        refused(s, s->l1, 1, pte_make(tables[i], KERNEL).v, ERR_BUSY);
    }
}

static void writable_frames_do_not_become_tables(void **state)
{
    struct scene *s = *state;

    for (unsigned level = 1; level <= 4; level++)
        assert_int_equal(mmu_pin(&s->op, s->data, level), ERR_INVAL);
    refused(s, s->l2, 1, pte_make(s->data, KERNEL).v, ERR_INVAL);
    assert_int_equal(update(s, s->l1, 0, 0), ERR_NONE);
    memset(mm_frame_ptr(&s->w.mm, s->data), 0, PAGE_SIZE);
    assert_int_equal(update(s, s->l2, 1, pte_make(s->data, KERNEL).v),
                     ERR_NONE);
}

static void foreign_and_absent_memory_is_refused(void **state)
{
    struct scene *s = *state;
    uint64_t end = s->w.mm.nr_frames;

    refused(s, s->l1, 1, pte_make(s->foreign, READ).v, ERR_BUSY);
    refused(s, s->l1, 1, pte_make(mfn_of(end), READ).v, ERR_PERM);
    refused(s, s->l1, 1, PTE_ADDR | READ, ERR_INVAL);
    refused(s, s->l2, 1, pte_make(s->foreign, READ).v, ERR_INVAL);
    refused(s, s->l3, 1, pte_make(mfn_of(end), READ).v, ERR_INVAL);
    assert_int_equal(mmu_pin(&s->op, s->foreign, 1), ERR_INVAL);
    assert_int_equal(mmu_pin(&s->op, mfn_of(~UINT64_C(0)), 1), ERR_INVAL);
    assert_int_equal(mmu_unpin(&s->op, mfn_of(end)), ERR_INVAL);
    assert_int_equal(mmu_clear_page(&s->op, s->foreign), ERR_INVAL);
    assert_int_equal(mmu_copy_page(&s->op, s->data, s->foreign), ERR_INVAL);
    assert_int_equal(mmu_new_baseptr(&s->op, s->foreign), ERR_INVAL);
}

/* A frame of the hypervisor's own: the table of the frames' words (XSA-248). */
static void hypervisor_frames_are_refused(void **state)
{
    struct scene *s = *state;
    mfn_t hv = mfn_of(mm_block(&s->w.mm, blk_of_mfn(s->l1))->table);

    refused(s, s->l1, 1, pte_make(hv, READ).v, ERR_BUSY);
    refused(s, s->l1, 1, pte_make(hv, KERNEL).v, ERR_BUSY);
    assert_int_equal(mmu_pin(&s->op, hv, 1), ERR_INVAL);
    assert_int_equal(reservation_decrease(&s->op, hv, 0), ERR_INVAL);
}

static void bad_flags_are_refused_at_every_level(void **state)
{
    struct scene *s = *state;
    static const uint64_t l1_bad[] = {PTE_PWT, PTE_PCD, PTE_PAT};
    static const uint64_t upper_bad[] = {PTE_PWT, PTE_PCD, PTE_G};
    const mfn_t upper[] = {s->l2, s->l3, s->l4};
    const mfn_t child[] = {s->l1, s->l2, s->l3};

    for (unsigned i = 0; i < ARRAY_SIZE(l1_bad); i++)
        refused(s, s->l1, 0, pte_make(s->data, KERNEL | l1_bad[i]).v,
                ERR_INVAL);
    for (unsigned t = 0; t < ARRAY_SIZE(upper); t++) {
        for (unsigned i = 0; i < ARRAY_SIZE(upper_bad); i++)
            refused(s, upper[t], 0, pte_make(child[t], KERNEL | upper_bad[i]).v,
                    ERR_INVAL);
        refused(s, upper[t], 0, pte_make(child[t], KERNEL | PTE_PSE).v,
                ERR_INVAL);
    }
}

static void hypervisor_slots_are_refused(void **state)
{
    struct scene *s = *state;

    for (unsigned i = L4_HV_FIRST; i <= L4_HV_LAST; i++) {
        refused(s, s->l4, i, pte_make(s->l3, KERNEL).v, ERR_INVAL);
        refused(s, s->l4, i, 0, ERR_INVAL);
        assert_int_equal(scene_entry(s, s->l4, i)->v,
                         s->w.mm.l4_hv[i - L4_HV_FIRST].v);
    }
}

static void commands_beyond_the_known_are_nosys(void **state)
{
    struct scene *s = *state;

    for (uint64_t cmd = 4; cmd < 8; cmd++)
        assert_int_equal(mmu_update(&s->op, s->l1.v << PAGE_SHIFT | cmd, 0),
                         ERR_NOSYS);
}

static void absent_entries_must_not_name_memory(void **state)
{
    struct scene *s = *state;

    refused(s, s->l1, 1, pte_make(s->data, 0).v, ERR_INVAL);
    refused(s, s->l2, 1, PTE_PSE, ERR_INVAL);
    assert_int_equal(update(s, s->l1, 1, PTE_RW | PTE_NX), ERR_NONE);
    assert_int_equal(scene_entry(s, s->l1, 1)->v, PTE_RW | PTE_NX);
    assert_int_equal(
        update(s, s->l1, 1, pte_make(mfn_of(s->w.mm.nr_frames), 0).v),
        ERR_NONE);
}

/* What the cache does not see of an address does not make it another. */
static void nor_memory_by_another_name(void **state)
{
    struct scene *s = *state;
    const mfn_t beyond = mfn_of(s->w.mm.nr_frames);
    const uint64_t high = BIT(44);

    s->w.mm.cache_bits = 44;
    refused(s, s->l1, 1, pte_make(s->data, high).v, ERR_INVAL);
    refused(s, s->l1, 1, pte_make(s->foreign, BIT(51)).v, ERR_INVAL);
    assert_int_equal(update(s, s->l1, 1, pte_make(beyond, high).v), ERR_NONE);
    assert_int_equal(update(s, s->l1, 1, high), ERR_NONE); /* frame 0 */
    assert_int_equal(update(s, s->l2, 1, high), ERR_NONE);
    refused(s, s->l2, 1, high | PTE_PSE, ERR_INVAL);
}

/* As Linux has a large page invalid for a moment: the complement of its frame.
 */
static uint64_t complement(mfn_t m)
{
    return (~pte_make(m, 0).v & PTE_ADDR) | PTE_RW | PTE_PSE;
}

/* All of the page that it names has to be beyond. */
static void absent_large_pages_neither(void **state)
{
    struct scene *s = *state;
    const mfn_t tables[] = {s->l2, s->l3};
    const uint64_t end = s->w.mm.nr_frames;

    refused(s, s->l2, 1, complement(s->block), ERR_INVAL); /* as on Xen */
    s->us.d.large_shown = true;
    for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
        const uint64_t frames = BIT(9 * (i + 1));
        const uint64_t beyond = (end + frames - 1) / frames * frames;
        const uint64_t good[] = {complement(s->block), complement(mfn_of(0)),
                                 complement(mfn_of(end - 1)),
                                 pte_make(mfn_of(beyond), PTE_PSE).v,
                                 pte_make(mfn_of(beyond + 77), PTE_PSE).v};

        for (unsigned k = 0; k < ARRAY_SIZE(good); k++) {
            assert_int_equal(update(s, tables[i], 1, good[k]), ERR_NONE);
            assert_int_equal(scene_entry(s, tables[i], 1)->v, good[k]);
        }
        refused(s, tables[i], 1, PTE_PSE, ERR_INVAL);
        refused(s, tables[i], 1, pte_make(s->block, PTE_PSE).v, ERR_INVAL);
        refused(s, tables[i], 1, pte_make(mfn_of(end - 1), PTE_PSE).v,
                ERR_INVAL);
        refused(s, tables[i], 1, pte_make(mfn_of(beyond - 1), PTE_PSE).v,
                ERR_INVAL);
    }
    refused(s, s->l4, 1, complement(s->block), ERR_INVAL);
}

static void entries_read_back_adjusted(void **state)
{
    struct scene *s = *state;

    assert_int_equal(update(s, s->l1, 1, pte_make(s->data, PTE_P).v), ERR_NONE);
    assert_int_equal(scene_entry(s, s->l1, 1)->v,
                     pte_make(s->data, READ | PTE_GUEST_KERNEL).v);
    assert_int_equal(update(s, s->l1, 1, pte_make(s->data, READ).v), ERR_NONE);
    assert_int_equal(scene_entry(s, s->l1, 1)->v,
                     pte_make(s->data, READ | PTE_G).v);
}

static void the_read_write_bit_carries_the_type(void **state)
{
    struct scene *s = *state;
    mfn_t f = scene_frame(s);

    assert_int_equal(update(s, s->l1, 1, pte_make(f, READ).v), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, f, 1), ERR_NONE);
    refused(s, s->l1, 1, pte_make(f, KERNEL).v, ERR_BUSY);
    assert_int_equal(mmu_unpin(&s->op, f), ERR_NONE);
    assert_int_equal(update(s, s->l1, 1, pte_make(f, KERNEL).v), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, f, 1), ERR_INVAL);
    assert_int_equal(update(s, s->l1, 1, pte_make(f, READ).v), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, f, 1), ERR_NONE);
    assert_int_equal(mmu_unpin(&s->op, f), ERR_NONE);
}

static void every_single_bit_flip_is_answered(void **state)
{
    struct scene *s = *state;
    const mfn_t tables[] = {s->l1, s->l2, s->l3, s->l4};

    for (unsigned level = 1; level <= 4; level++) {
        mfn_t t = tables[level - 1];
        pte_t good = *scene_entry(s, t, 0);

        for (unsigned bit = 0; bit < 64; bit++) {
            (void)update(s, t, 0, good.v ^ BIT(bit));
            assert_int_equal(update(s, t, 0, good.v), ERR_NONE);
        }
    }
}

static void linear_tables_are_read_only_and_one_deep(void **state)
{
    struct scene *s = *state;
    mfn_t a = scene_frame(s), b = scene_frame(s), c = scene_frame(s);

    refused(s, s->l4, 1, pte_make(s->l4, KERNEL).v, ERR_INVAL);
    assert_int_equal(update(s, s->l4, 1, pte_make(s->l4, READ).v), ERR_NONE);
    refused(s, s->l4, 1, pte_make(s->l4, KERNEL).v, ERR_INVAL); /* XSA-182 */
    assert_int_equal(mmu_pin(&s->op, a, 2), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, b, 2), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, c, 2), ERR_NONE);
    assert_int_equal(update(s, a, 0, pte_make(b, READ).v), ERR_NONE);
    refused(s, b, 0, pte_make(c, READ).v, ERR_INVAL); /* XSA-240 */
    refused(s, c, 0, pte_make(a, READ).v, ERR_INVAL);
    assert_int_equal(update(s, a, 0, 0), ERR_NONE);
    assert_int_equal(update(s, b, 0, pte_make(c, READ).v), ERR_NONE);
    assert_int_equal(update(s, b, 0, 0), ERR_NONE);
    assert_int_equal(mmu_unpin(&s->op, a), ERR_NONE);
    assert_int_equal(mmu_unpin(&s->op, b), ERR_NONE);
    assert_int_equal(mmu_unpin(&s->op, c), ERR_NONE);
    s->w.mm.linear_pt = false;
    refused(s, s->l4, 2, pte_make(s->l4, READ).v, ERR_INVAL);
    s->w.mm.linear_pt = true;
}

/* With isolate=on a linear root would show what its copy does not. */
static void a_linear_root_can_be_forbidden_alone(void **state)
{
    struct scene *s = *state;

    s->w.mm.no_linear_l4 = true;
    refused(s, s->l4, 2, pte_make(s->l4, READ).v, ERR_INVAL);
    assert_int_equal(update(s, s->l3, 2, pte_make(s->l3, READ).v), ERR_NONE);
    assert_int_equal(update(s, s->l3, 2, 0), ERR_NONE);
    s->w.mm.no_linear_l4 = false;
    assert_int_equal(update(s, s->l4, 2, pte_make(s->l4, READ).v), ERR_NONE);
    assert_int_equal(update(s, s->l4, 2, 0), ERR_NONE);
}

static void a_walk_through_a_linear_entry_edits_no_upper_table(void **state)
{
    struct scene *s = *state;
    uint64_t va = UINT64_C(1) << 39; /* slot 1: the self-map */

    assert_int_equal(update(s, s->l4, 1, pte_make(s->l4, READ).v), ERR_NONE);
    assert_int_equal(mmu_update_va(&s->op, va, pte_make(s->data, READ).v),
                     ERR_INVAL);
    assert_int_equal(mmu_update_va(&s->op, 0, pte_make(s->data, READ).v),
                     ERR_NONE);
}

static void update_va_refuses_what_it_cannot_walk(void **state)
{
    struct scene *s = *state;
    static const uint64_t bad[] = {
        HV_VA_START,       HV_VA_END - PAGE_SIZE,
        UINT64_C(1) << 63, UINT64_C(0x800000000000),
        UINT64_C(1) << 39, UINT64_C(1) << 30,
        UINT64_C(1) << 21,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(mmu_update_va(&s->op, bad[i], 0), ERR_INVAL);
}

static uint64_t super(mfn_t m)
{
    return pte_make(m, KERNEL | PTE_PSE).v;
}

static void superpages_need_a_whole_block_of_ones_own(void **state)
{
    struct scene *s = *state;

    refused(s, s->l2, 1, super(mfn_add(s->block, 1)), ERR_INVAL);
    refused(s, s->l2, 1, super(s->foreign), ERR_INVAL); /* flaw 4 */
    refused(s, s->l2, 1, super(mfn_of(s->w.mm.nr_frames)), ERR_INVAL);
    refused(s, s->l2, 1, super(mfn_of(s->l1.v & ~511ull)), ERR_INVAL);
    refused(s, s->l2, 1, super(s->block) | PTE_G, ERR_INVAL);
    refused(s, s->l2, 1, super(s->block) | PTE_PCD, ERR_INVAL);
    refused(s, s->l2, 1, super(s->block) | PTE_PSE_PAT, ERR_INVAL);
    refused(s, s->l3, 1, super(s->block), ERR_INVAL);
    refused(s, s->l4, 1, super(s->block), ERR_INVAL);
    s->us.d.superpages = SUPERPAGES_OFF;
    refused(s, s->l2, 1, super(s->block), ERR_INVAL);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_NOTSUPP);
    s->us.d.superpages = SUPERPAGES_PREFER;
    assert_int_equal(update(s, s->l2, 1, super(s->block)), ERR_NONE);
    assert_int_equal(s->us.d.super_maps, 1);
    assert_int_equal(mm_block(&s->w.mm, blk_of_mfn(s->block))->table, 0);
}

static void a_superpage_and_a_table_exclude_each_other(void **state)
{
    struct scene *s = *state;
    mfn_t member = mfn_add(s->block, 77);

    assert_int_equal(update(s, s->l2, 1, super(s->block)), ERR_NONE);
    for (unsigned level = 1; level <= 4; level++)
        assert_int_equal(mmu_pin(&s->op, member, level), ERR_INVAL);
    assert_int_equal(mmu_seg_load(&s->op, 0, member), ERR_INVAL);
    assert_int_equal(reservation_decrease(&s->op, member, 0), ERR_BUSY);
    assert_int_equal(reservation_decrease(&s->op, s->block, 9), ERR_BUSY);
    assert_int_equal(update(s, s->l2, 1, 0), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, member, 1), ERR_NONE);
    refused(s, s->l2, 1, super(s->block), ERR_INVAL);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_INVAL);
    assert_int_equal(mmu_unpin(&s->op, member), ERR_NONE);
    assert_int_equal(update(s, s->l2, 1, super(s->block)), ERR_NONE);
}

/* XSA-148: L1 table at an aligned mfn, then PSE (and RW) on its L2 entry. */
static void pse_on_the_entry_of_an_l1_table_is_refused(void **state)
{
    struct scene *s = *state;

    assert_int_equal(update(s, s->l2, 1, pte_make(s->block, KERNEL).v),
                     ERR_NONE);
    refused(s, s->l2, 1, super(s->block), ERR_INVAL);
    refused(s, s->l2, 1, pte_make(s->block, READ | PTE_PSE).v, ERR_INVAL);
}

static void marks_are_single_and_hold_the_block_together(void **state)
{
    struct scene *s = *state;

    assert_int_equal(mmu_unmark_super(&s->op, s->block), ERR_INVAL);
    assert_int_equal(mmu_mark_super(&s->op, mfn_add(s->block, 1)), ERR_INVAL);
    assert_int_equal(mmu_mark_super(&s->op, mfn_of(~UINT64_C(511))),
                     ERR_INVAL); /* XSA-167 */
    assert_int_equal(mmu_mark_super(&s->op, s->foreign), ERR_INVAL);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_NONE);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_INVAL);
    assert_int_equal(mmu_pin(&s->op, s->block, 1), ERR_INVAL);
    assert_int_equal(reservation_decrease(&s->op, s->block, 9), ERR_BUSY);
    assert_int_equal(update(s, s->l2, 1, super(s->block)), ERR_NONE);
    assert_int_equal(mmu_unmark_super(&s->op, s->block), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, s->block, 1), ERR_INVAL);
    assert_int_equal(update(s, s->l2, 1, 0), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, s->block, 1), ERR_NONE);
}

static void a_given_up_frame_lives_until_its_last_mapping(void **state)
{
    struct scene *s = *state;
    uint64_t before = s->us.d.tot_pages;

    assert_int_equal(reservation_decrease(&s->op, s->data, 0), ERR_NONE);
    assert_int_equal(s->us.d.tot_pages, before);
    assert_int_equal(reservation_decrease(&s->op, s->data, 0), ERR_INVAL);
    assert_int_equal(update(s, s->l1, 0, 0), ERR_NONE);
    assert_int_equal(s->us.d.tot_pages, before - 1);
    refused(s, s->l1, 0, pte_make(s->data, READ).v, ERR_BUSY);
}

/* XSA-252: a pinned table given up stays pinned, and whole. */
static void a_pinned_table_given_up_stays_a_table(void **state)
{
    struct scene *s = *state;
    uint64_t before = s->us.d.tot_pages;
    mfn_t t = scene_frame(s);

    assert_int_equal(mmu_pin(&s->op, t, 2), ERR_NONE);
    assert_int_equal(reservation_decrease(&s->op, t, 0), ERR_NONE);
    assert_int_equal(s->us.d.tot_pages, before + 1);
    assert_int_equal(update(s, t, 0, pte_make(s->l1, KERNEL).v), ERR_NONE);
    assert_int_equal(mmu_unpin(&s->op, t), ERR_NONE);
    assert_int_equal(s->us.d.tot_pages, before);
}

static void balloon_orders_are_bounded(void **state)
{
    struct scene *s = *state;
    mfn_t out;

    assert_int_equal(reservation_decrease(&s->op, s->block, 10), ERR_PERM);
    assert_int_equal(reservation_decrease(&s->op, s->block, 0xffffffffu),
                     ERR_PERM);
    assert_int_equal(reservation_increase(&s->op, PFN_NONE, 0xffffffffu, &out),
                     ERR_PERM);
    assert_int_equal(reservation_decrease(&s->op, s->block, 9), ERR_NONE);
    assert_int_equal(reservation_increase(&s->op, pfn_of(512), 9, &out),
                     ERR_NONE);
    assert_int_equal(out.v % BLOCK_FRAMES, 0);
    assert_int_equal(s->w.mm.m2p[out.v + 5], 517);
}

static void exchange_wants_frames_without_references(void **state)
{
    struct scene *s = *state;
    mfn_t f = scene_frame(s), in[2] = {f, f}, out[2];
    pfn_t pfn[2] = {pfn_of(3), pfn_of(4)};
    struct reservation_exchange x = {
        .in = in, .out = out, .out_pfn = pfn, .n_in = 2, .n_out = 2};
    uint64_t before = s->us.d.tot_pages;

    assert_int_equal(reservation_exchange(&s->op, &x), ERR_INVAL);
    in[1] = s->data; /* mapped */
    assert_int_equal(reservation_exchange(&s->op, &x), ERR_INVAL);
    in[1] = s->foreign;
    assert_int_equal(reservation_exchange(&s->op, &x), ERR_INVAL);
    x.n_in = x.n_out = 1;
    assert_int_equal(reservation_exchange(&s->op, &x), ERR_NONE);
    assert_int_equal(s->us.d.tot_pages, before);
    assert_int_equal(s->w.mm.m2p[out[0].v], 3);
    assert_int_equal(s->w.mm.m2p[f.v], ~UINT64_C(0));
}

static void interrupted_pins_go_on_where_they_were(void **state)
{
    struct scene *s = *state;
    mfn_t root = scene_frame(s), mid = scene_frame(s), low = scene_frame(s);
    mfn_t seg = scene_frame(s);
    unsigned again = 0;
    enum err rc;

    *scene_entry(s, root, 0) = pte_make(mid, KERNEL);
    for (unsigned i = 0; i < 512; i++)
        *scene_entry(s, mid, i) = pte_make(low, KERNEL);
    do {
        host_preempt_at(5);
        rc = mmu_pin(&s->op, root, 3);
        host_preempt_at(0);
        world_audit(&s->w, "an interrupted pin");
        again += rc == ERR_RESTART;
    } while (rc == ERR_RESTART);
    assert_int_equal(rc, ERR_NONE);
    assert_true(again > 50);
    host_preempt_at(5);
    assert_int_equal(mmu_unpin(&s->op, root), ERR_NONE);
    host_preempt_at(0);
    assert_true(type_has_deferred(&s->op));
    world_audit(&s->w, "an interrupted unpin");
    /* A page of descriptors cannot wait for that, as the CPU cannot. */
    host_preempt_at(1);
    assert_int_equal(mmu_seg_load(&s->op, 20, seg), ERR_NONE);
    assert_int_equal(mmu_seg_load(&s->op, 20, MFN_NONE), ERR_NONE);
    host_preempt_at(0);
    assert_true(type_has_deferred(&s->op));
    world_audit(&s->w, "a descriptor's page meanwhile");
    assert_int_equal(mmu_pin(&s->op, s->data, 1), ERR_INVAL);
    assert_false(type_has_deferred(&s->op));
}

static void a_failed_pin_leaves_nothing_behind(void **state)
{
    struct scene *s = *state;
    mfn_t root = scene_frame(s), mid = scene_frame(s), low = scene_frame(s);
    uint64_t tables = s->us.d.tables[1];

    *scene_entry(s, root, 0) = pte_make(mid, KERNEL);
    for (unsigned i = 0; i < 511; i++)
        *scene_entry(s, mid, i) = pte_make(low, KERNEL);
    *scene_entry(s, mid, 511) = pte_make(s->foreign, KERNEL);
    assert_int_equal(mmu_pin(&s->op, root, 3), ERR_INVAL);
    world_audit(&s->w, "a failed pin");
    assert_int_equal(s->us.d.tables[1], tables);
    assert_int_equal(reservation_decrease(&s->op, root, 0), ERR_NONE);
    assert_int_equal(reservation_decrease(&s->op, mid, 0), ERR_NONE);
    assert_int_equal(reservation_decrease(&s->op, low, 0), ERR_NONE);
}

static void direct_writes_reach_own_tables_only(void **state)
{
    struct scene *s = *state;
    struct mmu_entry e;
    uint64_t old;

    assert_int_equal(update(s, s->l1, 5, pte_make(s->l1, READ).v), ERR_NONE);
    assert_int_equal(update(s, s->l1, 6, pte_make(s->l4, READ).v), ERR_NONE);
    assert_int_equal(mmu_emulate_find(&s->op, s->l4, 0x5000 + 8 * 9, &e),
                     ERR_NONE);
    assert_int_equal(e.table.v, s->l1.v);
    assert_int_equal(e.i, 9);
    assert_int_equal(mmu_emulate_find(&s->op, s->l4, 0x6000, &e), ERR_INVAL);
    assert_int_equal(mmu_emulate_find(&s->op, s->l4, 0x0000, &e), ERR_INVAL);
    assert_int_equal(mmu_emulate_find(&s->op, s->l4, 0x5048, &e), ERR_NONE);
    old = mmu_emulate_read(&s->op, e);
    assert_int_equal(mmu_emulate_write(&s->op, e, old + 8, 0), ERR_RESTART);
    assert_int_equal(
        mmu_emulate_write(&s->op, e, old, pte_make(s->data, KERNEL).v),
        ERR_NONE);
    old = mmu_emulate_read(&s->op, e);
    assert_int_equal(
        mmu_emulate_write(&s->op, e, old, pte_make(s->l2, KERNEL).v), ERR_BUSY);
}

/* The entry that is stored to at va, by the kernel's own mapping of its table.
 */
static enum err emulate(struct scene *s, uint64_t va, uint64_t val)
{
    struct mmu_entry e;
    enum err rc = mmu_emulate_find(&s->op, s->l4, va, &e);

    if (!rc)
        rc = mmu_emulate_write(&s->op, e, mmu_emulate_read(&s->op, e), val);
    world_audit(&s->w, "an emulated store");
    return rc;
}

/* Large pages come, change, are invalid for a moment and go; tables do not. */
static void direct_writes_of_large_pages(void **state)
{
    struct scene *s = *state;
    const uint64_t large = pte_make(s->block, KERNEL | PTE_PSE).v;
    const uint64_t at = 0x7000 + 8 * 9, table = scene_entry(s, s->l2, 0)->v;

    assert_int_equal(update(s, s->l1, 7, pte_make(s->l2, READ).v), ERR_NONE);
    assert_int_equal(update(s, s->l1, 8, pte_make(s->l3, READ).v), ERR_NONE);
    assert_int_equal(emulate(s, at, large), ERR_INVAL); /* as on Xen */
    assert_int_equal(emulate(s, 0x8000 + 8 * 2, 0), ERR_INVAL);
    s->us.d.large_shown = true;
    assert_int_equal(emulate(s, at, large), ERR_NONE);
    assert_int_equal(scene_entry(s, s->l2, 9)->v, large);
    assert_int_equal(update(s, s->l2, 10, pte_make(s->l1, KERNEL).v), ERR_NONE);
    assert_int_equal(emulate(s, at, large & ~PTE_RW), ERR_NONE);
    assert_int_equal(emulate(s, at, complement(s->block)), ERR_NONE);
    assert_int_equal(emulate(s, at, pte_make(s->block, PTE_PSE).v), ERR_INVAL);
    assert_int_equal(emulate(s, at, large), ERR_NONE);
    assert_int_equal(emulate(s, at, pte_make(s->l1, KERNEL).v), ERR_INVAL);
    assert_int_equal(emulate(s, 0x8000, 0), ERR_INVAL);
    assert_int_equal(emulate(s, 0x7000, table ^ PTE_A), ERR_INVAL);
    assert_int_equal(emulate(s, 0x7000, table), ERR_NONE);
    assert_int_equal(emulate(s, 0x8000 + 8 * 2, large), ERR_INVAL); /* 1 GiB */
    assert_int_equal(emulate(s, 0x8000 + 8 * 2, PTE_RW), ERR_NONE);
    assert_int_equal(emulate(s, at, 0), ERR_NONE);
    assert_int_equal(scene_entry(s, s->l2, 0)->v, table);
}

static void descriptors_are_audited(void **state)
{
    struct scene *s = *state;
    mfn_t f = scene_frame(s);
    uint64_t *d = mm_frame_ptr(&s->w.mm, f);

    d[1] = UINT64_C(0x00af9a000000ffff); /* ring 0 code: raised to 3 */
    assert_int_equal(mmu_seg_load(&s->op, 0, f), ERR_NONE);
    assert_int_equal(d[1], UINT64_C(0x00affa000000ffff));
    assert_int_equal(mmu_update_descriptor(&s->op, maddr_of(f.v << 12 | 4), 0),
                     ERR_INVAL);
    assert_int_equal(mmu_update_descriptor(&s->op, maddr_of(f.v << 12 | 16),
                                           UINT64_C(0x00008b0000000000)),
                     ERR_INVAL); /* a TSS */
    refused(s, s->l1, 1, pte_make(f, KERNEL).v, ERR_BUSY);
    assert_int_equal(update(s, f, 0, 0), ERR_INVAL);
    assert_int_equal(mmu_seg_load(&s->op, 0, MFN_NONE), ERR_NONE);
    assert_int_equal(update(s, s->l1, 1, pte_make(f, KERNEL).v), ERR_NONE);
}

/* --- what the processor runs on ------------------------------------------- */

static struct {
    struct scene *s;
    mfn_t old;
    unsigned times;
} leaving;

/* Until here it may walk the old one, and does. */
static void old_root_is_still_one(struct mm_vcpu *v)
{
    struct frame f = frame_held(&leaving.s->w.mm, leaving.old);

    assert_true(frame_word(&f) & FRAME_VALIDATED);
    assert_int_equal(frame_type(frame_word(&f)), FRAME_L4);
    assert_false(mfn_eq(v->root_kernel, leaving.old));
    leaving.times++;
}

static void the_old_root_is_left_before_it_is_put(void **state)
{
    struct scene *s = leaving.s = *state;
    mfn_t other = scene_frame(s);
    struct frame f;

    *scene_entry(s, other, 0) = pte_make(s->l3, KERNEL);
    host_at_root = old_root_is_still_one;
    leaving.old = s->l4;
    leaving.times = 0;
    assert_int_equal(mmu_unpin(&s->op, s->l4), ERR_NONE);
    assert_int_equal(mmu_new_baseptr(&s->op, other), ERR_NONE);
    f = frame_held(&s->w.mm, s->l4);
    assert_false(frame_word(&f) & FRAME_VALIDATED); /* it was the last */
    assert_int_equal(mmu_pin(&s->op, s->l4, 4), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, other, 4), ERR_NONE);
    leaving.old = other; /* and where both stay */
    assert_int_equal(mmu_new_baseptr(&s->op, s->l4), ERR_NONE);
    assert_int_equal(mmu_unpin(&s->op, other), ERR_NONE);
    assert_int_equal(leaving.times, 2);
    host_at_root = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(the_old_root_is_left_before_it_is_put),
        scene_test(page_tables_are_never_mapped_writable),
        scene_test(writable_frames_do_not_become_tables),
        scene_test(foreign_and_absent_memory_is_refused),
        scene_test(hypervisor_frames_are_refused),
        scene_test(bad_flags_are_refused_at_every_level),
        scene_test(hypervisor_slots_are_refused),
        scene_test(commands_beyond_the_known_are_nosys),
        scene_test(absent_entries_must_not_name_memory),
        scene_test(nor_memory_by_another_name),
        scene_test(absent_large_pages_neither),
        scene_test(entries_read_back_adjusted),
        scene_test(the_read_write_bit_carries_the_type),
        scene_test(every_single_bit_flip_is_answered),
        scene_test(linear_tables_are_read_only_and_one_deep),
        scene_test(a_linear_root_can_be_forbidden_alone),
        scene_test(a_walk_through_a_linear_entry_edits_no_upper_table),
        scene_test(update_va_refuses_what_it_cannot_walk),
        scene_test(superpages_need_a_whole_block_of_ones_own),
        scene_test(a_superpage_and_a_table_exclude_each_other),
        scene_test(pse_on_the_entry_of_an_l1_table_is_refused),
        scene_test(marks_are_single_and_hold_the_block_together),
        scene_test(a_given_up_frame_lives_until_its_last_mapping),
        scene_test(a_pinned_table_given_up_stays_a_table),
        scene_test(balloon_orders_are_bounded),
        scene_test(exchange_wants_frames_without_references),
        scene_test(interrupted_pins_go_on_where_they_were),
        scene_test(a_failed_pin_leaves_nothing_behind),
        scene_test(direct_writes_reach_own_tables_only),
        scene_test(direct_writes_of_large_pages),
        scene_test(descriptors_are_audited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
