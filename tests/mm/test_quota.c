/* SPDX-License-Identifier: MIT */
/*
 * What a domain can hold of the machine: hostile ones at random, under both
 * policies, alone and together, never more than so many blocks, counted here
 * from the words of blocks and frames alone; and beside them others always get
 * all that is theirs. SEEDS and STEPS in the environment make it longer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/shared.h"
#include "port.h"
#include "world.h"

#define BLOCKS 160u
/* What is promised: the same as quota.h says, in words of its own. */
#define SPARE 4u
#define WIDTH 4u

static struct world w;
static struct dice dice;

static unsigned upto(unsigned n)
{
    return (unsigned)dice_upto(&dice, n);
}

static struct mm_op on(struct world_domain *x)
{
    return mm_op_on(&x->d, &x->v);
}

static uint64_t most_of(const struct world_domain *x)
{
    uint64_t n = (x->d.max_pages + BLOCK_FRAMES - 1) / BLOCK_FRAMES;

    return n + n / BLOCK_FRAMES + SPARE;
}

/* --- counted anew --------------------------------------------------------- */

struct holds {
    uint64_t own, in; /* blocks: its own; its own and those it has frames in */
};

static bool has_any(const struct block *b, unsigned id)
{
    const struct frame_table *t = frame_table_at(&w.mm, b->table);

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (frame_owner(t->word[i]) == id)
            return true;
    return false;
}

static struct holds count(const struct world_domain *x)
{
    struct holds n = {0, 0};

    for (uint64_t b = 0; b < w.mm.nr_blocks; b++) {
        const struct block *k = &w.mm.blocks[b];
        bool own = block_owned_by(k->word, x->d.id);

        n.own += own;
        n.in += own ||
                (block_class(k->word) == BLOCK_SHARED && has_any(k, x->d.id));
    }
    return n;
}

static void check(const struct world_domain *x)
{
    struct holds n = count(x);

    if (n.own > most_of(x) || n.in > WIDTH * most_of(x))
        fail_msg("domain %u of %lu pages holds %lu blocks and is in %lu",
                 x->d.id, x->d.max_pages, n.own, n.in);
}

/* --- hostile deeds -------------------------------------------------------- */

/* All frames the domain has, in no order that matters. */
static mfn_t has[64 * BLOCK_FRAMES];

static unsigned list_all(const struct world_domain *x)
{
    struct mm_op op = {.mm = &w.mm, .d = (struct mm_domain *)&x->d};
    unsigned n = 0;

    for (uint64_t m = 0; m < w.mm.nr_frames; m++)
        if (block_concerns(w.mm.blocks[m / BLOCK_FRAMES].word, x->d.id) &&
            frame_owned(&op, mfn_of(m)))
            has[n++] = mfn_of(m);
    return n;
}

static void give(struct world_domain *x, const mfn_t *m, unsigned n)
{
    struct mm_op op = on(x);
    unsigned done;

    /* Giving back is never refused. */
    assert_int_equal(reservation_decrease_list(&op, m, n, &done), ERR_NONE);
    assert_int_equal(done, n);
    world_done(&op);
}

/* Gets 2^order frames and keeps one of them. */
static enum err hollow(struct world_domain *x, unsigned order)
{
    struct mm_op op = on(x);
    mfn_t m, rest[BLOCK_FRAMES];
    unsigned keep = upto(1u << order), n = 0;
    enum err rc = reservation_increase(&op, PFN_NONE, order, &m);

    world_done(&op);
    if (rc)
        return rc;
    for (unsigned i = 0; i < 1u << order; i++)
        if (i != keep)
            rest[n++] = mfn_add(m, i);
    give(x, rest, n);
    return ERR_NONE;
}

static enum err take(struct world_domain *x, unsigned n, unsigned *done)
{
    static const pfn_t pfn[8 * BLOCK_FRAMES];
    static mfn_t m[8 * BLOCK_FRAMES];
    struct mm_op op = on(x);
    enum err rc = reservation_increase_list(&op, pfn, m, n, done);

    world_done(&op);
    return rc;
}

/* Of each block it has something in, all but one frame. */
static void thin_out(struct world_domain *x)
{
    unsigned n = list_all(x), k = 0;

    for (unsigned i = 1; i < n; i++)
        if (has[i].v / BLOCK_FRAMES == has[i - 1].v / BLOCK_FRAMES)
            has[k++] = has[i];
    give(x, has, k);
}

static void give_some(struct world_domain *x)
{
    unsigned n = list_all(x), k = 0, one_in = 1 + upto(5);

    for (unsigned i = 0; i < n; i++)
        if (upto(one_in) == 0)
            has[k++] = has[i];
    give(x, has, k);
}

static void exchange_some(struct world_domain *x)
{
    struct mm_op op = on(x);
    unsigned order = upto(10), n = list_all(x);
    static const pfn_t pfn = {0};
    mfn_t in[BLOCK_FRAMES], out;
    struct reservation_exchange e = {in, &out, &pfn, 1u << order, 0, 1, order};
    enum err rc;

    if (n < 1u << order)
        return;
    for (unsigned i = 0; i < 1u << order; i++)
        in[i] = has[i * (n >> order)];
    rc = reservation_exchange(&op, &e);
    if (rc && rc != ERR_NOMEM)
        fail_msg("exchange: %d", rc);
    world_done(&op);
}

static void attack(struct world_domain *x)
{
    unsigned done;

    switch (upto(6)) {
    case 0:
        give_some(x);
        break;
    case 1:
        thin_out(x);
        break;
    case 2:
        exchange_some(x);
        break;
    case 3:
        (void)take(x, 1 + upto(BLOCK_FRAMES), &done);
        break;
    default:
        for (unsigned i = upto(20); i > 0; i--)
            (void)hollow(x, upto(3) ? 9 : upto(9));
    }
}

/* --- one block's frame after the other ------------------------------------ */

static void make(unsigned blocks)
{
    world_make(&w, blocks);
    dice = (struct dice){.s = 88172645463325252u};
}

/* The case: every block of the machine, the reserve too, for one frame each. */
static void one_frame_of_each_block_is_not_the_machine(void **state)
{
    struct world_domain evil;
    uint64_t most;

    (void)state;
    make(BLOCKS);
    world_domain(&w, &evil, 1, 8 * BLOCK_FRAMES);
    for (unsigned order = 9; order > 0; order--)
        while (hollow(&evil, order) == ERR_NONE)
            check(&evil);
    most = most_of(&evil);
    assert_int_equal(count(&evil).own, most);
    assert_int_equal(alloc_stats(&w.mm).free + most, w.blocks_at_boot);
    world_audit(&w, "the hollow blocks");
    world_destroy(&w, &evil);
    world_end(&w);
}

/* The same by way of shared blocks, of which each keeps one frame. */
static void one_frame_of_each_shared_block_is_not_either(void **state)
{
    struct world_domain evil;

    (void)state;
    make(BLOCKS);
    world_domain(&w, &evil, 1, 8 * BLOCK_FRAMES);
    evil.d.relinquish = RELINQUISH_CUT;
    for (unsigned order = 9; order > 0; order--)
        while (hollow(&evil, order) == ERR_NONE)
            check(&evil);
    assert_true(count(&evil).in <= most_of(&evil));
    world_audit(&w, "the hollow shared blocks");
    world_destroy(&w, &evil);
    world_end(&w);
}

/*
 * Others share block after block, one domain takes a frame in each, and they
 * go: it is left with one frame each in blocks that nobody else is in.
 */
static void what_others_leave_behind_is_bounded(void **state)
{
    struct world_domain evil, friend;
    uint64_t most, width = 0;
    unsigned done;

    (void)state;
    make(BLOCKS);
    world_domain(&w, &evil, 1, 8 * BLOCK_FRAMES);
    evil.d.relinquish = RELINQUISH_CUT;
    most = most_of(&evil);
    for (unsigned round = 0; round < 40; round++) {
        world_domain(&w, &friend, 2, 8 * BLOCK_FRAMES);
        friend.d.relinquish = RELINQUISH_CUT;
        while (hollow(&friend, 9) == ERR_NONE) {
            (void)take(&evil, 8 * BLOCK_FRAMES - (unsigned)evil.d.tot_pages,
                       &done);
            thin_out(&evil);
        }
        world_destroy(&w, &friend);
        check(&evil);
        width = MAX(width, count(&evil).in);
    }
    print_message("in up to %lu blocks, of %lu allowed\n", width, WIDTH * most);
    assert_true(width <= WIDTH * most);
    world_destroy(&w, &evil);
    world_end(&w);
}

/*
 * One shares all of its blocks, another has a frame in each, and the first
 * gives the rest back: what is left to the other keeps it from none of its own
 * blocks.
 */
static void what_is_left_to_somebody_is_not_charged(void **state)
{
    enum { LEFT = 30 };
    struct world_domain evil, good;
    struct mm_op e, g;
    mfn_t block[LEFT], m;
    unsigned done;

    (void)state;
    make(BLOCKS);
    world_domain(&w, &evil, 1, LEFT * BLOCK_FRAMES);
    evil.d.relinquish = RELINQUISH_CUT;
    world_domain(&w, &good, 2, 16 * BLOCK_FRAMES);
    e = on(&evil);
    g = on(&good);
    for (unsigned n = 0; n < LEFT; n++) {
        assert_int_equal(reservation_increase(&e, PFN_NONE, 9, &block[n]),
                         ERR_NONE);
        assert_int_equal(reservation_decrease(&e, block[n], 0), ERR_NONE);
    }
    world_done(&e);
    assert_int_equal(take(&good, LEFT, &done), ERR_NONE);
    for (unsigned n = 0; n < LEFT; n++)
        for (unsigned i = 1; i < BLOCK_FRAMES; i++)
            assert_int_equal(reservation_decrease(&e, mfn_add(block[n], i), 0),
                             ERR_NONE);
    world_done(&e);
    check(&good);
    assert_int_equal(good.d.kept_blocks, LEFT);
    for (unsigned n = 0; n < 15; n++)
        assert_int_equal(reservation_increase(&g, PFN_NONE, 9, &m), ERR_NONE);
    world_done(&g);
    check(&good);
    world_destroy(&w, &evil);
    world_destroy(&w, &good);
    world_end(&w);
}

/* --- at random, beside others --------------------------------------------- */

/* All of its memory, back to nearly nothing, and all of it again. */
static void live_well(struct world_domain *x)
{
    unsigned done, n;

    while (x->d.tot_pages < x->d.max_pages) {
        n = (unsigned)MIN(x->d.max_pages - x->d.tot_pages,
                          (uint64_t)BLOCK_FRAMES);
        if (take(x, n, &done))
            fail_msg("domain %u, with %lu of its %lu pages, was refused more",
                     x->d.id, x->d.tot_pages, x->d.max_pages);
    }
    check(x);
    give_some(x);
}

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *s = getenv(name);

    return s ? (unsigned)atoi(s) : otherwise;
}

/* Room for all that is promised: two of 4 blocks, two of 16. */
static void others_get_what_is_theirs(void **state)
{
    unsigned seeds = setting("SEEDS", 4), steps = setting("STEPS", 120);
    struct world_domain evil[2], good[2];
    uint64_t in = 0;

    (void)state;
    for (unsigned seed = 1; seed <= seeds; seed++) {
        make(BLOCKS);
        dice.s = seed * 2654435761u + 1;
        for (unsigned i = 0; i < 2; i++) {
            world_domain(&w, &evil[i], (domid_t)(1 + i), 4 * BLOCK_FRAMES);
            evil[i].d.relinquish = upto(3) ? RELINQUISH_CUT : RELINQUISH_KEEP;
            world_domain(&w, &good[i], (domid_t)(3 + i), 16 * BLOCK_FRAMES);
            good[i].d.relinquish = i ? RELINQUISH_CUT : RELINQUISH_KEEP;
        }
        for (unsigned i = 0; i < steps; i++) {
            struct world_domain *x = &evil[upto(2)];

            attack(x);
            check(x);
            in = MAX(in, count(x).in);
            if (upto(4) == 0)
                live_well(&good[upto(2)]);
            if (i % 16 == 0)
                world_audit(&w, "a hostile step");
        }
        for (unsigned i = 0; i < 2; i++) {
            world_destroy(&w, &evil[i]);
            live_well(&good[i]);
            world_destroy(&w, &good[i]);
        }
        world_end(&w);
    }
    assert_true(in > 8); /* they had tried */
}

/* --- the reserve and the hypervisor's frames ------------------------------ */

/* No block is left but the reserve. */
static void fill(struct world_domain *x)
{
    struct mm_op op = on(x);
    blk_t b;

    while (dmem_block_get(&op, &b) == ERR_NONE)
        ;
    world_done(&op);
}

/*
 * All blocks are somebody's. One domain takes of the reserve what it can and
 * uses all of its blocks at 4 KiB grain; then another one does.
 */
static void the_reserve_is_taken_in_shares(void **state)
{
    struct world_domain evil, other, born;
    uint64_t was;
    struct mm_op op;
    mfn_t m;

    (void)state;
    make(600); /* frame tables for all: three blocks of the reserve */
    alloc_set_reserve(&w.mm, 20);
    world_domain(&w, &evil, 1, 64 * BLOCK_FRAMES);
    world_domain(&w, &other, 2, 700 * BLOCK_FRAMES);
    evil.d.max_pages = 32 * BLOCK_FRAMES;
    fill(&evil);
    evil.d.max_pages = 64 * BLOCK_FRAMES;
    fill(&other);
    assert_int_equal(alloc_stats(&w.mm).free, 20);
    for (unsigned order = 8; order > 0; order--)
        while (hollow(&evil, order) == ERR_NONE)
            ;
    check(&evil);
    was = alloc_stats(&w.mm).free;
    assert_int_equal(was, 17); /* 20 * 64 / 599, and one */
    /* The tables of everybody else's. */
    op = on(&other);
    for (uint64_t b = 0; b < w.mm.nr_blocks; b++)
        if (block_owned_by(w.mm.blocks[b].word, 2))
            assert_int_equal(dmem_frame_check(&op, mfn_of_blk(blk_of(b))),
                             ERR_NONE);
    /* A new domain's first frame. */
    world_domain(&w, &born, 3, 4 * BLOCK_FRAMES);
    op = on(&born);
    assert_int_equal(dmem_fixed_get(&op, &m), ERR_NONE);
    world_audit(&w, "the reserve is dealt out");
    world_destroy(&w, &born);
    world_destroy(&w, &evil);
    world_destroy(&w, &other);
    world_end(&w);
}

/*
 * The hypervisor's other needs, and domains that cut, leave enough for the
 * frame tables of all blocks of the machine.
 */
static void tables_are_kept_for_all_blocks(void **state)
{
    static struct world_domain many[40];
    struct world_domain other;
    struct mm_op op;
    unsigned n = 0;
    mfn_t m;

    (void)state;
    make(600);
    alloc_set_reserve(&w.mm, 9);
    world_domain(&w, &other, 100, 700 * BLOCK_FRAMES);
    fill(&other);
    for (; n < 40; n++) {
        world_domain(&w, &many[n], (domid_t)(1 + n), BLOCK_FRAMES);
        op = on(&many[n]);
        if (dmem_fixed_get(&op, &m))
            break;
    }
    assert_true(n > 1 && n < 40); /* all shares together are more than all */
    while (alloc_hv_get(&w.mm, 0, &m) == ERR_NONE)
        ; /* not to be given back: the machine ends with the test */
    op = on(&other);
    for (uint64_t b = 0; b < w.mm.nr_blocks; b++)
        if (block_owned_by(w.mm.blocks[b].word, 100))
            assert_int_equal(dmem_frame_check(&op, mfn_of_blk(blk_of(b))),
                             ERR_NONE);
    world_audit(&w, "all tables");
    free(w.mm.m2p);
    free(w.metadata);
    free(w.scratch);
}

/* --- orders 1 to 8 -------------------------------------------------------- */

/*
 * A chunk at hand, of its own holes or of a shared block; else a block is cut,
 * as long as the quota has one: reservation.h.
 */
static void a_chunk_is_at_hand_or_a_block_is_cut(void **state)
{
    struct world_domain x;
    struct mm_op op;
    uint64_t blocks;
    mfn_t m, n;

    (void)state;
    make(32);
    world_domain(&w, &x, 1, 4 * BLOCK_FRAMES);
    op = on(&x);
    for (unsigned order = 1; order < 9; order++) {
        blocks = x.d.blocks;
        assert_int_equal(reservation_increase(&op, PFN_NONE, order, &m),
                         ERR_NONE);
        assert_int_equal(m.v % (1u << order), 0);
        assert_int_equal(x.d.blocks, MAX(blocks, UINT64_C(1)));
        if (order < 8) { /* the other half of the pair: at hand */
            assert_int_equal(reservation_increase(&op, PFN_NONE, order, &n),
                             ERR_NONE);
            assert_int_equal(x.d.blocks, 1);
            assert_int_equal(reservation_decrease(&op, n, order), ERR_NONE);
        }
        assert_int_equal(reservation_decrease(&op, m, order), ERR_NONE);
        world_done(&op);
        assert_int_equal(x.d.blocks, 0); /* all holes: given back */
    }
    /* Every other frame is free, no pair: a block is cut for each... */
    for (blocks = 0; hollow(&x, 8) == ERR_NONE; blocks++)
        assert_int_equal(x.d.blocks, blocks / 2 + 1);
    /* ... as far as the quota goes, though most of its frames are holes. */
    assert_int_equal(x.d.blocks, most_of(&x));
    assert_true(x.d.tot_pages < BLOCK_FRAMES && alloc_stats(&w.mm).free > 8);
    assert_int_equal(reservation_increase(&op, PFN_NONE, 0, &m), ERR_NONE);
    world_done(&op);
    world_destroy(&w, &x);
    world_end(&w);
}

/*
 * What it keeps it is charged for, so it may always have that, in runs too,
 * however many blocks of others are listed before.
 */
static void a_run_of_what_it_keeps_is_at_hand(void **state)
{
    struct world_domain good, evil;
    struct mm_op op;
    mfn_t m;

    (void)state;
    make(BLOCKS);
    world_domain(&w, &good, 1, 16 * BLOCK_FRAMES);
    world_domain(&w, &evil, 2, 32 * BLOCK_FRAMES);
    good.d.relinquish = evil.d.relinquish = RELINQUISH_CUT;
    while (hollow(&good, 9) == ERR_NONE)
        ;
    assert_int_equal(good.d.kept_blocks, most_of(&good));
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(hollow(&evil, 9), ERR_NONE);
    op = on(&good);
    for (unsigned order = 0; order < 9; order++)
        assert_int_equal(reservation_increase(&op, PFN_NONE, order, &m),
                         ERR_NONE);
    world_done(&op);
    check(&good);
    world_audit(&w, "runs of what it keeps");
    world_destroy(&w, &evil);
    world_destroy(&w, &good);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_frame_of_each_block_is_not_the_machine),
        cmocka_unit_test(one_frame_of_each_shared_block_is_not_either),
        cmocka_unit_test(what_others_leave_behind_is_bounded),
        cmocka_unit_test(what_is_left_to_somebody_is_not_charged),
        cmocka_unit_test(others_get_what_is_theirs),
        cmocka_unit_test(the_reserve_is_taken_in_shares),
        cmocka_unit_test(tables_are_kept_for_all_blocks),
        cmocka_unit_test(a_chunk_is_at_hand_or_a_block_is_cut),
        cmocka_unit_test(a_run_of_what_it_keeps_is_at_hand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
