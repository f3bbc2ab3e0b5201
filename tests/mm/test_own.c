/* SPDX-License-Identifier: MIT */
/*
 * A block that goes back to whose it was needs no scrub, and nobody else ever
 * sees what is in it: not another domain, nor one of the same id that comes
 * later, nor one that had it in hand unscrubbed, nor who relies on zeroes. With
 * reuse=off nobody sees what is in it, whoever it was.
 */
#include "mm/alloc/dmem.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MACHINE 40u /* blocks */
#define MOST    16u /* that a domain has in this test */
#define LIVES   3u

struct guest {
    struct world_domain x;
    mfn_t has[MOST];
    unsigned nr;
    uint64_t tag; /* what it writes everywhere: no other ever does */
};

struct lives {
    struct world w;
    struct guest guest[LIVES];
    struct dice dice;
    uint64_t tags, was_own, was_zero;
};

static int make(void **state)
{
    struct lives *s = calloc(1, sizeof(*s));

    world_make(&s->w, MACHINE);
    s->dice.s = 7;
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct lives *s = *state;

    world_audit(&s->w, "the test");
    world_end(&s->w);
    free(s);
    return 0;
}

#define lives_test(f) cmocka_unit_test_setup_teardown(f, make, end)

static struct mm_op op_of(struct guest *g)
{
    return mm_op_on(&g->x.d, &g->x.v);
}

static void born(struct lives *s, struct guest *g, domid_t id)
{
    *g = (struct guest){.tag = ++s->tags};
    world_domain(&s->w, &g->x, id, MACHINE * BLOCK_FRAMES);
}

static uint64_t *content(struct lives *s, mfn_t m)
{
    return mm_frame_ptr(&s->w.mm, m);
}

/* Word by word: the block is that of nobody but g, or of nobody. */
static void look(struct lives *s, const struct guest *g, mfn_t m)
{
    const uint64_t *p = content(s, m);
    bool own = false;

    for (unsigned i = 0; i < BLOCK_SIZE / 8; i++) {
        if (p[i] && p[i] != g->tag)
            fail_msg("%lu sees what %lu left", g->tag, p[i]);
        own = own || p[i];
    }
    s->was_own += own;
    s->was_zero += !own;
}

static void write_all(struct lives *s, const struct guest *g, mfn_t m)
{
    for (unsigned i = 0; i < BLOCK_SIZE / 8; i += 61)
        content(s, m)[i] = g->tag;
}

static void in(struct lives *s, struct guest *g)
{
    struct mm_op op = op_of(g);
    mfn_t m;

    if (g->nr == MOST || reservation_increase(&op, PFN_NONE, 9, &m))
        return;
    world_done(&op);
    look(s, g, m);
    write_all(s, g, m);
    g->has[g->nr++] = m;
}

static mfn_t out(struct guest *g, unsigned i)
{
    struct mm_op op = op_of(g);
    mfn_t m = g->has[i];

    assert_int_equal(reservation_decrease(&op, m, 9), ERR_NONE);
    world_done(&op);
    g->has[i] = g->has[--g->nr];
    return m;
}

/* --- one by one ----------------------------------------------------------- */

static void its_own_comes_back_as_it_was(void **state)
{
    struct lives *s = *state;
    struct guest *g = &s->guest[0];
    uint64_t scrubs;
    mfn_t m;

    born(s, g, 1);
    for (unsigned i = 0; i < 5; i++)
        in(s, g);
    scrubs = alloc_stats(&s->w.mm).sync_scrubs;
    for (unsigned round = 0; round < 10; round++) {
        m = out(g, 4);
        in(s, g);
        assert_int_equal(g->has[4].v, m.v);
    }
    while (g->nr)
        out(g, 0);
    while (g->nr < 5)
        in(s, g);
    assert_int_equal(alloc_stats(&s->w.mm).sync_scrubs, scrubs);
    assert_int_equal(alloc_stats(&s->w.mm).unscrubbed, 15);
    assert_int_equal(s->was_own, 15);
    world_destroy(&s->w, &g->x);
}

/* The same block, by way of the same CPU's cache, to each who is not it. */
static void nobody_else_sees_it(void **state)
{
    struct lives *s = *state;
    struct guest *a = &s->guest[0], *b = &s->guest[1];
    struct mm_op op;
    blk_t blk;

    born(s, a, 1);
    born(s, b, 2);
    while (a->nr < MOST)
        in(s, a);
    while (a->nr)
        out(a, 0);
    while (b->nr < MOST)
        in(s, b);
    assert_int_equal(s->was_own, 0);
    while (b->nr)
        out(b, 0);
    world_destroy(&s->w, &a->x);
    born(s, a, 1); /* the id again, and another incarnation */
    while (a->nr < MOST)
        in(s, a);
    assert_int_equal(s->was_own, 0);
    out(a, 0);
    op = op_of(a);
    assert_int_equal(dmem_block_get(&op, &blk), ERR_NONE); /* wants zeroes */
    look(s, a, mfn_of_blk(blk));
    assert_int_equal(s->was_own, 0);
    assert_int_equal(dmem_block_put(&op, blk), ERR_NONE);
    world_done(&op);
    world_destroy(&s->w, &a->x);
    world_destroy(&s->w, &b->x);
}

/* b has a's block in hand as it was left, gives it back, and wants one. */
static void what_was_dirty_in_hand_is_not_its_own(void **state)
{
    struct lives *s = *state;
    struct guest *a = &s->guest[0], *b = &s->guest[1];
    blk_t got[MACHINE];
    unsigned n = 0, dirty = 0;
    struct mm_op op;

    born(s, a, 1);
    born(s, b, 2);
    while (a->nr < MOST)
        in(s, a);
    while (a->nr)
        out(a, 0);
    op = op_of(b);
    while (n < MACHINE && !dmem_block_get_dirty(&op, &got[n])) {
        dirty += *content(s, mfn_of_blk(got[n])) == a->tag;
        n++;
    }
    assert_true(dirty > 0);
    while (n-- > 0)
        assert_int_equal(dmem_block_put(&op, got[n]), ERR_NONE);
    world_done(&op);
    while (b->nr < MOST)
        in(s, b);
    assert_int_equal(s->was_own, 0);
    world_destroy(&s->w, &a->x);
    world_destroy(&s->w, &b->x);
}

/* So many times the block goes and comes. */
static void out_and_in(struct lives *s, struct guest *g, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        out(g, 4);
        in(s, g);
    }
}

/* Each block costs a scrub then; and on again, what is its own is known. */
static void off_it_is_zeroed(void **state)
{
    struct lives *s = *state;
    struct guest *g = &s->guest[0];
    struct alloc_stats was, now;

    assert_true(alloc_stats(&s->w.mm).reuse);
    born(s, g, 1);
    for (unsigned i = 0; i < 5; i++)
        in(s, g);
    alloc_set_reuse(&s->w.mm, false);
    was = alloc_stats(&s->w.mm);
    assert_false(was.reuse);
    out_and_in(s, g, 10);
    while (g->nr)
        out(g, 0);
    while (g->nr < 5)
        in(s, g);
    now = alloc_stats(&s->w.mm);
    assert_int_equal(s->was_own, 0);
    assert_int_equal(now.unscrubbed, 0);
    assert_int_equal(now.sync_scrubs - was.sync_scrubs, 15);
    alloc_set_reuse(&s->w.mm, true);
    out_and_in(s, g, 10);
    assert_int_equal(s->was_own, 10);
    assert_int_equal(alloc_stats(&s->w.mm).unscrubbed, 10);
    assert_int_equal(alloc_stats(&s->w.mm).sync_scrubs, now.sync_scrubs);
    world_destroy(&s->w, &g->x);
}

/* When there are no more numbers nothing is anybody's own. */
static void the_last_incarnation_of_all(void **state)
{
    struct lives *s = *state;
    struct guest *a = &s->guest[0];

    s->w.mm.incarnations = BLOCK_LAST_MAX - 1;
    born(s, a, 1);
    assert_int_equal(a->x.d.incarnation, BLOCK_LAST_MAX);
    in(s, a);
    out(a, 0);
    in(s, a);
    assert_int_equal(s->was_own, 1);
    world_destroy(&s->w, &a->x);
    for (unsigned i = 0; i < 2; i++) {
        born(s, a, 1);
        assert_int_equal(a->x.d.incarnation, 0);
        in(s, a);
        out(a, 0);
        in(s, a);
        world_destroy(&s->w, &a->x);
    }
    assert_int_equal(s->was_own, 1);
}

/* --- all at once ---------------------------------------------------------- */

/* Frame by frame, so that the block goes back when it is all holes. */
static void out_by_frames(struct guest *g, unsigned i)
{
    struct mm_op op = op_of(g);
    mfn_t m = g->has[i];

    for (unsigned k = 0; k < BLOCK_FRAMES; k++)
        assert_int_equal(reservation_decrease(&op, mfn_add(m, k), 0), ERR_NONE);
    world_done(&op);
    g->has[i] = g->has[--g->nr];
}

static void step(struct lives *s)
{
    struct guest *g = &s->guest[dice_upto(&s->dice, LIVES)];

    if (!g->tag) {
        born(s, g, (domid_t)(1 + (g - s->guest)));
        return;
    }
    switch (dice_upto(&s->dice, 40)) {
    case 0:
        world_destroy(&s->w, &g->x);
        g->tag = 0;
        break;
    case 1:
        (void)alloc_scrub(&s->w.mm, dice_upto(&s->dice, 4));
        break;
    case 2:
    case 3:
        if (g->nr)
            out_by_frames(g, (unsigned)dice_upto(&s->dice, g->nr));
        break;
    default:
        if (dice_upto(&s->dice, 2))
            in(s, g);
        else if (g->nr)
            out(g, (unsigned)dice_upto(&s->dice, g->nr));
    }
}

static void come_and_go(struct lives *s)
{
    for (unsigned i = 0; i < 3000; i++) {
        step(s);
        if (i % 50 == 0)
            world_audit(&s->w, "a step");
    }
    print_message("%lu came back as they were, %lu were zeroes\n", s->was_own,
                  s->was_zero);
    for (unsigned i = 0; i < LIVES; i++)
        if (s->guest[i].tag)
            world_destroy(&s->w, &s->guest[i].x);
}

static void whatever_comes_and_goes(void **state)
{
    struct lives *s = *state;

    come_and_go(s);
    assert_true(s->was_own > 200 && s->was_zero > 200);
}

static void whatever_comes_and_goes_off(void **state)
{
    struct lives *s = *state;

    alloc_set_reuse(&s->w.mm, false);
    come_and_go(s);
    assert_true(s->was_own == 0 && s->was_zero > 400);
    assert_int_equal(alloc_stats(&s->w.mm).unscrubbed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        lives_test(its_own_comes_back_as_it_was),
        lives_test(nobody_else_sees_it),
        lives_test(what_was_dirty_in_hand_is_not_its_own),
        lives_test(off_it_is_zeroed),
        lives_test(the_last_incarnation_of_all),
        lives_test(whatever_comes_and_goes),
        lives_test(whatever_comes_and_goes_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
