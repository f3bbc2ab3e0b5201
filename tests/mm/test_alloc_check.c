/* SPDX-License-Identifier: MIT */
/*
 * test_alloc_check.c: alloc_check() can fail: whatever is damaged, it says
 * so, and says what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alloc_model.h"

struct damage {
    const char *expected;
    void (*do_it)(struct alloc_model *k);
};

static uint32_t free_block(const struct alloc_model *k)
{
    for (uint32_t b = 0; b < k->nr; b++)
        if (region_has(&k->mm.alloc.regions, b, false))
            return b;
    fail_msg("no free block");
    return 0;
}

static void lose_block(struct alloc_model *k)
{
    uint32_t b;

    assert_true(region_take_dirty(&k->mm.alloc.regions, &b));
}
static void drop_word(struct alloc_model *k)
{
    k->mm.blocks[free_block(k)].word = block_word(BLOCK_NOT_RAM, 0);
}
static void steal_word(struct alloc_model *k)
{
    k->mm.blocks[free_block(k)].word = block_word(BLOCK_DOM, 3);
}
/* Whose it was, where it is all zeroes. */
static void name_word(struct alloc_model *k)
{
    uint32_t b = 0;

    assert_int_equal(alloc_scrub(&k->mm, 1), 1);
    while (!region_has(&k->mm.alloc.regions, b, true))
        b++;
    k->mm.blocks[b].word |= 3;
}
/* Of whom there never was one. */
static void name_nobody(struct alloc_model *k)
{
    k->mm.blocks[free_block(k)].word |= k->mm.incarnations + 1;
}

static void wash_word(struct alloc_model *k)
{
    k->mm.blocks[free_block(k)].word &= ~BLOCK_DIRTY;
}
static void miscount_region(struct alloc_model *k)
{
    k->mm.alloc.regions.region[0].nr_free++;
}
static void miscount_total(struct alloc_model *k)
{
    k->mm.alloc.regions.nr_free++;
}
static void clean_not_free(struct alloc_model *k)
{
    struct region *r = &k->mm.alloc.regions.region[0];

    r->free[0] &= ~BIT(k->held[0] % 64);
    r->clean[0] |= BIT(k->held[0] % 64);
    r->nr_clean++;
}
static void misplace_region(struct alloc_model *k)
{
    k->mm.alloc.regions.clean[3].leaf[0] ^= 1;
}
static void mislead_summary(struct alloc_model *k)
{
    k->mm.alloc.regions.clean[3].top[0] ^= 1;
}
static void cache_twice(struct alloc_model *k)
{
    struct alloc_cpu *c = &k->mm.alloc.cpus[0];

    assert_true(region_take_dirty(&k->mm.alloc.regions, &c->put[0]));
    c->put_at = 0;
    c->nr_put = 1;
    c->get_at = 0;
    c->get_end = 1;
    c->get[0] = c->put[0]; /* as a swap that forgets one half */
}
static void cache_owned(struct alloc_model *k)
{
    struct alloc_cpu *c = &k->mm.alloc.cpus[1];

    c->put[alloc_cpu_put(c, c->nr_put++)] = k->held[0];
}
static void overclaim(struct alloc_model *k)
{
    k->mm.alloc.claimed = k->nr + 1;
}
static void miscount_hv(struct alloc_model *k)
{
    k->mm.alloc.hv.frames++;
}
static void miscount_hv_blocks(struct alloc_model *k)
{
    k->mm.alloc.hv.partial++;
}
static void lose_hv_block(struct alloc_model *k)
{
    struct alloc_hv *hv = &k->mm.alloc.hv;

    hv->list[__builtin_ctz(hv->nonempty)] = NULL;
}
static void forget_scrub(struct alloc_model *k)
{
    k->mm.alloc.scrubbing++;
}

static void damage_is_found(void **state)
{
    static const struct damage all[] = {
        {"a block's word does not agree with the maps", drop_word},
        {"a block's word does not agree with the maps", steal_word},
        {"a block's word does not agree with the maps", wash_word},
        {"a block's word does not agree with the maps", name_word},
        {"a block's word does not agree with the maps", name_nobody},
        {"a free block is nowhere", lose_block},
        {"blocks of a region miscounted", miscount_region},
        {"free blocks miscounted", miscount_total},
        {"a block is clean but not free", clean_not_free},
        {"a region is in the wrong sets", misplace_region},
        {"summary of a region set is wrong", mislead_summary},
        {"a block is cached twice", cache_twice},
        {"a cached block is not free", cache_owned},
        {"more is claimed than is free", overclaim},
        {"hypervisor frames in use miscounted", miscount_hv},
        {"hypervisor blocks miscounted", miscount_hv_blocks},
        {"summary of hypervisor block lists is wrong", lose_hv_block},
        {"a block is still being scrubbed", forget_scrub},
    };
    struct alloc_model *k = malloc(sizeof(*k));

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
        const char *found;

        alloc_model_make(k, 200 * BLOCK_FRAMES, 0);
        alloc_model_add(k, 1, 200 * BLOCK_FRAMES);
        for (unsigned j = 0; j < 5; j++)
            alloc_model_get(k);
        alloc_model_hv_get(k);
        alloc_model_check(k);
        all[i].do_it(k);
        found = alloc_check(&k->mm);
        assert_non_null(found);
        assert_string_equal(found, all[i].expected);
        alloc_model_end(k);
    }
    free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
