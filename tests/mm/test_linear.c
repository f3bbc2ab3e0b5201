/* SPDX-License-Identifier: MIT */
/*
 * test_linear.c: trees with linear tables at every level, interrupted at every
 * look at the clock: refused at their last entry while what they map linearly
 * has nobody else any more; taken down; ended with their domain. However many
 * tables are half way down, each is finished, and every frame can be given back
 * (XSA-240, -290, -299, -309, -310).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port.h"
#include "scene.h"

#define LINEAR (PTE_P | PTE_US)

/* What one tree is made of. */
struct tree {
    mfn_t frame[64];
    unsigned n;
    mfn_t keep[4]; /* pinned tables by level, that others map too */
    mfn_t top;
    mfn_t linear[5]; /* pinned tables by level that the tree maps linearly */
    mfn_t bad;       /* an L1 table */
};

static mfn_t table(struct scene *s, struct tree *t)
{
    assert_true(t->n < ARRAY_SIZE(t->frame));
    t->frame[t->n] = scene_frame(s);
    return t->frame[t->n++];
}

static void put(struct scene *s, mfn_t at, unsigned i, mfn_t m, uint64_t flags)
{
    *scene_entry(s, at, i) = pte_make(m, flags);
}

static void pin(struct scene *s, mfn_t m, unsigned level)
{
    assert_int_equal(mmu_pin(&s->op, m, level), ERR_NONE);
}

static void unpin(struct scene *s, mfn_t m)
{
    assert_int_equal(mmu_unpin(&s->op, m), ERR_NONE);
}

static mfn_t tree_of(struct scene *s, struct tree *t, unsigned level);

/* Pinned, of `level`, with something below that only it holds. */
static mfn_t pinned(struct scene *s, struct tree *t, unsigned level)
{
    mfn_t m = table(s, t), below;

    put(s, m, 0, t->keep[level - 1], KERNEL);
    put(s, m, 1, t->keep[level - 1], KERNEL);
    if (level > 2) {
        below = tree_of(s, t, level - 1);
        put(s, m, 2, below, KERNEL);
        pin(s, m, level);
        unpin(s, below);
    } else {
        pin(s, m, level);
    }
    return m;
}

/* Pinned, of `level`, with a linear entry for a table only it holds. */
static mfn_t tree_of(struct scene *s, struct tree *t, unsigned level)
{
    mfn_t m = table(s, t), linear = pinned(s, t, level);

    put(s, m, 0, t->keep[level - 1], KERNEL);
    put(s, m, 1, linear, LINEAR);
    pin(s, m, level);
    unpin(s, linear);
    return m;
}

static void make_kept(struct scene *s, struct tree *t)
{
    for (unsigned level = 1; level < 4; level++) {
        t->keep[level] = table(s, t);
        if (level > 1)
            put(s, t->keep[level], 0, t->keep[level - 1], KERNEL);
        pin(s, t->keep[level], level);
    }
}

/* L4 to L1, linear at each level; not validated. The last entry may be bad. */
static void make_tree(struct scene *s, struct tree *t, bool bad)
{
    mfn_t below;

    memset(t, 0, sizeof(*t));
    make_kept(s, t);
    t->bad = below = table(s, t);
    put(s, below, 0, s->data, READ);
    put(s, below, 511, bad ? s->foreign : s->data, READ);
    for (unsigned level = 2; level <= 4; level++) {
        mfn_t m = table(s, t);

        t->linear[level] = pinned(s, t, level);
        put(s, m, 0, t->keep[level - 1], KERNEL);
        put(s, m, 1, t->linear[level], LINEAR);
        put(s, m, 2, t->keep[level - 1], KERNEL);
        put(s, m, 3, below, KERNEL);
        below = m;
    }
    t->top = below;
}

/* Those on their way down; and those that a pin is at, which may go on. */
static unsigned partial_tables(struct scene *s, bool up)
{
    unsigned n = 0;

    for (uint64_t b = 0; b < s->w.mm.nr_blocks; b++) {
        const struct block *block = mm_block(&s->w.mm, blk_of(b));
        const struct frame_table *t;

        if (!block->table)
            continue;
        t = frame_table_at(&s->w.mm, block->table);
        for (unsigned i = 0; i < BLOCK_FRAMES; i++)
            n += (t->word[i] & FRAME_PARTIAL) && (t->pt[i].stop == PT_UP) == up;
    }
    return n;
}

static void check(struct scene *s, const char *after)
{
    world_done(&s->op);
    world_audit(&s->w, after);
}

/* Interrupted every nth time, until it is through; *times: how often it was. */
static void drain(struct scene *s, unsigned every, unsigned *times)
{
    enum err rc;

    do {
        host_preempt_every(every);
        rc = type_finish_deferred(&s->op);
        host_preempt_at(0);
        check(s, "going on");
        *times += rc == ERR_RESTART;
    } while (rc);
    assert_int_equal(partial_tables(s, false), 0);
}

/* A pin that nobody goes on with: as when a domain is saved. */
static void forget_pins(struct scene *s, struct tree *t)
{
    for (unsigned i = 0; i < t->n; i++) {
        struct frame f = frame_held(&s->w.mm, t->frame[i]);

        if (frame_word(&f) & FRAME_PARTIAL)
            assert_int_equal(type_finish(&s->op, &f), ERR_NONE);
    }
}

/* Nothing refers to any of it: it can all be given back. */
static void give_back(struct scene *s, struct tree *t)
{
    for (unsigned level = 1; level < 4; level++)
        unpin(s, t->keep[level]);
    assert_int_equal(partial_tables(s, true), 0);
    for (unsigned i = 0; i < t->n; i++) {
        struct frame f = frame_held(&s->w.mm, t->frame[i]);

        assert_true(frame_is_idle(frame_word(&f), s->us.d.id));
        assert_int_equal(reservation_decrease(&s->op, t->frame[i], 0),
                         ERR_NONE);
    }
    check(s, "giving back");
}

/*
 * As a hostile guest would: its pin is interrupted (at the nth look), so it
 * lets go of what the tree maps linearly; the pin goes on, and is refused, and
 * what undoes it is interrupted again, each mth time.
 */
static enum err refused(struct scene *s, struct tree *t, unsigned n, unsigned m,
                        unsigned *left)
{
    enum err rc;

    host_preempt_at(n);
    rc = mmu_pin(&s->op, t->top, 4);
    host_preempt_at(0);
    check(s, "the first part");
    if (rc != ERR_RESTART)
        return rc;
    host_preempt_every(m);
    for (unsigned level = 2; level <= 4; level++)
        while (mmu_unpin(&s->op, t->linear[level]) == ERR_RESTART)
            ;
    do {
        host_preempt_every(m);
        rc = mmu_pin(&s->op, t->top, 4);
        *left = MAX(*left, partial_tables(s, false));
        host_preempt_at(0);
        check(s, "a further part");
    } while (rc == ERR_RESTART);
    /* the frame that is not its own, or a linear table that is none any more */
    assert_true(rc == ERR_BUSY || rc == ERR_INVAL);
    return ERR_RESTART;
}

static void refused_while_the_last_to_hold_others(void **state)
{
    struct scene *s = *state;
    unsigned tried = 0, left = 0, times = 0;
    struct tree t;
    enum err rc;

    for (unsigned m = 1; m < 16; m++)
        for (unsigned n = 1;; n++) {
            make_tree(s, &t, true);
            rc = refused(s, &t, n, m, &left);
            drain(s, m, &times);
            if (rc != ERR_RESTART)
                for (unsigned level = 2; level <= 4; level++)
                    unpin(s, t.linear[level]);
            give_back(s, &t);
            if (rc != ERR_RESTART)
                break;
            tried++;
        }
    print_message("%u pins, up to %u tables partial, %u times stopped\n", tried,
                  left, times);
    assert_true(left > 4 && times > 100);
}

/* Up, and down again, all linear tables being its own. */
static void up_and_down(struct scene *s, unsigned n, unsigned *stops)
{
    struct tree t;
    enum err rc;

    make_tree(s, &t, false);
    do {
        host_preempt_every(n);
        rc = mmu_pin(&s->op, t.top, 4);
        host_preempt_at(0);
        check(s, "part of a pin");
        *stops += rc == ERR_RESTART;
    } while (rc == ERR_RESTART);
    assert_int_equal(rc, ERR_NONE);
    for (unsigned level = 2; level <= 4; level++)
        unpin(s, t.linear[level]);
    assert_int_equal(partial_tables(s, false), 0);
    host_preempt_every(n);
    unpin(s, t.top);
    host_preempt_at(0);
    check(s, "part of an unpin");
    drain(s, n, stops);
    give_back(s, &t);
}

static void up_and_down_in_steps(void **state)
{
    struct scene *s = *state;
    unsigned stops = 0;

    for (unsigned n = 1; n < 24; n++)
        up_and_down(s, n, &stops);
    print_message("%u stops\n", stops);
    assert_true(stops > 40);
}

/*
 * Two vCPUs: what one left half way down the other takes up, refuses, takes
 * down itself; the first then looks for what is left of it.
 */
static void another_vcpu_takes_them_on(void **state)
{
    struct scene *s = *state;
    static struct mm_vcpu second;
    struct mm_op mine = s->op, its;
    unsigned stops = 0;
    struct tree t;

    dmem_vcpu_init(&s->us.d, &second);
    its = mm_op_on(&s->us.d, &second);
    for (unsigned n = 1; n < 40; n++) {
        enum err rc;

        make_tree(s, &t, n & 1);
        assert_int_equal(mmu_pin(&s->op, t.top, 4),
                         n & 1 ? ERR_BUSY : ERR_NONE);
        for (unsigned level = 2; level <= 4; level++)
            unpin(s, t.linear[level]);
        host_preempt_every(n / 4 + 1);
        rc = n & 1 ? mmu_pin(&s->op, t.top, 4) : mmu_unpin(&s->op, t.top);
        host_preempt_at(0);
        check(s, "one half");
        s->op = its;
        host_preempt_at(n % 7 + 1);
        rc = mmu_pin(&s->op, t.top, 4); /* goes on, or begins anew */
        host_preempt_at(0);
        check(s, "the other half");
        s->op = mine;
        while (type_finish_deferred(&s->op))
            ;
        s->op = its;
        rc = mmu_pin(&s->op, t.top, 4);
        assert_true(rc == ERR_NONE || rc == ERR_BUSY || rc == ERR_INVAL);
        rc = mmu_unpin(&s->op, t.top);
        assert_true(rc == ERR_NONE || rc == ERR_INVAL);
        drain(s, 3, &stops);
        s->op = mine;
        drain(s, 3, &stops);
        forget_pins(s, &t);
        give_back(s, &t);
    }
    s->us.d.vcpus = second.next;
}

/*
 * The domain ends while tables are half way, up or down, and its end is
 * interrupted too (XSA-45, -58, -310): scene_end() counts what is back.
 */
static void half_way_when_the_domain_ends(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 60; n++) {
        struct scene *s;
        struct tree t;
        enum err rc;
        void *made;

        assert_int_equal(scene_make(&made), 0);
        s = made;
        make_tree(s, &t, n % 2);
        host_preempt_at(n);
        rc = mmu_pin(&s->op, t.top, 4);
        if (!rc)
            unpin(s, t.top);
        host_preempt_at(0);
        check(s, "half way");
        host_preempt_every(n % 5 + 1);
        do {
            rc = dmem_domain_destroy(&s->op);
            check(s, "part of the end");
        } while (rc == ERR_RESTART);
        host_preempt_at(0);
        assert_int_equal(rc, ERR_NONE);
        world_destroy(&s->w, &s->them);
        world_end(&s->w);
        free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(refused_while_the_last_to_hold_others),
        scene_test(up_and_down_in_steps),
        scene_test(another_vcpu_takes_them_on),
        cmocka_unit_test(half_way_when_the_domain_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
