/* SPDX-License-Identifier: MIT */
/* Traces by hand: what hits in which level, and what a walk reads. */
#include "tests/hv/check.h"
#include "tests/tlb/mmu.h"

/* Small enough to know by heart: in each set the last two. */
static const struct mmu_family tiny = {
    .name = "tiny",
    .l1[SIDE_CODE] = {{{{1, 1}, TLB_4K | TLB_2M | TLB_1G}}},
    .l1[SIDE_DATA] = {{{{2, 2}, TLB_4K}, {{1, 1}, TLB_2M}}},
    .l2[SIDE_DATA] = {{{{1, 8}, TLB_4K | TLB_2M}}},
    .l2_is_one = true,
    .psc = {.level = {[2] = {1, 2}, [3] = {1, 1}, [4] = {1, 1}}},
};

static struct mmu m;

static int start_as(const struct mmu_family *f)
{
    const struct mmu_setup setup = {.family = f};

    return mmu_init(&m, &setup) ? 0 : -1;
}

static int start(void **state)
{
    (void)state;
    return start_as(&tiny);
}

static int stop(void **state)
{
    (void)state;
    mmu_free(&m);
    return 0;
}

#define L1 (-1)
#define L2 (-2)

/* L1, L2, or how many entries were read. */
static int access(enum mmu_side side, uint64_t va, enum page_size size,
                  bool global)
{
    const struct walk w = {.size = size, .global = global};
    enum page_size found = PAGE_SIZES;

    switch (mmu_look(&m, side, va, &found)) {
    case HIT_L1:
        assert_int_equal(found, size);
        return L1;
    case HIT_L2:
        assert_int_equal(found, size);
        return L2;
    default:
        return (int)mmu_walk(&m, side, va, &w);
    }
}

static int data(uint64_t page)
{
    return access(SIDE_DATA, page << PAGE_SHIFT, PAGE_4K, false);
}

static int data_2m(uint64_t block)
{
    return access(SIDE_DATA, block << BLOCK_SHIFT, PAGE_2M, false);
}

static void the_last_used_of_a_set_stay(void **state)
{
    (void)state;
    assert_int_equal(data(0), 4);
    assert_int_equal(data(0), L1);
    assert_int_equal(data(2), 1);
    assert_int_equal(data(0), L1); /* before 2 now */
    assert_int_equal(data(4), 1);  /* 2 makes room */
    assert_int_equal(data(1), 1);  /* the other set */
    assert_int_equal(data(0), L1);
    assert_int_equal(data(2), L2); /* 4 makes room */
    assert_int_equal(data(4), L2);
}

static void the_second_level_makes_room_too(void **state)
{
    (void)state;
    for (uint64_t page = 0; page < 9; page++)
        assert_int_equal(data(page), page ? 1 : 4);
    assert_int_equal(data(0), 1); /* the first of nine */
    assert_int_equal(data(3), L2);
    assert_int_equal(data(1), 1); /* made room for 0 */
}

/* PDE cache of two, the others of one. */
static void tables_that_are_known_are_not_read(void **state)
{
    const uint64_t mib2 = 512, gib = 512 * 512, gib512 = 512 * gib;

    (void)state;
    assert_int_equal(data(0), 4);
    assert_int_equal(data(1), 1);    /* the PDE */
    assert_int_equal(data(mib2), 2); /* the PDPTE: another PDE */
    assert_int_equal(data(2), 1);    /* both PDEs are known */
    assert_int_equal(data(gib), 3);  /* the PML4E: PDEs of mib2 go */
    assert_int_equal(data(3), 1);
    assert_int_equal(data(mib2 + 1), 3); /* its PDPTE was made room of */
    assert_int_equal(data(gib512), 4);
}

/* What maps a page leads to no table: it takes no room where those are. */
static void a_large_page_is_in_no_table_cache(void **state)
{
    (void)state;
    assert_int_equal(data(0), 4);
    assert_int_equal(data(512), 2);
    assert_int_equal(data_2m(2), 1);
    assert_int_equal(data_2m(3), 1);
    assert_int_equal(data(1), 1);
    assert_int_equal(data(513), 1);
}

static void a_large_page_ends_the_walk(void **state)
{
    (void)state;
    assert_int_equal(data_2m(0), 3);
    assert_int_equal(access(SIDE_DATA, 0x1ff000, PAGE_2M, false), L1);
    assert_int_equal(data_2m(1), 1); /* the PDPTE is known */
    assert_int_equal(data_2m(0), L2);
    assert_int_equal(access(SIDE_CODE, 0x1000, PAGE_2M, false), L2);
    assert_int_equal(access(SIDE_CODE, 0x3000, PAGE_2M, false), L1);
}

static void a_1g_page_is_held_in_pieces(void **state)
{
    (void)state;
    assert_int_equal(access(SIDE_DATA, 0, PAGE_1G, false), 2);
    assert_int_equal(access(SIDE_DATA, BLOCK_SIZE - 1, PAGE_1G, false), L1);
    assert_int_equal(access(SIDE_DATA, BLOCK_SIZE, PAGE_1G, false), 1);
    mmu_flush_page(&m, 0); /* with one piece all go */
    assert_int_equal(access(SIDE_DATA, BLOCK_SIZE, PAGE_1G, false), 2);
}

static void a_root_leaves_global_pages(void **state)
{
    (void)state;
    assert_int_equal(access(SIDE_DATA, 0, PAGE_4K, true), 4);
    assert_int_equal(data(1), 1);
    mmu_load_root(&m);
    assert_int_equal(access(SIDE_DATA, 0, PAGE_4K, true), L1);
    assert_int_equal(data(1), 4);
    mmu_flush(&m);
    assert_int_equal(access(SIDE_DATA, 0, PAGE_4K, true), 4);
}

static void one_page_goes_and_all_tables(void **state)
{
    (void)state;
    assert_int_equal(access(SIDE_DATA, 0, PAGE_4K, true), 4);
    assert_int_equal(data(1), 1);
    mmu_flush_page(&m, 0xfff);
    assert_int_equal(data(1), L1);
    assert_int_equal(access(SIDE_DATA, 0, PAGE_4K, true), 4);
}

/* Entries of level 2 among the pages: they take their room. */
static const struct mmu_family mixed = {
    .name = "mixed",
    .l1[SIDE_DATA] = {{{{1, 1}, TLB_4K | TLB_2M}}},
    .l2[SIDE_DATA] = {{{{1, 3}, TLB_4K | TLB_2M}}},
    .l2_has_pdes = true,
    .psc = {.level = {[3] = {1, 2}}, .upper_is_one = true},
};

static int start_mixed(void **state)
{
    (void)state;
    return start_as(&mixed);
}

static void pdes_share_the_second_level(void **state)
{
    (void)state;
    assert_int_equal(data(0), 4); /* L2: page 0, PDE 0 */
    assert_int_equal(data(1), 1); /* page 1, PDE 0, page 0 */
    assert_int_equal(data(0), L2);
    assert_int_equal(data(2), 1);   /* page 2, PDE 0, page 0 */
    assert_int_equal(data(1), 1);   /* made room for 2 */
    assert_int_equal(data(512), 2); /* page 512, PDE 1, page 1: PDE 0 goes */
    assert_int_equal(data(3), 2);
    mmu_flush_page(&m, 0x5000); /* PDEs are tables, pages stay */
    assert_int_equal(data(512), L2);
    assert_int_equal(data(4), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_used_of_a_set_stay, start,
                                        stop),
        cmocka_unit_test_setup_teardown(the_second_level_makes_room_too, start,
                                        stop),
        cmocka_unit_test_setup_teardown(tables_that_are_known_are_not_read,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_large_page_is_in_no_table_cache,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_large_page_ends_the_walk, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_1g_page_is_held_in_pieces, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_root_leaves_global_pages, start,
                                        stop),
        cmocka_unit_test_setup_teardown(one_page_goes_and_all_tables, start,
                                        stop),
        cmocka_unit_test_setup_teardown(pdes_share_the_second_level,
                                        start_mixed, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
