/* SPDX-License-Identifier: MIT */
/*
 * Mappings of 1 GiB in a snapshot: as one entry, as a supplied table of 2 MiB
 * entries, and with one of these in small pieces: all read as the one entry,
 * until the guest makes something else of the tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flagstone/flagstone.h"
#include "look.h"
#include "mm/alloc/m2p.h"
#include "mm/pv/supply.h"
#include "mm/save/normalise.h"
#include "numbered.h"
#include "port.h"

#define REGION_FRAMES (REGION_BLOCKS * BLOCK_FRAMES)
#define REGION_PFN    3000u /* no multiple of anything */
#define AT            7     /* entry of the L3 */
#define PAGE_1G       (KERNEL | PTE_PSE)

/* The scene's guest on a larger machine, and a region. */
static mfn_t region;

static int make(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    blk_t first;

    world_make(&s->w, 3 * REGION_BLOCKS);
    s->w.mm.pages_1g = true;
    world_domain(&s->w, &s->us, 1, 2 * REGION_FRAMES);
    s->op = mm_op_on(&s->us.d, &s->us.v);
    s->l4 = scene_frame(s);
    s->l3 = scene_frame(s);
    *scene_entry(s, s->l4, 0) = pte_make(s->l3, KERNEL);
    assert_int_equal(mmu_pin(&s->op, s->l4, 4), ERR_NONE);
    assert_int_equal(
        alloc_region_get(&s->w.mm, s->us.d.id, ALLOC_WHOLE, &first), ERR_NONE);
    s->us.d.blocks += REGION_BLOCKS;
    s->us.d.tot_pages += REGION_FRAMES;
    region = mfn_of_blk(first);
    set_m2p(s, s->l4, 1);
    set_m2p(s, s->l3, 2);
    m2p_set(&s->w.mm, region, pfn_of(REGION_PFN), REGION_FRAMES);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct scene *s = *state;

    world_done(&s->op);
    world_audit(&s->w, "the test");
    world_destroy(&s->w, &s->us);
    world_end(&s->w);
    free(s);
    return 0;
}

static void map(struct scene *s, uint64_t e)
{
    assert_int_equal(scene_update(s, s->l3, AT, e), ERR_NONE);
}

static mfn_t supplied(struct scene *s)
{
    mfn_t t;

    assert_int_equal(supply_get(&s->op, &t), ERR_NONE);
    return t;
}

/* A table of 2 MiB entries for the region. */
static mfn_t table_of_blocks(struct scene *s)
{
    mfn_t t = supplied(s);

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        *scene_entry(s, t, i) =
            pte_make(mfn_add(region, i * BLOCK_FRAMES),
                     KERNEL | PTE_PSE | (i % 3 ? PTE_A : 0));
    return t;
}

static pte_t normalised(struct snapshot *c, mfn_t table)
{
    pte_t out[PT_ENTRIES];

    assert_int_equal(normalise_table(c, 3, mm_frame_ptr(c->op->mm, table), out),
                     0);
    return out[AT];
}

static void assert_1g(struct scene *s, unsigned whole)
{
    struct snapshot c;

    take(s, &c);
    assert_int_equal(c.large, 1);
    assert_int_equal(c.tables.nr, 2);
    assert_int_equal(c.extents.nr, 1 + REGION_BLOCKS);
    for (unsigned i = 0; i < REGION_BLOCKS; i++)
        assert_extent(&c, 1 + i, REGION_PFN + i * BLOCK_FRAMES, 512,
                      EXTENT_1G | EXTENT_LARGE |
                          (i < whole ? EXTENT_WHOLE : 0));
    assert_int_equal(normalised(&c, s->l3).v,
                     pte_make(mfn_of(REGION_PFN), PAGE_1G | PTE_NX).v);
    HOST_END(snapshot_end(&c));
}

static void one_entry(void **state)
{
    struct scene *s = *state;
    struct snapshot c;

    map(s, pte_make(region, PAGE_1G | PTE_NX).v);
    assert_1g(s, REGION_BLOCKS);
    /* Each block in order, but not one after the other. */
    m2p_set(&s->w.mm, mfn_add(region, 5 * BLOCK_FRAMES),
            pfn_of(REGION_PFN + REGION_FRAMES), BLOCK_FRAMES);
    assert_int_equal(saving_snapshot(&c, &s->op, no_p2m, NULL), ERR_INVAL);
    assert_non_null(strstr(c.job.why,
                           "mapped large, but its pfns, from bb8 on, "
                           "are not in order"));
    HOST_END(snapshot_end(&c));
}

static void supplied_table_of_blocks(void **state)
{
    struct scene *s = *state;
    mfn_t t = table_of_blocks(s);
    struct snapshot c;

    map(s, pte_make(t, KERNEL | PTE_NX | FLAGSTONE_PTE_SHATTERED).v);
    assert_1g(s, REGION_BLOCKS);
    assert_int_equal(scene_update(s, t, 9, scene_entry(s, t, 9)->v | PTE_NX),
                     ERR_NONE);
    take(s, &c); /* a table of its own now, of 512 superpages */
    assert_int_equal(c.large, PT_ENTRIES);
    assert_int_equal(c.tables.nr, 3);
    assert_table(&c, 2, SNAPSHOT_SUPPLIED, 2, 0);
    assert_int_equal(normalised(&c, s->l3).v,
                     pte_make(mfn_of(SNAPSHOT_SUPPLIED),
                              KERNEL | PTE_NX | FLAGSTONE_PTE_SHATTERED)
                         .v);
    assert_extent(&c, 1, REGION_PFN, 512, EXTENT_WHOLE | EXTENT_LARGE);
    HOST_END(snapshot_end(&c));
}

/* The last block's pfns are scattered frames, under a table of their own. */
static mfn_t shatter_last(struct scene *s, mfn_t t)
{
    const unsigned last = PT_ENTRIES - 1;
    mfn_t l1 = supplied(s);
    uint64_t pfn = REGION_PFN + last * BLOCK_FRAMES;

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        mfn_t m = scene_frame(s);

        set_m2p(s, m, pfn + i);
        *scene_entry(s, l1, i) = pte_make(m, KERNEL);
    }
    assert_int_equal(dmem_block_put(&s->op, blk_of_mfn(mfn_add(
                                                region, last * BLOCK_FRAMES))),
                     ERR_NONE);
    *scene_entry(s, t, last) = pte_make(l1, KERNEL | FLAGSTONE_PTE_SHATTERED);
    return l1;
}

static void supplied_table_with_a_piece(void **state)
{
    struct scene *s = *state;
    mfn_t t = table_of_blocks(s), l1 = shatter_last(s, t);
    struct snapshot c;

    map(s, pte_make(t, KERNEL | PTE_NX | FLAGSTONE_PTE_SHATTERED).v);
    world_audit(&s->w, "mapping");
    assert_1g(s, REGION_BLOCKS - 1);
    assert_int_equal(scene_update(s, l1, 0, 0), ERR_NONE);
    take(s, &c); /* neither is what it was */
    assert_int_equal(c.nr_own, 2);
    assert_int_equal(c.large, PT_ENTRIES - 1);
    HOST_END(snapshot_end(&c));
}

static void saves(void **state)
{
    struct scene *s = *state;
    struct image_check check;
    struct snapshot c;
    struct image i;
    struct save sv;

    *(uint64_t *)mm_frame_ptr(&s->w.mm, mfn_add(region, 1234)) = 5;
    map(s, pte_make(region, PAGE_1G).v);
    take(s, &c);
    assert_int_equal(image_init(&i, &s->w.mm, IMAGE_OWNER, 1000), ERR_NONE);
    assert_int_equal(saving_save(&sv, &c, &i, NULL), ERR_NONE);
    assert_int_equal(saving_check(&check, &i, NULL), ERR_NONE);
    assert_int_equal(image_nr(&i, IMAGE_INDEX, 8), 3);
    assert_int_equal(*(const uint64_t *)look_content(&i, REGION_PFN + 1234), 5);
    assert_int_equal(image_header(&i)->nr_frames, s->us.d.tot_pages);
    saving_free(&i);
    HOST_END(snapshot_end(&c));
}

#define test_1g(f) cmocka_unit_test_setup_teardown(f, make, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_1g(one_entry),
        test_1g(supplied_table_of_blocks),
        test_1g(supplied_table_with_a_piece),
        test_1g(saves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
