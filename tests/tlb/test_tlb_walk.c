/* SPDX-License-Identifier: MIT */
/* Page tables written by hand, walked: which entries are read, where it ends.
 */
#include "tests/tlb/scene.h"

#define VA UINT64_C(0xffff812345678abc)

static int start(void **state)
{
    (void)state;
    scene_clear();
    return 0;
}

static struct walk walked(uint64_t va)
{
    struct walk w = {0};

    assert_true(walk_page(&scene_ram, SCENE_ROOT | 0x18, va, &w));
    return w;
}

static void of_4k_reads_four_entries(void **state)
{
    (void)state;
    scene_map(VA, PAGE_4K, 0x7654321000, PTE_G);
    const struct walk w = walked(VA);
    /* Bits 47:39, 38:30, 29:21 and 20:12 of it, eight bytes each. */
    assert_int_equal(w.entry[4].v, 0x1000 + 8 * 0x102);
    assert_int_equal(w.entry[3].v, 0x2000 + 8 * 0x08d);
    assert_int_equal(w.entry[2].v, 0x3000 + 8 * 0x02b);
    assert_int_equal(w.entry[1].v, 0x4000 + 8 * 0x078);
    assert_int_equal(w.size, PAGE_4K);
    assert_int_equal(w.to.v, 0x7654321abc);
    assert_true(w.global);
}

static void of_2m_and_1g_end_above(void **state)
{
    (void)state;
    scene_map(VA, PAGE_2M, 0x7654200000, 0);
    assert_int_equal(walked(VA).size, PAGE_2M);
    assert_int_equal(walked(VA).to.v, 0x7654278abc);
    assert_false(walked(VA).global);
    /* Bit 12 is the PAT of a large page, not its address. */
    scene_map(VA, PAGE_1G, 0x7640000000 | PTE_PSE_PAT, 0);
    assert_int_equal(walked(VA).size, PAGE_1G);
    assert_int_equal(walked(VA).to.v, 0x7645678abc);
}

static void ends_where_nothing_is_present(void **state)
{
    struct walk w;

    (void)state;
    scene_map(VA, PAGE_4K, 0x5000, 0);
    scene_set(0x3000, 2, VA, 0x4000);
    assert_false(walk_page(&scene_ram, SCENE_ROOT, VA, &w));
    scene_set(0x3000, 2, VA, 0x4000 | PTE_P);
    assert_true(walk_page(&scene_ram, SCENE_ROOT, VA, &w));
    scene_set(0x3000, 2, VA, SCENE_RAM | PTE_P); /* a table that is no RAM */
    assert_false(walk_page(&scene_ram, SCENE_ROOT, VA, &w));
}

static void at_level_4_there_is_no_leaf(void **state)
{
    struct walk w;

    (void)state;
    scene_set(SCENE_ROOT, 4, VA, 0x2000 | PTE_P | PTE_PSE);
    assert_false(walk_page(&scene_ram, SCENE_ROOT, VA, &w));
}

static void ram_has_a_hole_below_4_gib(void **state)
{
    const struct ram r = {scene_bytes, UINT64_C(5) << 30, UINT64_C(3) << 30};
    uint64_t offset;

    (void)state;
    assert_true(ram_offset(&r, maddr_of(0xbfffffff), &offset));
    assert_int_equal(offset, 0xbfffffff);
    assert_false(ram_offset(&r, maddr_of(0xc0000000), &offset));
    assert_false(ram_offset(&r, maddr_of(0xffffffff), &offset));
    assert_true(ram_offset(&r, maddr_of(0x100000000), &offset));
    assert_int_equal(offset, 0xc0000000);
    assert_false(ram_offset(&r, maddr_of(0x180000000), &offset));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(of_4k_reads_four_entries, start),
        cmocka_unit_test_setup(of_2m_and_1g_end_above, start),
        cmocka_unit_test_setup(ends_where_nothing_is_present, start),
        cmocka_unit_test_setup(at_level_4_there_is_no_leaf, start),
        cmocka_unit_test_setup(ram_has_a_hole_below_4_gib, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
