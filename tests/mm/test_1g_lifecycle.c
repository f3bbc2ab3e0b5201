/* SPDX-License-Identifier: MIT */
/*
 * test_1g_lifecycle.c: a domain that maps 1 GiB by one entry is relocated,
 * saved, and restored on machines that have such pages, or a whole region, and
 * on those that do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flagstone/flagstone.h"
#include "mm/alloc/m2p.h"
#include "mm/pv/split.h"
#include "mm/save/relocate.h"
#include "mm/save/restore.h"
#include "port.h"
#include "saving.h"
#include "scene.h"

#define REGION_PAGES (REGION_BLOCKS * BLOCK_FRAMES)
#define PFN_1G       REGION_PAGES /* of the first page of the region */
#define AT           5

enum { PFN_L4 = 8, PFN_L3, PFN_L2 };

struct life {
    struct world w;
    struct world_domain us;
    struct mm_op op;
    mfn_t l4, l3;
};

static pte_t *entry(struct life *s)
{
    return (pte_t *)mm_frame_ptr(&s->w.mm, s->l3) + AT;
}

static mfn_t small_frame(struct life *s, uint64_t pfn)
{
    mfn_t m;

    assert_int_equal(dmem_chunk_get(&s->op, 0, &m), ERR_NONE);
    memset(mm_frame_ptr(&s->w.mm, m), 0, PAGE_SIZE);
    m2p_set(&s->w.mm, m, pfn_of(pfn), 1);
    return m;
}

static void domain(struct life *s)
{
    world_domain(&s->w, &s->us, 1, REGION_PAGES + 4096);
    s->op = mm_op_on(&s->us.d, &s->us.v);
}

static uint64_t *word_of(struct life *s, unsigned i)
{
    mfn_t first = pte_mfn(*entry(s));

    if (!(entry(s)->v & PTE_PSE)) {
        pte_t e = ((pte_t *)mm_frame_ptr(&s->w.mm, first))[i];

        first = pte_mfn(e);
        if (!(e.v & PTE_PSE)) /* the first of a table */
            first = pte_mfn(*(pte_t *)mm_frame_ptr(&s->w.mm, first));
    } else {
        first = mfn_add(first, (uint64_t)i * BLOCK_FRAMES);
    }
    return mm_frame_ptr(&s->w.mm, first);
}

static void intact(struct life *s)
{
    world_audit(&s->w, "a change");
    for (unsigned i = 0; i < REGION_BLOCKS; i++)
        assert_int_equal(*word_of(s, i), i + 1);
}

static int life_make(void **state)
{
    struct life *s = calloc(1, sizeof(*s));
    mfn_t l2;
    blk_t b;

    world_make(&s->w, 4 * REGION_BLOCKS);
    s->w.mm.pages_1g = true;
    domain(s);
    s->l4 = small_frame(s, PFN_L4);
    s->l3 = small_frame(s, PFN_L3);
    l2 = small_frame(s, PFN_L2);
    assert_int_equal(dmem_region_get_dirty(&s->op, &b), ERR_NONE);
    for (uint64_t i = 0; i < REGION_BLOCKS; i++)
        dmem_block_scrub(&s->op, blk_of(b.v + i));
    m2p_set(&s->w.mm, mfn_of_blk(b), pfn_of(PFN_1G), REGION_PAGES);
    *(pte_t *)mm_frame_ptr(&s->w.mm, s->l4) = pte_make(s->l3, KERNEL);
    *(pte_t *)mm_frame_ptr(&s->w.mm, s->l3) = pte_make(l2, KERNEL);
    *entry(s) = pte_make(mfn_of_blk(b), KERNEL | PTE_PSE | PTE_NX);
    assert_int_equal(mmu_pin(&s->op, s->l4, 4), ERR_NONE);
    for (unsigned i = 0; i < REGION_BLOCKS; i++)
        *word_of(s, i) = i + 1;
    world_done(&s->op);
    *state = s;
    return 0;
}

static int life_end(void **state)
{
    struct life *s = *state;

    world_destroy(&s->w, &s->us);
    world_end(&s->w);
    free(s);
    return 0;
}

#define life_test(f) cmocka_unit_test_setup_teardown(f, life_make, life_end)

static void is_1g(struct life *s)
{
    assert_int_equal(entry(s)->v & ~(PTE_ADDR | PTE_A | PTE_D),
                     KERNEL | PTE_PSE | PTE_NX);
    assert_int_equal(s->us.d.super_maps, 1);
    intact(s);
}

static void relocate_it(struct life *s, struct layout_result *result)
{
    struct relocate r;
    struct snapshot c;
    enum err rc;

    assert_int_equal(saving_snapshot(&c, &s->op, no_p2m, NULL), ERR_NONE);
    relocate_begin(&r, &c);
    do
        rc = relocate_step(&r);
    while (rc == ERR_RESTART);
    if (rc)
        fail_msg("lost: %s", r.job.why);
    world_done(&s->op);
    s->l4 = snapshot_mfn(&c, pfn_of(PFN_L4));
    s->l3 = snapshot_mfn(&c, pfn_of(PFN_L3));
    *result = r.result;
    HOST_END(snapshot_end(&c));
}

static void relocated_it_is_as_large(void **state)
{
    struct life *s = *state;
    struct layout_result result;

    relocate_it(s, &result);
    assert_int_equal(result.large_before, 1);
    assert_int_equal(result.large_after, 1);
    is_1g(s);
}

static void picture(struct life *s, struct image *to)
{
    struct snapshot c;
    struct save save = {.table = 0};

    assert_int_equal(saving_snapshot(&c, &s->op, no_p2m, NULL), ERR_NONE);
    assert_int_equal(image_init(to, &s->w.mm, IMAGE_OWNER, REGION_PAGES + 4096),
                     ERR_NONE);
    if (saving_save(&save, &c, to, NULL))
        fail_msg("save: %s", save.job.why);
    HOST_END(snapshot_end(&c));
    world_done(&s->op);
    world_destroy(&s->w, &s->us);
}

static void restore_it(struct life *s, const struct image *from,
                       struct layout_result *result)
{
    struct restore r;
    enum err rc;

    domain(s);
    host_preempt_every(1); /* it stops wherever it can */
    restore_begin(&r, &s->op, from, RESTORE_SHATTER);
    do
        rc = restore_step(&r);
    while (rc == ERR_RESTART);
    host_preempt_at(0);
    if (rc)
        fail_msg("restore: %s", r.job.why);
    world_done(&s->op);
    s->l4 = restore_mfn(&r, pfn_of(PFN_L4));
    s->l3 = restore_mfn(&r, pfn_of(PFN_L3));
    *result = r.result;
    HOST_END(restore_end(&r));
    intact(s);
}

/* The L2 in its place was supplied, all of its blocks are whole. */
static void is_made_of_blocks(struct life *s)
{
    assert_int_equal(entry(s)->v & ~(PTE_ADDR | PTE_A | PTE_D),
                     KERNEL | PTE_NX | FLAGSTONE_PTE_SHATTERED);
    assert_int_equal(s->us.d.super_maps, REGION_BLOCKS);
    assert_int_equal(s->us.d.supplied, 1);
}

static void restored_where_it_fits_and_where_not(void **state)
{
    struct life *s = *state;
    maddr_t at;
    struct image image;
    struct layout_result result;
    mfn_t table;

    picture(s, &image);
    restore_it(s, &image, &result);
    is_1g(s);
    world_destroy(&s->w, &s->us);
    s->w.mm.pages_1g = false; /* another machine */
    restore_it(s, &image, &result);
    assert_int_equal(result.supplied, 1);
    assert_int_equal(result.large_before, 1); /* counted once */
    assert_int_equal(result.shattered, 1);
    is_made_of_blocks(s);
    at = maddr_of(s->l3.v << PAGE_SHIFT | AT * 8);
    assert_int_equal(join(&s->op, at, &table), ERR_INVAL);
    s->w.mm.pages_1g = true;
    assert_int_equal(join(&s->op, at, &table), ERR_NONE);
    world_done(&s->op);
    assert_true(mfn_eq(table, MFN_NONE)); /* it went back */
    assert_int_equal(s->us.d.supplied, 0);
    is_1g(s);
    world_destroy(&s->w, &s->us);
    saving_free(&image);
    domain(s); /* for the end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        life_test(relocated_it_is_as_large),
        life_test(restored_where_it_fits_and_where_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
