/* SPDX-License-Identifier: MIT */
/*
 * Tables in pfn terms: entries of all kinds, and what the hypervisor supplied:
 * a superpage for as long as nobody can tell the difference, a table of its
 * own from then on; and the spans of pfns that want a whole block for it.
 */
#include "numbered.h"
#include "port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flagstone/flagstone.h"
#include "mm/alloc/m2p.h"
#include "mm/save/normalise.h"
#include "mm/save/snapshot_span.h"

static void canonical_form(void **state)
{
    struct scene *s = *state;
    pte_t out[PT_ENTRIES];
    struct snapshot c;

    number(s);
    assert_int_equal(
        scene_update(s, s->l2, 3, pte_make(s->block, KERNEL | PTE_PSE).v),
        ERR_NONE);
    assert_int_equal(scene_update(s, s->l1, 9, UINT64_C(0x123) << 40), 0);
    take(s, &c);
    assert_int_equal(c.large, 1);
    assert_extent(&c, SMALL, BLOCK_PFN, 512, EXTENT_WHOLE | EXTENT_LARGE);
    assert_int_equal(normalise_table(&c, 2, scene_entry(s, s->l2, 0), out),
                     ERR_NONE);
    assert_int_equal(out[3].v, pte_make(mfn_of(BLOCK_PFN), KERNEL | PTE_PSE).v);
    assert_true(normalise_is_large(out[3], 2));
    assert_int_equal(pte_mfn(out[0]).v, 16);
    assert_int_equal(normalise_table(&c, 1, scene_entry(s, s->l1, 0), out),
                     ERR_NONE);
    assert_int_equal(pte_mfn(out[0]).v, 18);
    assert_int_equal(pte_flags(out[0]), pte_flags(*scene_entry(s, s->l1, 0)));
    assert_int_equal(out[9].v, UINT64_C(0x123) << 40);
    assert_int_equal(normalise_table(&c, 4, scene_entry(s, s->l4, 0), out),
                     ERR_NONE);
    assert_int_equal(pte_mfn(out[0]).v, 12);
    for (unsigned i = L4_HV_FIRST; i <= L4_HV_LAST; i++)
        assert_int_equal(out[i].v, 0);
    HOST_END(snapshot_end(&c));
}

/* --- supplied tables and ranges ------------------------------------------ */

static pte_t normalised(struct scene *s, struct snapshot *c, mfn_t t,
                        unsigned level, unsigned i)
{
    pte_t out[PT_ENTRIES];

    assert_int_equal(normalise_table(c, level, scene_entry(s, t, 0), out), 0);
    return out[i];
}

static void assert_collapsed(struct scene *s)
{
    struct snapshot c;

    take(s, &c);
    assert_int_equal(c.large, 1);
    assert_int_equal(c.nr_own, 0);
    assert_int_equal(c.tables.nr, 4);
    assert_extent(&c, c.extents.nr - 1, SPAN_PFN, 512, EXTENT_LARGE);
    assert_int_equal(normalised(s, &c, s->l2, 2, 5).v,
                     pte_make(mfn_of(SPAN_PFN), KERNEL | PTE_NX | PTE_PSE).v);
    HOST_END(snapshot_end(&c));
}

/* The supplied table has become a table of its own. */
static void assert_own(struct scene *s, mfn_t table, unsigned pinned)
{
    struct snapshot c;

    take(s, &c);
    assert_int_equal(c.large, 0);
    assert_int_equal(c.nr_own, 1);
    assert_int_equal(c.tables.nr, 5);
    assert_table(&c, 4, SNAPSHOT_SUPPLIED, 1, pinned);
    assert_int_equal(snapshot_named(&c, SNAPSHOT_SUPPLIED).v, table.v);
    assert_int_equal(snapshot_supplied_mfn(&c, 1).v, MFN_NONE.v);
    assert_int_equal(pte_mfn(normalised(s, &c, s->l2, 2, 5)).v,
                     SNAPSHOT_SUPPLIED);
    assert_true(pte_has(normalised(s, &c, s->l2, 2, 5),
                        PTE_P | FLAGSTONE_PTE_SHATTERED));
    assert_false(normalise_is_large(normalised(s, &c, s->l2, 2, 5), 2));
    HOST_END(snapshot_end(&c));
}

static void supplied_reads_as_superpage(void **state)
{
    struct scene *s = *state;

    (void)shatter(s);
    assert_collapsed(s);
}

static void supplied_changed_is_a_table(void **state)
{
    struct scene *s = *state;
    mfn_t t = shatter(s);
    pte_t was = *scene_entry(s, t, 8);

    assert_int_equal(scene_update(s, t, 8, was.v & ~PTE_RW), 0);
    assert_own(s, t, 0);
    assert_int_equal(scene_update(s, t, 8, was.v | PTE_NX), 0);
    assert_own(s, t, 0);
    assert_int_equal(scene_update(s, t, 8, 0), 0);
    assert_own(s, t, 0);
    assert_int_equal(scene_update(s, t, 8, pte_make(s->data, KERNEL).v), 0);
    assert_own(s, t, 0);
    assert_int_equal(scene_update(s, t, 8, was.v), 0);
    assert_collapsed(s);
}

static void supplied_known_otherwise_is_a_table(void **state)
{
    struct scene *s = *state;
    mfn_t t = shatter(s);
    struct snapshot c;

    assert_int_equal(mmu_pin(&s->op, t, 1), ERR_NONE);
    assert_own(s, t, 1);
    assert_int_equal(mmu_unpin(&s->op, t), ERR_NONE);
    assert_int_equal(scene_update(s, s->l1, 40, pte_make(t, READ).v), 0);
    assert_own(s, t, 0);
    take(s, &c);
    assert_int_equal(pte_mfn(normalised(s, &c, s->l1, 1, 40)).v,
                     SNAPSHOT_SUPPLIED);
    HOST_END(snapshot_end(&c));
    assert_int_equal(scene_update(s, s->l1, 40, 0), 0);
    assert_collapsed(s);
    assert_int_equal(scene_update(s, s->l2, 6, pte_make(t, READ).v), 0);
    take(s, &c); /* two entries onto it are two superpages */
    assert_int_equal(c.large, 2);
    HOST_END(snapshot_end(&c));
}

/* Another span of 512, in the way of the table's. */
static void supplied_across_a_block_is_a_table(void **state)
{
    struct scene *s = *state;
    mfn_t t = shatter(s);
    pte_t *e = scene_entry(s, t, 0);

    assert_int_equal(scene_update(s, s->l2, 5, 0), 0);
    m2p_set(&s->w.mm, s->block, pfn_of(SPAN_PFN - 3), BLOCK_FRAMES);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        set_m2p(s, pte_mfn(e[i]), 3500 + i);
        if (i < 509)
            e[i] = pte_make(mfn_add(s->block, i + 3), KERNEL);
        else
            set_m2p(s, pte_mfn(e[i]), SPAN_PFN + i);
    }
    assert_int_equal(
        scene_update(s, s->l2, 5,
                     pte_make(t, KERNEL | FLAGSTONE_PTE_SHATTERED).v),
        ERR_NONE);
    assert_own(s, t, 0);
}

static void ranges_want_blocks(void **state)
{
    struct scene *s = *state;
    struct snapshot c;

    (void)shatter(s);
    assert_int_equal(scene_update(s, s->l2, 5, 0), 0);
    add_range(s, SPAN_PFN, RANGE_REMAP);
    take(s, &c);
    assert_extent(&c, c.extents.nr - 1, SPAN_PFN, 512, EXTENT_LARGE);
    HOST_END(snapshot_end(&c));
    range_clear(&s->us.d);
    add_range(s, SPAN_PFN, RANGE_SCATTERED);
    add_range(s, BLOCK_PFN, RANGE_SCATTERED);    /* is whole again */
    add_range(s, SPAN_PFN + 2, RANGE_SHATTERED); /* overlaps, and is no span */
    add_range(s, 0, RANGE_SHATTERED);            /* most of it is not there */
    add_range(s, ~UINT64_C(0) >> 3, RANGE_REMAP);
    take(s, &c);
    assert_extent(&c, c.extents.nr - 1, SPAN_PFN, 512, EXTENT_SCATTERED);
    assert_extent(&c, c.extents.nr - 2, BLOCK_PFN, 512, EXTENT_WHOLE);
    assert_int_equal(c.extents.nr, SMALL + 2);
    HOST_END(snapshot_end(&c));
    range_clear(&s->us.d);
}

/* By one pfn, at either end of the block. */
static void spans_do_not_overlap(void **state)
{
    struct scene *s = *state;
    struct snapshot c;

    number(s);
    for (unsigned i = 0; i < 511; i++) {
        set_m2p(s, scene_frame(s), BLOCK_PFN - 511 + i);
        set_m2p(s, scene_frame(s), BLOCK_PFN + 512 + i);
    }
    add_range(s, BLOCK_PFN - 511, RANGE_SHATTERED);
    add_range(s, BLOCK_PFN + 511, RANGE_SHATTERED);
    take(s, &c);
    assert_int_equal(snapshot_span_flags(&c, BLOCK_PFN - 511), 0);
    assert_int_equal(snapshot_span_flags(&c, BLOCK_PFN + 511), 0);
    for (uint64_t n = 0; n < c.extents.nr; n++) {
        struct extent e = *(struct extent *)snapshot_at(&c.extents, n);

        assert_int_equal(e.flags, e.pfn == BLOCK_PFN ? EXTENT_WHOLE : 0);
    }
    HOST_END(snapshot_end(&c));
    range_clear(&s->us.d);
    set_m2p(s, scene_frame(s), BLOCK_PFN + 512 + 511);
    add_range(s, BLOCK_PFN + 512, RANGE_SHATTERED);
    take(s, &c); /* and this one fits */
    assert_extent(&c, c.extents.nr - 1, BLOCK_PFN + 512, 512, EXTENT_LARGE);
    HOST_END(snapshot_end(&c));
    range_clear(&s->us.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(canonical_form),
        scene_test(supplied_reads_as_superpage),
        scene_test(supplied_changed_is_a_table),
        scene_test(supplied_known_otherwise_is_a_table),
        scene_test(supplied_across_a_block_is_a_table),
        scene_test(ranges_want_blocks),
        scene_test(spans_do_not_overlap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
