/* SPDX-License-Identifier: MIT */
/*
 * test_interrupt.c: a tree with tables used more than once goes up, becomes
 * the root, loses its pin and goes down with its domain, interrupted at the
 * nth look at the clock, for every n: what was begun goes on, the audit
 * agrees in between, and everything is back at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port.h"
#include "scene.h"

struct life {
    struct world w;
    struct world_domain d;
    struct mm_op op;
    mfn_t table[PT_LEVELS + 1]; /* by level */
    unsigned interruptions;
};

static void link_to(struct life *l, unsigned level, unsigned i, mfn_t m)
{
    ((pte_t *)mm_frame_ptr(&l->w.mm, l->table[level]))[i] = pte_make(m, KERNEL);
}

/*
 * Each table twice in the one above it; an L1 full of its own block, an L2 with
 * superpages.
 */
static void begin(struct life *l)
{
    mfn_t m;
    blk_t b;

    memset(l, 0, sizeof(*l));
    world_make(&l->w, 70);
    world_domain(&l->w, &l->d, 1, 68 * BLOCK_FRAMES);
    l->op = mm_op_on(&l->d.d, &l->d.v);
    for (unsigned level = 1; level <= PT_LEVELS; level++) {
        assert_int_equal(dmem_chunk_get(&l->op, 0, &m), ERR_NONE);
        memset(mm_frame_ptr(&l->w.mm, m), 0, PAGE_SIZE);
        l->table[level] = m;
        if (level > 1) {
            link_to(l, level, 1, l->table[level - 1]);
            link_to(l, level, 200, l->table[level - 1]);
        }
    }
    assert_int_equal(dmem_block_get(&l->op, &b), ERR_NONE);
    for (unsigned i = 0; i < 300; i++)
        link_to(l, 1, i, mfn_add(mfn_of_blk(b), i));
    assert_int_equal(dmem_block_get(&l->op, &b), ERR_NONE);
    for (unsigned i = 7; i < 199; i += 3) {
        link_to(l, 2, i, mfn_of_blk(b));
        ((pte_t *)mm_frame_ptr(&l->w.mm, l->table[2]))[i].v |= PTE_PSE;
    }
}

static enum err pin(struct life *l)
{
    return mmu_pin(&l->op, l->table[4], 4);
}
static enum err load(struct life *l)
{
    return mmu_new_baseptr(&l->op, l->table[4]);
}
static enum err unpin(struct life *l)
{
    return mmu_unpin(&l->op, l->table[4]);
}
static enum err drop(struct life *l)
{
    return mmu_new_user_baseptr(&l->op, mfn_of(0));
}
static enum err unhook(struct life *l)
{
    return mmu_update(&l->op, l->table[4].v << PAGE_SHIFT | 200 * 8, 0);
}
static enum err destroy(struct life *l)
{
    return dmem_domain_destroy(&l->op);
}

static void live(struct life *l, const char *name,
                 enum err (*act)(struct life *))
{
    enum err rc;

    do {
        rc = act(l);
        world_done(&l->op);
        world_audit(&l->w, name);
        l->interruptions += rc == ERR_RESTART;
    } while (rc == ERR_RESTART && l->interruptions < 3);
    if (rc)
        fail_msg("%s: error %d", name, rc);
}

/* Returns how often the clock was looked at. */
static uint64_t whole_life(struct life *l, uint64_t n)
{
    uint64_t looks;

    begin(l);
    host_preempt_at(n);
    live(l, "pin", pin);
    live(l, "load the root", load);
    live(l, "unhook an L3", unhook);
    live(l, "unpin", unpin);
    live(l, "drop the user root", drop);
    live(l, "destroy", destroy);
    looks = host_preempts();
    host_preempt_at(0);
    world_end(&l->w);
    return looks;
}

static void every_look_at_the_clock_may_interrupt(void **state)
{
    struct life *l = malloc(sizeof(*l));
    uint64_t n, hit = 0, all;

    (void)state;
    all = whole_life(l, 0);
    assert_int_equal(l->interruptions, 0);
    assert_true(all > 100);
    for (n = 1; whole_life(l, n) >= n; n++)
        hit += l->interruptions;
    print_message("%lu looks, %lu interruptions\n", all, hit);
    assert_true(n > all && hit > all / 3);
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_look_at_the_clock_may_interrupt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
