/* SPDX-License-Identifier: MIT */
/*
 * test_maps.c: where a frame is mapped is found, each mapping once and by its
 * address: by entries of each size, under several roots, through linear tables;
 * of tables with anything in them all that a plain walk of each address finds,
 * and no other. The search ends, or goes on behind where it was, whatever the
 * tables are and wherever it is told to begin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/audit/maps.h"
#include "mm/pv/mmu.h"
#include "mm/pv/split.h"
#include "port.h"
#include "scene.h"

#define AT    5 /* of the L2 table */
#define VA    (UINT64_C(5) << BLOCK_SHIFT)
#define LARGE (KERNEL | PTE_PSE)
#define MOST  8192u

static struct flagstone_mapping found[MOST];
static unsigned nr_found;

static bool behind(const struct maps *a, const struct maps *b)
{
    return a->root.v > b->root.v || (a->root.v == b->root.v && a->at > b->at);
}

/* All, or so many goes of them. */
static bool search(struct scene *s, mfn_t m, unsigned goes)
{
    struct maps at = {.frame = m};
    enum maps_found end = MAPS_MORE;

    nr_found = 0;
    while (end != MAPS_NONE && goes-- > 0) {
        const struct maps was = at;

        end = maps_next(&s->op, &at, &found[nr_found]);
        assert_true(end == MAPS_NONE || behind(&at, &was));
        nr_found += end == MAPS_FOUND;
        assert_true(nr_found < MOST);
    }
    return end == MAPS_NONE;
}

static void is_at(unsigned i, mfn_t root, uint64_t va, mfn_t table,
                  unsigned level)
{
    assert_true(i < nr_found);
    assert_int_equal(found[i].root, root.v);
    assert_int_equal(found[i].va, va);
    assert_int_equal(found[i].table, table.v);
    assert_int_equal(found[i].level, level);
    assert_int_equal(found[i].index, pt_index(va, level));
}

/* What a walk to that address says, too. */
static void agrees(struct scene *s, mfn_t m, const struct flagstone_mapping *f)
{
    struct flagstone_walk w;

    view_walk(&s->op, mfn_of(f->root), f->va, &w);
    assert_int_equal(w.end, FLAGSTONE_WALK_mapped);
    assert_int_equal(w.frame.mfn, m.v);
    assert_int_equal(w.step[w.steps - 1].entry, f->entry);
    assert_int_equal(w.step[w.steps - 1].level, f->level);
    assert_int_equal(w.step[w.steps - 1].table.mfn, f->table);
}

static void a_small_page(void **state)
{
    struct scene *s = *state;

    assert_true(search(s, s->data, 100));
    assert_int_equal(nr_found, 1);
    is_at(0, s->l4, 0, s->l1, 1);
    agrees(s, s->data, &found[0]);
    assert_int_equal(scene_update(s, s->l1, 511, pte_make(s->data, READ).v),
                     ERR_NONE);
    assert_true(search(s, s->data, 100));
    assert_int_equal(nr_found, 2);
    is_at(1, s->l4, 511 * PAGE_SIZE, s->l1, 1);
    assert_true(search(s, s->l1, 100));
    assert_int_equal(nr_found, 0);
}

static void a_large_page_and_one_that_was_split(void **state)
{
    struct scene *s = *state;
    const mfn_t table = scene_frame(s);

    assert_int_equal(scene_update(s, s->l2, AT, pte_make(s->block, LARGE).v),
                     ERR_NONE);
    for (unsigned i = 0; i < BLOCK_FRAMES; i += 73) {
        assert_true(search(s, scene_member(s, i), 100));
        assert_int_equal(nr_found, 1);
        is_at(0, s->l4, VA + i * PAGE_SIZE, s->l2, 2);
        agrees(s, scene_member(s, i), &found[0]);
    }
    assert_int_equal(
        split(&s->op, maddr_of((s->l2.v << PAGE_SHIFT) + AT * 8), table),
        ERR_NONE);
    world_done(&s->op);
    assert_true(search(s, scene_member(s, 7), 100));
    assert_int_equal(nr_found, 1);
    is_at(0, s->l4, VA + 7 * PAGE_SIZE, table, 1);
}

/* A second root, which shares the first's tables at two of its slots. */
static void several_roots(void **state)
{
    struct scene *s = *state;
    const mfn_t other = scene_frame(s);
    const uint64_t high = (uint64_t)(L4_HV_LAST + 1) << 39 | BITS(63, 48);

    assert_int_equal(mmu_pin(&s->op, other, 4), ERR_NONE);
    world_done(&s->op);
    assert_int_equal(scene_update(s, other, 3, pte_make(s->l3, KERNEL).v),
                     ERR_NONE);
    assert_int_equal(
        scene_update(s, other, pt_index(high, 4), pte_make(s->l3, KERNEL).v),
        ERR_NONE);
    assert_true(search(s, s->data, 100));
    assert_int_equal(nr_found, 3);
    for (unsigned i = 0; i < 3; i++)
        agrees(s, s->data, &found[i]);
    is_at(other.v < s->l4.v ? 2 : 0, s->l4, 0, s->l1, 1);
    is_at(other.v < s->l4.v ? 0 : 1, other, UINT64_C(3) << 39, s->l1, 1);
    is_at(other.v < s->l4.v ? 1 : 2, other, high, s->l1, 1);
}

/* Through an entry for itself the root's tables are pages. */
static void a_linear_table(void **state)
{
    struct scene *s = *state;
    const unsigned slot = 300;
    const uint64_t self = BITS(63, 48) | (uint64_t)slot << 39;

    s->w.mm.linear_pt = true;
    assert_int_equal(scene_update(s, s->l4, slot, pte_make(s->l4, READ).v),
                     ERR_NONE);
    assert_true(search(s, s->l1, 100));
    assert_int_equal(nr_found, 1);
    is_at(0, s->l4, self, s->l2, 1);
    agrees(s, s->l1, &found[0]);
    assert_true(search(s, s->l4, 100));
    assert_int_equal(nr_found, 1);
    agrees(s, s->l4, &found[0]);
    assert_true(search(s, s->data, 100));
    assert_int_equal(nr_found, 1);
    assert_int_equal(scene_update(s, s->l4, slot, 0), ERR_NONE);
}

/* --- tables of anything --------------------------------------------------- */

#define SOME 6u /* slots of each table that are not empty, or fewer */

static unsigned slots[SOME];

static uint64_t anything(struct scene *s, struct dice *dice)
{
    const mfn_t named[] = {s->l4,   s->l3,    s->l2,      s->l1,
                           s->data, s->block, s->foreign, mfn_of(0)};
    const mfn_t m = named[dice_upto(dice, ARRAY_SIZE(named))];

    switch (dice_upto(dice, 8)) {
    case 0:
        return 0;
    case 1:
        return pte_make(m, LARGE).v;
    case 2:
        return dice_upto(dice, ~UINT64_C(0)) | 1;
    default:
        return pte_make(m, KERNEL).v;
    }
}

/* By plain walks to all that these slots lead to, in the order of addresses. */
static void compare(struct scene *s, mfn_t m)
{
    unsigned n = 0;

    for (unsigned i = 0; i < SOME * SOME * SOME * SOME; i++) {
        const unsigned at[] = {slots[i / SOME / SOME / SOME],
                               slots[i / SOME / SOME % SOME],
                               slots[i / SOME % SOME], slots[i % SOME]};
        struct flagstone_walk w;
        uint64_t va = 0, page;

        for (unsigned k = 0; k < 4; k++)
            va = va << 9 | at[k];
        va <<= PAGE_SHIFT;
        va |= va & BIT(47) ? BITS(63, 48) : 0;
        view_walk(&s->op, s->l4, va, &w);
        if (w.end != FLAGSTONE_WALK_mapped)
            continue;
        page = BIT(9 * (w.step[w.steps - 1].level - 1));
        if ((w.frame.mfn ^ m.v) & ~(page - 1) ||
            (n > 0 && found[n - 1].table == w.step[w.steps - 1].table.mfn &&
             found[n - 1].va >> PAGE_SHIFT ==
                 ((va >> PAGE_SHIFT & ~(page - 1)) | (m.v & (page - 1)))))
            continue; /* or the same large page, come by at another slot */
        assert_true(n < nr_found);
        assert_int_equal(found[n].va >> PAGE_SHIFT,
                         (va >> PAGE_SHIFT & ~(page - 1)) | (m.v & (page - 1)));
        agrees(s, m, &found[n]);
        n++;
    }
    assert_int_equal(nr_found, n);
}

static void choose_slots(struct dice *dice)
{
    unsigned at = 0;

    for (unsigned i = 0; i < SOME; i++) {
        at += i ? 1 + (unsigned)dice_upto(dice, 40) : 0;
        if (at >= L4_HV_FIRST && at <= L4_HV_LAST)
            at = L4_HV_LAST + 1;
        slots[i] = at + (i == SOME - 1 ? 250u : 0u);
    }
}

static void tables_of_anything(void **state)
{
    struct scene *s = *state;
    const mfn_t table[] = {s->l4, s->l3, s->l2, s->l1};
    uint64_t kept[4][PT_ENTRIES], total = 0;
    struct dice dice = {.s = 20261129};

    for (unsigned i = 0; i < 4; i++)
        memcpy(kept[i], scene_entry(s, table[i], 0), PAGE_SIZE);
    for (unsigned n = 0; n < 240; n++) {
        const mfn_t m = n % 2 ? s->data : scene_member(s, n);

        choose_slots(&dice);
        for (unsigned i = 0; i < 4; i++) {
            memset(scene_entry(s, table[i], 0), 0, PAGE_SIZE);
            for (unsigned k = 0; k < SOME; k++)
                scene_entry(s, table[i], slots[k])->v = anything(s, &dice);
        }
        assert_true(search(s, m, 10000));
        compare(s, m);
        total += nr_found;
    }
    for (unsigned i = 0; i < 4; i++)
        memcpy(scene_entry(s, table[i], 0), kept[i], PAGE_SIZE);
    print_message("%lu mappings\n", total);
    assert_true(total > 1000);
}

/* All entries of all tables lead to tables: 2^36 walks, of which some are done
 * and the search is behind them each time. */
static void tables_that_name_each_other(void **state)
{
    struct scene *s = *state;
    const mfn_t table[] = {s->l4, s->l3, s->l2, s->l1};
    uint64_t kept[4][PT_ENTRIES];

    for (unsigned i = 0; i < 4; i++)
        memcpy(kept[i], scene_entry(s, table[i], 0), PAGE_SIZE);
    for (unsigned i = 0; i < 4 * PT_ENTRIES; i++)
        *scene_entry(s, table[i % 4], i / 4) =
            pte_make(table[(i / 4) % 4], KERNEL);
    assert_false(search(s, s->data, 2000));
    assert_int_equal(nr_found, 0);
    assert_false(search(s, s->l2, 4000));
    assert_int_equal(nr_found, 4000);
    for (unsigned i = 0; i < 4; i++)
        memcpy(scene_entry(s, table[i], 0), kept[i], PAGE_SIZE);
}

static void begun_anywhere(void **state)
{
    struct scene *s = *state;
    const uint64_t numbers[] = {0,
                                1,
                                s->l4.v,
                                s->l4.v + 1,
                                s->l3.v,
                                BIT(47),
                                BIT(48) - 1,
                                BIT(48),
                                s->w.mm.nr_frames,
                                BIT(52) - 1,
                                BIT(63),
                                ~UINT64_C(0),
                                PAGE_SIZE,
                                s->w.mm.nr_frames - 1};

    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
        for (unsigned k = 0; k < ARRAY_SIZE(numbers); k++)
            for (unsigned f = 0; f < ARRAY_SIZE(numbers); f++) {
                struct maps m = {.frame = mfn_of(numbers[f]),
                                 .root = mfn_of(numbers[i]),
                                 .at = numbers[k]};
                struct flagstone_mapping out;
                unsigned goes = 0;

                while (maps_next(&s->op, &m, &out) != MAPS_NONE)
                    assert_true(++goes < 100);
            }
}

/* Taken down step by step, and looked at after each. */
static void a_domain_that_goes(void **state)
{
    struct scene *s = *state;
    unsigned steps = 0;
    enum err rc;

    host_preempt_every(1);
    do {
        rc = dmem_domain_destroy(&s->op);
        assert_true(search(s, s->data, 100));
        assert_int_equal(nr_found, 0);
        steps++;
    } while (rc == ERR_RESTART);
    host_preempt_every(0);
    assert_int_equal(rc, ERR_NONE);
    assert_true(steps > 3);
    world_done(&s->op);
    world_domain(&s->w, &s->us, 1, 8 * BLOCK_FRAMES); /* for scene_end() */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(a_small_page),
        scene_test(a_large_page_and_one_that_was_split),
        scene_test(several_roots),
        scene_test(a_linear_table),
        scene_test(tables_of_anything),
        scene_test(tables_that_name_each_other),
        scene_test(begun_anywhere),
        scene_test(a_domain_that_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
