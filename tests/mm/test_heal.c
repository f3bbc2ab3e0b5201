/* SPDX-License-Identifier: MIT */
/*
 * test_heal.c: a table onto scattered frames becomes one large entry onto a
 * new block: same content, M2P kept right, the frames given back, nothing
 * lost when it is refused at any point.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flagstone/flagstone.h"
#include "mm/alloc/frame.h"
#include "mm/alloc/range.h"
#include "mm/alloc/shared.h"
#include "mm/pv/grant_table.h"
#include "mm/pv/split.h"
#include "mm/pv/supply.h"
#include "port.h"
#include "scene.h"
#include "simtlb.h"

#define AT  5
#define VA  (UINT64_C(5) << BLOCK_SHIFT)
#define PFN 4096u /* of the first page of the range */

/* A table onto 512 scattered frames, mapped at AT. */
struct scattered {
    mfn_t table, frame[BLOCK_FRAMES];
};

static uint64_t pattern(unsigned i)
{
    return (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static void hook(struct scene *s, struct scattered *x, uint64_t flags)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        uint64_t *at = mm_frame_ptr(&s->w.mm, x->frame[i]);

        at[0] = at[511] = pattern(i);
        s->w.mm.m2p[x->frame[i].v] = PFN + i;
        *scene_entry(s, x->table, i) = pte_make(x->frame[i], flags);
    }
    assert_int_equal(scene_update(s, s->l2, AT, pte_make(x->table, KERNEL).v),
                     ERR_NONE);
    world_audit(&s->w, "mapping scattered frames");
}

/* Every other one of 1024, so that they fill no block. */
static struct scattered *scatter(struct scene *s, uint64_t flags)
{
    static struct scattered x;
    mfn_t skipped[BLOCK_FRAMES];

    x.table = scene_frame(s);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        x.frame[BLOCK_FRAMES - 1 - i] = scene_frame(s);
        skipped[i] = scene_frame(s);
    }
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        assert_int_equal(dmem_frame_put(&s->op, skipped[i]), ERR_NONE);
    world_done(&s->op);
    hook(s, &x, flags);
    return &x;
}

static enum err heal_it(struct scene *s, mfn_t *first, mfn_t *table)
{
    enum err rc =
        heal(&s->op, maddr_of(s->l2.v << PAGE_SHIFT | AT * 8), first, table);

    world_done(&s->op);
    world_audit(&s->w, "heal");
    return rc;
}

static void whole(struct scene *s, mfn_t first)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        const uint64_t *at = mm_frame_ptr(&s->w.mm, mfn_add(first, i));

        assert_int_equal(at[0], pattern(i));
        assert_int_equal(at[511], pattern(i));
        assert_int_equal(s->w.mm.m2p[first.v + i], PFN + i);
    }
}

static void it_becomes_one_entry(void **state)
{
    struct scene *s = *state;
    struct scattered *x = scatter(s, KERNEL | BIT(9) | PTE_NX);
    uint64_t pages = s->us.d.tot_pages, tables = s->us.d.frame_tables;
    mfn_t first, table;
    const uint64_t *at;

    assert_non_null(simtlb_access(&s->us.d, 0, s->l4, VA, true));
    assert_non_null(simtlb_access(&s->us.d, 1, s->l4, VA + 4096, false));
    assert_int_equal(heal_it(s, &first, &table), ERR_NONE);
    assert_true(mfn_eq(table, x->table));
    assert_int_equal(scene_entry(s, s->l2, AT)->v & ~(PTE_A | PTE_D),
                     pte_make(first, KERNEL | PTE_PSE | BIT(9) | PTE_NX).v);
    assert_true(pte_has(*scene_entry(s, s->l2, AT), PTE_D));
    whole(s, first);
    at = simtlb_access(&s->us.d, 0, s->l4, VA + 77 * PAGE_SIZE, true);
    assert_int_equal(*at, pattern(77));
    assert_int_equal(s->us.d.tot_pages, pages);
    assert_int_equal(s->us.d.super_maps, 1);
    assert_true(s->us.d.frame_tables <= tables);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        assert_int_equal(s->w.mm.m2p[x->frame[i].v], ~UINT64_C(0));
}

/* Another vCPU goes on writing, on CPU 1, wherever the hypervisor waits. */
static struct {
    struct scene *s;
    uint64_t last;
} other;

static void other_writes(struct mm_domain *d)
{
    uint64_t *at =
        simtlb_access(d, 1, other.s->l4, VA + 3 * PAGE_SIZE + 64, true);

    if (at)
        *at = ++other.last;
}

static void what_others_write_meanwhile_is_not_lost(void **state)
{
    mfn_t first, table;

    other.s = *state;
    (void)scatter(other.s, KERNEL);
    other_writes(&other.s->us.d);
    host_before_flush = other_writes;
    assert_int_equal(heal_it(other.s, &first, &table), ERR_NONE);
    host_before_flush = NULL;
    assert_true(other.last > 1);
    assert_int_equal(
        ((uint64_t *)mm_frame_ptr(&other.s->w.mm, mfn_add(first, 3)))[8],
        other.last);
}

/* And what they find absent meanwhile is so by the count (mm/pv/absent.h). */
static struct {
    const pte_t *large, *small;
    unsigned times;
} absent;

static void look_at_the_count(struct mm_domain *d)
{
    const bool is = !pte_present(*absent.large) || !pte_present(*absent.small);

    assert_int_equal(d->absent & 1, is);
    absent.times += is;
}

static void others_wait_while_frames_are_moved(void **state)
{
    struct scene *s = *state;
    struct scattered *x = scatter(s, KERNEL);
    const uint32_t before = s->us.d.absent;
    mfn_t first, table;

    absent.large = scene_entry(s, s->l2, AT);
    absent.small = scene_entry(s, x->table, BLOCK_FRAMES - 1);
    absent.times = 0;
    host_before_flush = look_at_the_count;
    assert_int_equal(heal_it(s, &first, &table), ERR_NONE);
    host_before_flush = NULL;
    assert_true(absent.times > 2); /* frames go in lots */
    assert_int_equal(s->us.d.absent, before + 4);
    whole(s, first);
}

static void read_only_stays_so(void **state)
{
    struct scene *s = *state;
    mfn_t first, table;

    scatter(s, READ);
    assert_int_equal(heal_it(s, &first, &table), ERR_NONE);
    assert_int_equal(scene_entry(s, s->l2, AT)->v & PTE_RW, 0);
    whole(s, first);
}

/* All of it in one block, in order: nothing has to be copied. */
static void what_is_whole_is_only_joined(void **state)
{
    struct scene *s = *state;
    struct scattered x = {.table = scene_frame(s)};
    mfn_t first, table;

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        x.frame[i] = mfn_add(s->block, i);
    hook(s, &x, KERNEL);
    /* Another reference is no harm: nothing moves. */
    assert_int_equal(scene_update(s, s->l1, 3, pte_make(s->block, KERNEL).v),
                     ERR_NONE);
    s->w.mm.alloc.fail_in = 1;
    assert_int_equal(heal_it(s, &first, &table), ERR_NONE);
    s->w.mm.alloc.fail_in = 0;
    assert_true(mfn_eq(first, s->block));
    whole(s, first);
}

/* The same frames in another order are copied, and their block goes. */
static void a_block_out_of_order_is_copied(void **state)
{
    struct scene *s = *state;
    struct scattered x = {.table = scene_frame(s)};
    uint64_t blocks = s->us.d.blocks;
    mfn_t first, table;

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        x.frame[i] = mfn_add(s->block, (i * 5) % BLOCK_FRAMES);
    hook(s, &x, KERNEL);
    assert_int_equal(heal_it(s, &first, &table), ERR_NONE);
    assert_false(mfn_eq(first, s->block));
    assert_int_equal(s->us.d.blocks, blocks);
    assert_false(
        block_owned_by(mm_block(&s->w.mm, blk_of_mfn(s->block))->word, 1));
    whole(s, first);
}

struct before {
    uint64_t table[PT_ENTRIES], l2, pages, blocks, holes, super_maps, tables;
    uint64_t claim, free;
};

static struct before *look(struct scene *s, const struct scattered *x)
{
    struct before *b = calloc(1, sizeof(*b));

    memcpy(b->table, scene_entry(s, x->table, 0), PAGE_SIZE);
    b->l2 = scene_entry(s, s->l2, AT)->v;
    b->pages = s->us.d.tot_pages;
    b->blocks = s->us.d.blocks;
    b->holes = s->us.d.holes;
    b->super_maps = s->us.d.super_maps;
    b->tables = s->us.d.frame_tables;
    b->claim = s->us.d.claim;
    b->free = alloc_stats(&s->w.mm).free;
    return b;
}

static void refused(struct scene *s, const struct scattered *x, enum err want)
{
    struct before *was = look(s, x), *now;
    mfn_t first, table;

    assert_int_equal(heal_it(s, &first, &table), want);
    now = look(s, x);
    assert_memory_equal(was, now, sizeof(*was));
    free(was);
    free(now);
}

static void frames_in_other_use_stay_where_they_are(void **state)
{
    struct scene *s = *state;
    struct scattered *x = scatter(s, KERNEL);
    const uint64_t map = pte_make(x->frame[300], KERNEL).v;
    mfn_t first, table;

    assert_int_equal(scene_update(s, s->l1, 9, map), ERR_NONE);
    refused(s, x, ERR_BUSY);
    assert_int_equal(scene_update(s, s->l1, 9, map & ~PTE_RW), ERR_NONE);
    refused(s, x, ERR_BUSY);
    assert_int_equal(scene_update(s, s->l1, 9, 0), ERR_NONE);
    /* Twice in the table itself. */
    assert_int_equal(scene_update(s, x->table, 299, map), ERR_NONE);
    refused(s, x, ERR_BUSY);
    assert_int_equal(
        scene_update(s, x->table, 299, pte_make(x->frame[299], KERNEL).v),
        ERR_NONE);
    /* Given up while mapped: not the domain's to move. */
    first = x->frame[299];
    assert_int_equal(dmem_frame_put(&s->op, first), ERR_NONE);
    refused(s, x, ERR_INVAL);
    assert_int_equal(scene_update(s, x->table, 299, 0), ERR_NONE);
    refused(s, x, ERR_INVAL); /* a hole in the table */
    assert_int_equal(
        scene_update(s, x->table, 299, pte_make(scene_frame(s), READ).v),
        ERR_NONE);
    refused(s, x, ERR_INVAL); /* flags that differ */
    assert_int_equal(scene_update(s, x->table, 299, 0), ERR_NONE);
    x->frame[299] = scene_frame(s);
    *(uint64_t *)mm_frame_ptr(&s->w.mm, x->frame[299]) = pattern(299);
    ((uint64_t *)mm_frame_ptr(&s->w.mm, x->frame[299]))[511] = pattern(299);
    s->w.mm.m2p[x->frame[299].v] = PFN + 299;
    assert_int_equal(
        scene_update(s, x->table, 299, pte_make(x->frame[299], KERNEL).v),
        ERR_NONE);
    assert_int_equal(heal_it(s, &first, &table), ERR_NONE);
    whole(s, first);
}

/* A frame whose block is mapped large elsewhere, or marked. */
/* The other guest maps one of them by a grant, in a table of its own. */
static void frames_that_are_lent_stay_where_they_are(void **state)
{
    struct scene *s = *state;
    struct scattered *x = scatter(s, KERNEL);
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    struct grant_request r = {.host_addr = s->foreign.v << PAGE_SHIFT,
                              .flags = GNTMAP_host_map | GNTMAP_readonly |
                                       GNTMAP_contains_pte};
    mfn_t first, table;

    assert_int_equal(grant_setup(&s->op, 1), ERR_NONE);
    assert_int_equal(mmu_pin(&op, s->foreign, 1), ERR_NONE);
    atomic_store(grant_word(&s->us.d, 0), x->frame[300].v << 32 |
                                              (uint64_t)s->them.d.id << 16 |
                                              GTF_permit_access);
    assert_int_equal(grant_map(&op, &s->op, &r), GNTST_okay);
    world_done(&op);
    refused(s, x, ERR_BUSY);
    assert_int_equal(world_unmap(&op, r.handle, r.host_addr, 0), GNTST_okay);
    world_done(&op);
    assert_int_equal(heal_it(s, &first, &table), ERR_NONE);
    whole(s, first);
}

static void members_of_superpages_stay(void **state)
{
    struct scene *s = *state;
    struct scattered *x = scatter(s, KERNEL);
    const uint64_t was = scene_entry(s, x->table, 7)->v;

    assert_int_equal(
        scene_update(s, x->table, 7, pte_make(mfn_add(s->block, 3), KERNEL).v),
        ERR_NONE);
    assert_int_equal(
        scene_update(s, s->l2, 9, pte_make(s->block, READ | PTE_PSE).v),
        ERR_NONE);
    refused(s, x, ERR_BUSY);
    assert_int_equal(scene_update(s, s->l2, 9, 0), ERR_NONE);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_NONE);
    refused(s, x, ERR_BUSY);
    assert_int_equal(mmu_unmark_super(&s->op, s->block), ERR_NONE);
    assert_int_equal(scene_update(s, x->table, 7, was), ERR_NONE);
}

static void tables_and_fixed_frames_stay(void **state)
{
    struct scene *s = *state;
    struct scattered *x = scatter(s, READ);
    mfn_t fixed;

    assert_int_equal(scene_update(s, x->table, 0, pte_make(s->l1, READ).v),
                     ERR_NONE);
    refused(s, x, ERR_BUSY);
    assert_int_equal(dmem_fixed_get(&s->op, &fixed), ERR_NONE);
    assert_int_equal(scene_update(s, x->table, 0, pte_make(fixed, READ).v),
                     ERR_NONE);
    refused(s, x, ERR_INVAL);
    assert_int_equal(scene_update(s, x->table, 0, 0), ERR_NONE);
}

static void policy_and_place_are_looked_at(void **state)
{
    struct scene *s = *state;
    struct scattered *x = scatter(s, KERNEL);
    mfn_t first, table;

    s->us.d.superpages = SUPERPAGES_OFF;
    refused(s, x, ERR_INVAL);
    s->us.d.superpages = SUPERPAGES_PREFER;
    const uint64_t bad[] = {s->l2.v << PAGE_SHIFT | (AT * 8 + 1),
                            s->l2.v << PAGE_SHIFT | 6 * 8,
                            s->l3.v << PAGE_SHIFT,
                            s->l4.v << PAGE_SHIFT,
                            s->l1.v << PAGE_SHIFT,
                            s->foreign.v << PAGE_SHIFT,
                            ~UINT64_C(7),
                            0};
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(heal(&s->op, maddr_of(bad[i]), &first, &table),
                         ERR_INVAL);
}

static void each_allocation_can_fail(void **state)
{
    struct scene *s = *state;
    struct scattered *x = scatter(s, KERNEL);
    mfn_t first, table;

    for (unsigned nth = 1; nth <= 2; nth++) {
        s->w.mm.alloc.fail_in = nth;
        refused(s, x, ERR_NOMEM);
        assert_int_equal(s->w.mm.alloc.fail_in, 0);
    }
    assert_int_equal(heal_it(s, &first, &table), ERR_NONE);
    whole(s, first);
}

/* No whole block but those that were promised: the promise is kept. */
static void the_claim_is_left_alone(void **state)
{
    struct scene *s = *state;
    struct scattered *x = scatter(s, KERNEL);
    struct alloc_stats a = alloc_stats(&s->w.mm);
    uint64_t n = a.free - a.reserve;
    mfn_t first, table;

    assert_int_equal(alloc_claim(&s->w.mm, n), ERR_NONE);
    s->us.d.claim = n;
    refused(s, x, ERR_NOMEM);
    alloc_unclaim(&s->w.mm, 1);
    s->us.d.claim--;
    assert_int_equal(heal_it(s, &first, &table), ERR_NONE);
    assert_int_equal(s->us.d.claim, n - 1);
    alloc_unclaim(&s->w.mm, n - 1);
    s->us.d.claim = 0;
}

static void other_entries_follow_the_table(void **state)
{
    struct scene *s = *state;
    struct scattered *x = scatter(s, KERNEL);
    mfn_t first, table;

    assert_int_equal(scene_update(s, s->l2, AT + 1, pte_make(x->table, READ).v),
                     ERR_NONE);
    assert_non_null(
        simtlb_access(&s->us.d, 0, s->l4, VA + BLOCK_SIZE + 4096, false));
    assert_int_equal(heal_it(s, &first, &table), ERR_NONE);
    assert_true(mfn_eq(table, x->table));
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        assert_int_equal(pte_mfn(*scene_entry(s, table, i)).v, first.v + i);
    assert_int_equal(*(uint64_t *)simtlb_access(&s->us.d, 0, s->l4,
                                                VA + BLOCK_SIZE + 4096, false),
                     pattern(1));
    assert_int_equal(
        join(&s->op, maddr_of(s->l2.v << PAGE_SHIFT | (AT + 1) * 8), &table),
        ERR_NONE);
    world_done(&s->op);
    assert_int_equal(s->us.d.super_maps, 2);
}

/* What restore=shatter leaves behind. */
static void a_shattered_range_is_made_good(void **state)
{
    struct scene *s = *state;
    struct scattered *x = scatter(s, KERNEL);
    mfn_t first, table;

    assert_int_equal(scene_update(s, s->l2, AT, 0), ERR_NONE);
    assert_int_equal(supply_get(&s->op, &x->table), ERR_NONE);
    hook(s, x, KERNEL);
    assert_int_equal(
        scene_update(s, s->l2, AT,
                     pte_make(x->table, READ | FLAGSTONE_PTE_SHATTERED).v),
        ERR_NONE);
    assert_int_equal(
        range_add(&s->us.d, (struct range){pfn_of(PFN), RANGE_SHATTERED}),
        ERR_NONE);
    assert_int_equal(heal_it(s, &first, &table), ERR_NONE);
    assert_true(mfn_eq(table, MFN_NONE));
    assert_int_equal(s->us.d.supplied, 0);
    assert_int_equal(range_count(&s->us.d, RANGE_SHATTERED), 0);
    assert_int_equal(scene_entry(s, s->l2, AT)->v & ~(PTE_A | PTE_D),
                     pte_make(first, READ | PTE_PSE).v);
    whole(s, first);
}

/* relinquish=cut: the frames lie in blocks that are anybody's. */
static void frames_of_shared_blocks_come_home(void **state)
{
    struct scene *s = *state;
    struct scattered *x;
    struct mm_op them = mm_op_on(&s->them.d, &s->them.v);
    mfn_t first, table;

    s->them.d.relinquish = s->us.d.relinquish = RELINQUISH_CUT;
    /* They give every other frame back, we take them. */
    for (unsigned i = 0; i < BLOCK_FRAMES; i += 2)
        assert_int_equal(dmem_frame_put(&them, mfn_add(s->foreign, i)),
                         ERR_NONE);
    world_done(&them);
    x = scatter(s, KERNEL);
    assert_int_equal(heal_it(s, &first, &table), ERR_NONE);
    whole(s, first);
    assert_true(block_owned_by(mm_block(&s->w.mm, blk_of_mfn(first))->word, 1));
    for (unsigned i = 1; i < BLOCK_FRAMES; i += 2)
        assert_true(frame_owned(&them, mfn_add(s->foreign, i)));
    (void)x;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(it_becomes_one_entry),
        scene_test(what_others_write_meanwhile_is_not_lost),
        scene_test(others_wait_while_frames_are_moved),
        scene_test(read_only_stays_so),
        scene_test(what_is_whole_is_only_joined),
        scene_test(a_block_out_of_order_is_copied),
        scene_test(frames_in_other_use_stay_where_they_are),
        scene_test(frames_that_are_lent_stay_where_they_are),
        scene_test(members_of_superpages_stay),
        scene_test(tables_and_fixed_frames_stay),
        scene_test(policy_and_place_are_looked_at),
        scene_test(each_allocation_can_fail),
        scene_test(the_claim_is_left_alone),
        scene_test(other_entries_follow_the_table),
        scene_test(a_shattered_range_is_made_good),
        scene_test(frames_of_shared_blocks_come_home),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
