/* SPDX-License-Identifier: MIT */
/*
 * test_compact.c: frames move from emptier blocks into fuller ones, with what
 * maps them and what M2P says, until the blocks they left go back whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/frame.h"
#include "mm/pv/supply.h"
#include "mm/resize/compact.h"
#include "port.h"
#include "scene.h"
#include "simtlb.h"

#define BLOCKS 4u

/* Blocks of which only the first `left` frames have not been given back. */
struct holed {
    mfn_t block[BLOCKS];
    unsigned left[BLOCKS];
};

static void make_holes(struct scene *s, struct holed *h)
{
    for (unsigned b = 0; b < BLOCKS; b++) {
        blk_t blk;

        assert_int_equal(dmem_block_get(&s->op, &blk), ERR_NONE);
        h->block[b] = mfn_of_blk(blk);
        for (unsigned i = h->left[b]; i < BLOCK_FRAMES; i++)
            assert_int_equal(dmem_frame_put(&s->op, mfn_add(h->block[b], i)),
                             ERR_NONE);
        for (unsigned i = 0; i < h->left[b]; i++) {
            mfn_t m = mfn_add(h->block[b], i);

            *(uint64_t *)mm_frame_ptr(&s->w.mm, m) = m.v * 3;
            s->w.mm.m2p[m.v] = m.v + 7;
        }
    }
    world_done(&s->op);
    world_audit(&s->w, "making holes");
}

static enum err move_it(struct scene *s, mfn_t *m, maddr_t pte)
{
    enum err rc = compact_move(&s->op, m, pte);

    world_done(&s->op);
    world_audit(&s->w, "a move");
    return rc;
}

static mfn_t block_of(mfn_t m)
{
    return mfn_of(m.v & ~UINT64_C(511));
}

static void same_content(struct scene *s, mfn_t now, mfn_t was)
{
    assert_int_equal(*(uint64_t *)mm_frame_ptr(&s->w.mm, now), was.v * 3);
    assert_int_equal(s->w.mm.m2p[now.v], was.v + 7);
}

static void the_fullest_block_is_filled(void **state)
{
    struct scene *s = *state;
    struct holed h = {.left = {10, 300, 500, 200}};
    uint64_t blocks, pages;

    make_holes(s, &h);
    blocks = s->us.d.blocks;
    pages = s->us.d.tot_pages;
    for (unsigned i = 0; i < 10; i++) {
        mfn_t was = mfn_add(h.block[0], i), m = was;

        assert_int_equal(s->us.d.blocks, blocks);
        assert_int_equal(move_it(s, &m, maddr_of(0)), ERR_NONE);
        assert_int_equal(block_of(m).v, h.block[2].v);
        same_content(s, m, was);
        if (i < 9)
            assert_int_equal(s->w.mm.m2p[was.v], ~UINT64_C(0));
    }
    assert_int_equal(s->us.d.blocks, blocks - 1); /* it went back whole */
    assert_int_equal(s->us.d.tot_pages, pages);
}

static void what_is_well_placed_stays(void **state)
{
    struct scene *s = *state;
    struct holed h = {.left = {100, 300, 500, 512}};
    mfn_t m;

    make_holes(s, &h);
    m = h.block[2]; /* the fullest that has holes */
    assert_int_equal(move_it(s, &m, maddr_of(0)), ERR_NONE);
    assert_int_equal(m.v, h.block[2].v);
    m = h.block[3]; /* full */
    assert_int_equal(move_it(s, &m, maddr_of(0)), ERR_NONE);
    assert_int_equal(m.v, h.block[3].v);
    m = s->block; /* whole, without words */
    assert_int_equal(move_it(s, &m, maddr_of(0)), ERR_NONE);
    assert_int_equal(m.v, s->block.v);
}

/* As full as each other: one gives to the other, and not back again. */
static void equals_do_not_play_ball(void **state)
{
    struct scene *s = *state;
    struct holed h = {.left = {400, 400, 400, 400}};
    unsigned moved = 0, lowest = 0;
    mfn_t m;

    make_holes(s, &h);
    for (unsigned b = 1; b < BLOCKS; b++)
        lowest = h.block[b].v < h.block[lowest].v ? b : lowest;
    m = h.block[lowest];
    assert_int_equal(move_it(s, &m, maddr_of(0)), ERR_NONE);
    assert_true(mfn_eq(m, h.block[lowest])); /* others move here */
    for (unsigned round = 0; round < 3; round++)
        for (unsigned b = 0; b < BLOCKS; b++) {
            m = mfn_add(h.block[b], round);
            if (!frame_owned(&s->op, m) ||
                move_it(s, &m, maddr_of(0)) != ERR_NONE)
                continue;
            moved += m.v != h.block[b].v + round;
        }
    assert_int_equal(moved, 9); /* all but those of one block */
}

static void the_entry_goes_with_its_frame(void **state)
{
    struct scene *s = *state;
    struct holed h = {.left = {10, 300, 500, 200}};
    maddr_t pte = maddr_of(s->l1.v << PAGE_SHIFT | 20 * 8);
    mfn_t was, m;
    uint64_t *at;

    make_holes(s, &h);
    was = m = mfn_add(h.block[0], 4);
    assert_int_equal(scene_update(s, s->l1, 20, pte_make(m, KERNEL | BIT(9)).v),
                     ERR_NONE);
    assert_non_null(simtlb_access(&s->us.d, 0, s->l4, 20 * PAGE_SIZE, true));
    assert_int_equal(move_it(s, &m, pte), ERR_NONE);
    assert_int_equal(block_of(m).v, h.block[2].v);
    same_content(s, m, was);
    assert_int_equal(scene_entry(s, s->l1, 20)->v & ~(PTE_A | PTE_D | PTE_G),
                     pte_make(m, KERNEL | BIT(9)).v);
    assert_true(pte_has(*scene_entry(s, s->l1, 20), PTE_A | PTE_D));
    at = simtlb_access(&s->us.d, 0, s->l4, 20 * PAGE_SIZE, true);
    assert_ptr_equal(at, mm_frame_ptr(&s->w.mm, m));
    assert_int_equal(scene_update(s, s->l1, 20, pte_make(m, READ).v), ERR_NONE);
    assert_int_equal(move_it(s, &m, pte), ERR_NONE);
}

/*
 * Another vCPU goes on writing, on CPU 1, wherever the hypervisor waits; but
 * where the page is absent, and then the count says so (mm/pv/absent.h).
 */
static struct {
    struct scene *s;
    uint64_t last;
} other;

static void other_writes(struct mm_domain *d)
{
    uint64_t *at = simtlb_access(d, 1, other.s->l4, 20 * PAGE_SIZE + 64, true);

    if (at)
        *at = ++other.last;
    assert_int_equal(d->absent & 1,
                     !pte_present(*scene_entry(other.s, other.s->l1, 20)));
}

static void what_others_write_meanwhile_is_not_lost(void **state)
{
    struct scene *s = other.s = *state;
    struct holed h = {.left = {10, 300, 500, 200}};
    mfn_t m;

    make_holes(s, &h);
    m = mfn_add(h.block[0], 4);
    assert_int_equal(scene_update(s, s->l1, 20, pte_make(m, KERNEL).v),
                     ERR_NONE);
    other_writes(&s->us.d);
    host_before_flush = other_writes;
    assert_int_equal(move_it(s, &m, maddr_of(s->l1.v << PAGE_SHIFT | 20 * 8)),
                     ERR_NONE);
    host_before_flush = NULL;
    assert_int_equal(s->us.d.absent, 2);
    assert_int_equal(block_of(m).v, h.block[2].v);
    assert_true(other.last > 1);
    assert_int_equal(((uint64_t *)mm_frame_ptr(&s->w.mm, m))[8], other.last);
}

static void refused(struct scene *s, mfn_t m, uint64_t pte, enum err want)
{
    struct mm_domain was = s->us.d;
    mfn_t now = m;

    assert_int_equal(move_it(s, &now, maddr_of(pte)), want);
    assert_true(mfn_eq(now, m));
    was.frame_tables = s->us.d.frame_tables;
    assert_memory_equal(&was, &s->us.d, sizeof(was));
}

static void what_is_referred_to_is_not_moved(void **state)
{
    struct scene *s = *state;
    struct holed h = {.left = {10, 300, 500, 200}};
    const uint64_t e20 = s->l1.v << PAGE_SHIFT | 20 * 8;
    mfn_t m, fixed, supplied;

    make_holes(s, &h);
    m = h.block[0];
    assert_int_equal(scene_update(s, s->l1, 20, pte_make(m, READ).v), ERR_NONE);
    refused(s, m, 0, ERR_BUSY);
    refused(s, mfn_add(m, 1), e20, ERR_INVAL);
    refused(s, m, e20 + 8, ERR_INVAL);
    refused(s, m, e20 + 1, ERR_INVAL);
    refused(s, m, s->l2.v << PAGE_SHIFT, ERR_INVAL);
    refused(s, s->l1, s->l2.v << PAGE_SHIFT, ERR_INVAL);
    refused(s, m, s->data.v << PAGE_SHIFT, ERR_INVAL);
    refused(s, m, s->foreign.v << PAGE_SHIFT, ERR_INVAL);
    refused(s, m, ~UINT64_C(7), ERR_INVAL);
    assert_int_equal(scene_update(s, s->l1, 21, pte_make(m, KERNEL).v),
                     ERR_NONE);
    refused(s, m, e20, ERR_BUSY);
    assert_int_equal(scene_update(s, s->l1, 21, 0), ERR_NONE);
    memset(mm_frame_ptr(&s->w.mm, mfn_add(m, 2)), 0, PAGE_SIZE);
    assert_int_equal(mmu_pin(&s->op, mfn_add(m, 2), 1), ERR_NONE);
    refused(s, mfn_add(m, 2), 0, ERR_BUSY);
    assert_int_equal(mmu_unpin(&s->op, mfn_add(m, 2)), ERR_NONE);
    assert_int_equal(dmem_fixed_get(&s->op, &fixed), ERR_NONE);
    refused(s, fixed, 0, ERR_INVAL);
    assert_int_equal(supply_get(&s->op, &supplied), ERR_NONE);
    refused(s, supplied, 0, ERR_INVAL);
    refused(s, s->foreign, 0, ERR_INVAL);
    refused(s, mfn_add(m, 400), 0, ERR_INVAL); /* a hole */
    refused(s, mfn_of(s->w.mm.nr_frames), 0, ERR_INVAL);
    refused(s, MFN_NONE, 0, ERR_INVAL);
    assert_int_equal(
        scene_update(s, s->l2, 9, pte_make(s->block, READ | PTE_PSE).v),
        ERR_NONE);
    refused(s, s->block, 0, ERR_BUSY);
}

/* The only allocation there is: words of a block that has none yet. */
static void without_memory_nothing_moves(void **state)
{
    struct scene *s = *state;

    s->w.mm.alloc.fail_in = 1;
    refused(s, s->block, 0, ERR_NOMEM);
    assert_int_equal(s->w.mm.alloc.fail_in, 0);
}

/* Scattered at random, then every frame is offered, until nothing moves. */
static void all_holes_gather(void **state)
{
    struct scene *s = *state;
    struct holed h = {.left = {512, 512, 512, 512}};
    struct dice dice = {.s = 11};
    unsigned moved, kept = 0, rounds = 0;

    make_holes(s, &h);
    for (unsigned b = 0; b < BLOCKS; b++)
        for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
            if (dice_upto(&dice, 5) == 0)
                kept++;
            else
                assert_int_equal(dmem_frame_put(&s->op, mfn_add(h.block[b], i)),
                                 ERR_NONE);
        }
    world_done(&s->op);
    do {
        moved = 0;
        for (unsigned n = 0; n < BLOCKS * BLOCK_FRAMES; n++) {
            mfn_t was = mfn_add(h.block[n / 512], n % 512), m = was;
            struct frame f;

            if (!frame_owned(&s->op, was))
                continue;
            f = frame_held(&s->w.mm, was);
            if (!frame_is_idle(frame_word(&f), 1))
                continue;
            assert_int_equal(compact_move(&s->op, &m, maddr_of(0)), ERR_NONE);
            moved += !mfn_eq(m, was);
        }
        world_done(&s->op);
        world_audit(&s->w, "a round of moves");
        assert_true(++rounds < 6);
    } while (moved);
    assert_true(kept < BLOCK_FRAMES);
    /* What the scene has itself, and no more than one block of all this. */
    assert_true(s->us.d.blocks <= 3);
}

/* A few frames in each of so many blocks that no move looks at all of them. */
static void many_blocks_become_few(void **state)
{
    enum { MANY = 150, EACH = 3 };
    static mfn_t frame[MANY * EACH];
    struct scene s = {0};
    unsigned moved, rounds = 0;

    (void)state;
    world_make(&s.w, MANY + 10);
    world_domain(&s.w, &s.us, 1, (MANY + 1) * BLOCK_FRAMES);
    s.op = mm_op_on(&s.us.d, &s.us.v);
    for (unsigned b = 0; b < MANY; b++) {
        blk_t blk;

        assert_int_equal(dmem_block_get(&s.op, &blk), ERR_NONE);
        for (unsigned i = EACH; i < BLOCK_FRAMES; i++)
            assert_int_equal(dmem_frame_put(&s.op, mfn_add(mfn_of_blk(blk), i)),
                             ERR_NONE);
        for (unsigned i = 0; i < EACH; i++)
            frame[b * EACH + i] = mfn_add(mfn_of_blk(blk), i);
    }
    do {
        moved = 0;
        for (unsigned i = 0; i < MANY * EACH; i++) {
            mfn_t was = frame[i];

            assert_int_equal(compact_move(&s.op, &frame[i], maddr_of(0)),
                             ERR_NONE);
            moved += !mfn_eq(was, frame[i]);
        }
        world_done(&s.op);
        world_audit(&s.w, "a round of moves");
        assert_true(++rounds < 8);
    } while (moved);
    assert_int_equal(s.us.d.blocks, 1);
    world_destroy(&s.w, &s.us);
    world_end(&s.w);
}

/* A frame in a block that is anybody's is better off in one's own. */
static void shared_blocks_are_left_behind(void **state)
{
    struct scene *s = *state;
    mfn_t m = mfn_add(s->block, 9);

    s->us.d.relinquish = RELINQUISH_CUT;
    assert_true(s->us.d.holed); /* of the block its tables were cut from */
    assert_int_equal(dmem_frame_put(&s->op, s->block), ERR_NONE);
    world_done(&s->op);
    *(uint64_t *)mm_frame_ptr(&s->w.mm, m) = m.v * 3;
    s->w.mm.m2p[m.v] = m.v + 7;
    assert_int_equal(move_it(s, &m, maddr_of(0)), ERR_NONE);
    assert_false(mfn_eq(block_of(m), s->block));
    same_content(s, m, mfn_add(s->block, 9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(the_fullest_block_is_filled),
        scene_test(what_is_well_placed_stays),
        scene_test(equals_do_not_play_ball),
        scene_test(the_entry_goes_with_its_frame),
        scene_test(what_others_write_meanwhile_is_not_lost),
        scene_test(what_is_referred_to_is_not_moved),
        scene_test(without_memory_nothing_moves),
        scene_test(all_holes_gather),
        cmocka_unit_test(many_blocks_become_few),
        scene_test(shared_blocks_are_left_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
