/* SPDX-License-Identifier: MIT */
/*
 * What is put into a pfnmap comes out again, and all its pages go back, also
 * when there was not enough memory half way.
 */
/* uses: mm/alloc/pfnmap.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/alloc/pfnmap.h"
#include "port.h"
#include "world.h"

static struct world w;
static struct pfnmap map;

static int make(void **state)
{
    (void)state;
    world_make(&w, 64);
    assert_int_equal(pfnmap_init(&map, &w.mm, 4096), ERR_NONE);
    return 0;
}

static int end(void **state)
{
    (void)state;
    host_preempt_every(1);
    HOST_END(pfnmap_free(&map));
    host_preempt_at(0);
    world_end(&w);
    return 0;
}

static uint64_t get(uint64_t pfn)
{
    return pfnmap_get(&map, pfn_of(pfn)).v;
}

static void whole_blocks(void **state)
{
    (void)state;
    assert_int_equal(get(0), MFN_NONE.v);
    assert_int_equal(pfnmap_set_block(&map, 0, mfn_of(0x200)), ERR_NONE);
    assert_int_equal(pfnmap_set_block(&map, 4095, mfn_of(0x40000000)),
                     ERR_NONE);
    assert_int_equal(get(0), 0x200);
    assert_int_equal(get(511), 0x3ff);
    assert_int_equal(get(512), MFN_NONE.v);
    assert_int_equal(get(4095 * 512 + 5), 0x40000005);
    assert_int_equal(get(4096 * 512), MFN_NONE.v);
    assert_int_equal(get(~UINT64_C(0)), MFN_NONE.v);
}

static void single_frames(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 3000; i += 3)
        assert_int_equal(pfnmap_set(&map, pfn_of(i), mfn_of(7000 - i)),
                         ERR_NONE);
    for (uint64_t i = 0; i < 3000; i++)
        assert_int_equal(get(i), i % 3 ? MFN_NONE.v : 7000 - i);
}

static void blocks_change_their_kind(void **state)
{
    uint64_t frames;

    (void)state;
    assert_int_equal(pfnmap_set_block(&map, 1, mfn_of(0x400)), ERR_NONE);
    frames = alloc_stats(&w.mm).hv_frames;
    assert_int_equal(pfnmap_set(&map, pfn_of(515), mfn_of(9)), ERR_NONE);
    assert_int_equal(get(514), 0x402);
    assert_int_equal(get(515), 9);
    assert_int_equal(get(1023), 0x5ff);
    assert_int_equal(pfnmap_set(&map, pfn_of(515), MFN_NONE), ERR_NONE);
    assert_int_equal(get(515), MFN_NONE.v);
    assert_int_equal(get(516), 0x404);
    assert_int_equal(pfnmap_set_block(&map, 1, mfn_of(0x800)), ERR_NONE);
    assert_int_equal(get(515), 0x803);
    assert_int_equal(alloc_stats(&w.mm).hv_frames, frames);
}

static void no_memory(void **state)
{
    mfn_t taken[64 * BLOCK_FRAMES];
    unsigned n = 0;

    (void)state;
    while (alloc_hv_get(&w.mm, 0, &taken[n]) == ERR_NONE)
        n++;
    assert_int_equal(pfnmap_set_block(&map, 3, mfn_of(0x200)), ERR_NOMEM);
    assert_int_equal(get(3 * 512), MFN_NONE.v);
    alloc_hv_put(&w.mm, taken[--n], 0);
    /* The page of blocks fits, that of frames does not. */
    assert_int_equal(pfnmap_set(&map, pfn_of(512), mfn_of(9)), ERR_NOMEM);
    assert_int_equal(get(512), MFN_NONE.v);
    assert_int_equal(pfnmap_set_block(&map, 3, mfn_of(0x200)), ERR_NONE);
    while (n)
        alloc_hv_put(&w.mm, taken[--n], 0);
    assert_int_equal(pfnmap_set(&map, pfn_of(512), mfn_of(9)), ERR_NONE);
    assert_int_equal(get(512), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_blocks, make, end),
        cmocka_unit_test_setup_teardown(single_frames, make, end),
        cmocka_unit_test_setup_teardown(blocks_change_their_kind, make, end),
        cmocka_unit_test_setup_teardown(no_memory, make, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
