/* SPDX-License-Identifier: MIT */
/*
 * test_view.c: what is seen of blocks, frames and walks is what is there: by
 * entries of each size, through linear tables, of holes, of others' frames. And
 * any state will do: tables of garbage, roots that are none, every number a
 * frame can have, a domain that is half gone. Nothing changes by looking.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/audit/view.h"
#include "mm/pv/split.h"
#include "port.h"
#include "scene.h"

#define AT    5 /* of the L2 table */
#define VA    (UINT64_C(5) << BLOCK_SHIFT)
#define LARGE (KERNEL | PTE_PSE)

static struct flagstone_walk walk(struct scene *s, mfn_t root, uint64_t va)
{
    struct flagstone_walk w;

    memset(&w, 0xa5, sizeof(w));
    view_walk(&s->op, root, va, &w);
    assert_int_equal(w.va, va);
    return w;
}

static enum flagstone_block_kind kind(struct scene *s, mfn_t m)
{
    return (enum flagstone_block_kind)view_block(&s->w.mm, blk_of_mfn(m)).kind;
}

static void a_small_page(void **state)
{
    struct scene *s = *state;
    const mfn_t table[] = {s->l4, s->l3, s->l2, s->l1};
    struct flagstone_walk w = walk(s, s->us.v.root_kernel, 0x123);

    assert_int_equal(w.steps, 4);
    assert_int_equal(w.end, FLAGSTONE_WALK_mapped);
    for (unsigned i = 0; i < 4; i++) {
        const struct flagstone_walk_step *t = &w.step[i];

        assert_int_equal(t->level, 4 - i);
        assert_int_equal(t->index, 0);
        assert_int_equal(t->entry, scene_entry(s, table[i], 0)->v);
        assert_int_equal(t->table.mfn, table[i].v);
        assert_int_equal(t->table.type, 4 - i);
        assert_int_equal(t->table.owner, 1);
        assert_true(t->table.flags & FLAGSTONE_FRAME_validated);
        assert_int_equal(!!(t->table.flags & FLAGSTONE_FRAME_pinned), i == 0);
    }
    assert_int_equal(w.step[0].table.count, 2); /* the pin, and the vCPU */
    assert_int_equal(w.frame.mfn, s->data.v);
    assert_int_equal(w.frame.type, FLAGSTONE_FRAME_writable);
    assert_int_equal(w.frame.refs, 2);
    assert_int_equal(w.frame.count, 1);
    assert_int_equal(walk(s, s->l4, PAGE_SIZE).end, FLAGSTONE_WALK_absent);
    assert_int_equal(walk(s, s->l4, BIT(39)).steps, 1);
}

static void a_large_page_and_one_that_was_split(void **state)
{
    struct scene *s = *state;
    const uint64_t va = VA + 7 * PAGE_SIZE + 1;
    const mfn_t table = scene_frame(s);
    struct flagstone_walk w;

    assert_int_equal(kind(s, s->block), FLAGSTONE_BLOCK_whole);
    assert_int_equal(scene_update(s, s->l2, AT, pte_make(s->block, LARGE).v),
                     ERR_NONE);
    w = walk(s, s->l4, va);
    assert_int_equal(w.steps, 3);
    assert_int_equal(w.end, FLAGSTONE_WALK_mapped);
    assert_true(w.step[2].entry & PTE_PSE);
    assert_int_equal(w.frame.mfn, scene_member(s, 7).v);
    assert_int_equal(w.frame.large, 1);
    assert_int_equal(w.frame.block.kind, FLAGSTONE_BLOCK_large);
    assert_true(w.frame.flags & FLAGSTONE_FRAME_known);
    assert_false(w.frame.flags & FLAGSTONE_FRAME_worded);
    assert_int_equal(kind(s, s->block), FLAGSTONE_BLOCK_large);
    assert_int_equal(
        split(&s->op, maddr_of((s->l2.v << PAGE_SHIFT) + AT * 8), table),
        ERR_NONE);
    world_done(&s->op);
    w = walk(s, s->l4, va);
    assert_int_equal(w.steps, 4);
    assert_int_equal(w.step[3].table.mfn, table.v);
    assert_int_equal(w.frame.mfn, scene_member(s, 7).v);
    assert_int_equal(kind(s, s->block), FLAGSTONE_BLOCK_frames);
}

/* Through an entry for itself an L4 is an L3, and so on down. */
static void a_linear_table(void **state)
{
    struct scene *s = *state;
    const unsigned slot = 300;
    const uint64_t self = BITS(63, 48) | (uint64_t)slot << 39;
    struct flagstone_walk w;

    s->w.mm.linear_pt = true;
    assert_int_equal(scene_update(s, s->l4, slot, pte_make(s->l4, READ).v),
                     ERR_NONE);
    w = walk(s, s->l4, self);
    assert_int_equal(w.end, FLAGSTONE_WALK_mapped);
    assert_int_equal(w.steps, 4);
    assert_int_equal(w.step[1].table.mfn, s->l4.v);
    assert_int_equal(w.frame.mfn, s->l1.v);
    /* The hypervisor's own slots lead nowhere, wherever they are come by. */
    w = walk(s, s->l4, self | (uint64_t)L4_HV_FIRST << 30);
    assert_true(w.end == FLAGSTONE_WALK_ours || w.end == FLAGSTONE_WALK_absent);
    assert_int_equal(w.steps, 2);
    assert_int_equal(scene_update(s, s->l4, slot, 0), ERR_NONE);
}

static void holes_shared_blocks_and_others(void **state)
{
    struct scene *s = *state;
    struct flagstone_frame f;
    mfn_t theirs;

    f = view_frame(&s->w.mm, s->foreign);
    assert_int_equal(f.owner, 2);
    assert_int_equal(f.refs, 1);
    scene_share(s);
    assert_int_equal(kind(s, s->block), FLAGSTONE_BLOCK_shared);
    f = view_frame(&s->w.mm, scene_member(s, 3));
    assert_int_equal(f.owner, FLAGSTONE_NOBODY);
    assert_int_equal(f.flags & ~FLAGSTONE_FRAME_worded, FLAGSTONE_FRAME_known);
    assert_int_equal(f.block.holes, 3);
    theirs = scene_they_get(s);
    assert_int_equal(theirs.v / BLOCK_FRAMES, s->block.v / BLOCK_FRAMES);
    assert_int_equal(view_frame(&s->w.mm, theirs).owner, 2);
    assert_int_equal(view_frame(&s->w.mm, scene_member(s, 9)).owner, 1);
    assert_int_equal(kind(s, mfn_of(0)), FLAGSTONE_BLOCK_hv); /* in part */
    f = view_frame(&s->w.mm, mfn_of(s->w.mm.nr_frames));
    assert_int_equal(f.block.kind, FLAGSTONE_BLOCK_none);
    f = view_frame(&s->w.mm, mfn_of(s->w.mm.nr_frames - 1));
    assert_int_equal(f.block.kind, FLAGSTONE_BLOCK_free);
    assert_false(f.flags);
}

/* Every block is of one kind, and those of each are as many as are counted. */
static void blocks_add_up(void **state)
{
    struct scene *s = *state;
    uint64_t n[FLAGSTONE_BLOCK_kinds] = {0}, ours = 0;
    struct alloc_stats a = alloc_stats(&s->w.mm);

    for (uint64_t i = 0; i < s->w.mm.nr_blocks; i++) {
        struct flagstone_block b = view_block(&s->w.mm, blk_of(i));

        assert_true(b.kind < FLAGSTONE_BLOCK_kinds);
        n[b.kind]++;
        ours += b.owner == 1;
    }
    assert_int_equal(ours, s->us.d.blocks);
    assert_int_equal(n[FLAGSTONE_BLOCK_free], a.free);
    assert_int_equal(n[FLAGSTONE_BLOCK_hv], a.hv_blocks + a.hv_partial);
}

/* --- hostile -------------------------------------------------------------- */

static void no_root(void **state)
{
    struct scene *s = *state;
    const uint64_t numbers[] = {MFN_NONE.v,   s->data.v, s->foreign.v,
                                s->block.v,   0,         s->w.mm.nr_frames,
                                ~UINT64_C(0), BIT(40),   BIT(52) - 1};

    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        struct flagstone_walk w = walk(s, mfn_of(numbers[i]), 0);

        assert_int_equal(w.end, FLAGSTONE_WALK_no_root);
        assert_int_equal(w.steps, 0);
        (void)view_frame(&s->w.mm, mfn_of(numbers[i]));
    }
    for (uint64_t m = 0; m < s->w.mm.nr_frames; m++)
        (void)view_frame(&s->w.mm, mfn_of(m));
}

static const uint64_t addresses[] = {
    0,         VA,           BIT(47) - 1,  BIT(47), HV_VA_START,
    HV_VA_END, ~BITS(38, 0), ~UINT64_C(0), BIT(63), UINT64_C(300) << 39,
};

/* What no guest gets into its tables: an entry is followed all the same only
 * to what is its own, and a table. */
static uint64_t garbage(struct scene *s, struct dice *dice)
{
    const mfn_t named[] = {s->l4,   s->l3,      s->l2,    s->l1,
                           s->data, s->foreign, s->block, mfn_of(0)};
    const uint64_t r = dice_upto(dice, 12);

    if (r < ARRAY_SIZE(named))
        return pte_make(named[r], KERNEL | (dice_upto(dice, 4) ? 0 : PTE_PSE))
            .v;
    if (r == 8)
        return pte_make(mfn_of(dice_upto(dice, 2 * s->w.mm.nr_frames)), LARGE)
            .v;
    return dice_upto(dice, ~UINT64_C(0)) | (r & 1);
}

static void judge(struct scene *s, const struct flagstone_walk *w)
{
    assert_true(w->steps >= 1 && w->steps <= 4);
    for (unsigned i = 0; i < w->steps; i++) {
        const struct flagstone_frame *t = &w->step[i].table;

        assert_int_equal(t->owner, 1);
        assert_true(t->type >= 1 && t->type <= 4);
        assert_int_equal(w->step[i].entry,
                         scene_entry(s, mfn_of(t->mfn), w->step[i].index)->v);
    }
    if (w->end == FLAGSTONE_WALK_alien)
        assert_true(w->frame.owner != 1 || w->frame.type < 1 ||
                    w->frame.type > 4);
}

static void tables_of_garbage(void **state)
{
    struct scene *s = *state;
    const mfn_t table[] = {s->l4, s->l3, s->l2, s->l1};
    uint64_t kept[4][PT_ENTRIES], ends[5] = {0};
    struct dice dice = {.s = 20261129};

    for (unsigned i = 0; i < 4; i++)
        memcpy(kept[i], scene_entry(s, table[i], 0), PAGE_SIZE);
    for (unsigned n = 0; n < 300; n++) {
        for (unsigned i = 0; i < 4 * PT_ENTRIES; i++)
            scene_entry(s, table[i % 4], i / 4)->v = garbage(s, &dice);
        for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
            struct flagstone_walk w = walk(s, s->l4, addresses[i]);

            judge(s, &w);
            ends[w.end]++;
        }
    }
    for (unsigned i = 0; i < 4; i++)
        memcpy(scene_entry(s, table[i], 0), kept[i], PAGE_SIZE);
    assert_int_equal(ends[FLAGSTONE_WALK_no_root], 0);
    for (unsigned e = 0; e < ARRAY_SIZE(ends); e++)
        if (e != FLAGSTONE_WALK_no_root && ends[e] < 20)
            fail_msg("only %lu walks ended by %u", ends[e], e);
}

/* Taken down step by step, and looked at after each. */
static void a_domain_that_goes(void **state)
{
    struct scene *s = *state;
    struct flagstone_walk w;
    unsigned steps = 0;
    enum err rc;

    host_preempt_every(1);
    do {
        rc = dmem_domain_destroy(&s->op);
        w = walk(s, s->us.v.root_kernel, 0);
        assert_int_equal(w.end, FLAGSTONE_WALK_no_root);
        w = walk(s, s->l4, 0);
        for (uint64_t m = 0; m < s->w.mm.nr_frames; m += 7)
            (void)view_frame(&s->w.mm, mfn_of(m));
        steps++;
    } while (rc == ERR_RESTART);
    host_preempt_every(0);
    assert_int_equal(rc, ERR_NONE);
    assert_true(steps > 3);
    world_done(&s->op);
    assert_int_equal(kind(s, s->l4), FLAGSTONE_BLOCK_free);
    world_domain(&s->w, &s->us, 1, 8 * BLOCK_FRAMES); /* for scene_end() */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(a_small_page),
        scene_test(a_large_page_and_one_that_was_split),
        scene_test(a_linear_table),
        scene_test(holes_shared_blocks_and_others),
        scene_test(blocks_add_up),
        scene_test(no_root),
        scene_test(tables_of_garbage),
        scene_test(a_domain_that_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
