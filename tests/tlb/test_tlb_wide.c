/* SPDX-License-Identifier: MIT */
/*
 * Traces by hand of windows wider than the arrays of both families for large
 * pages: what then hits in which level, and what walks read.
 */
#include "tests/hv/check.h"
#include "tests/tlb/mmu.h"
#include "tests/tlb/model.h"

static struct mmu m;

#define L1 (-1)
#define L2 (-2)

/* L1, L2, or how many entries were read. */
static int access(uint64_t page, enum page_size size)
{
    const uint64_t va = page << page_shift(size);
    const struct walk w = {.size = size};
    enum page_size found = PAGE_SIZES;

    switch (mmu_look(&m, SIDE_DATA, va, &found)) {
    case HIT_L1:
        return L1;
    case HIT_L2:
        return L2;
    default:
        return (int)mmu_walk(&m, SIDE_DATA, va, &w);
    }
}

static int gib(uint64_t page)
{
    return access(page, PAGE_1G);
}

static int mib2(uint64_t page)
{
    return access(page, PAGE_2M);
}

static void start(unsigned family)
{
    const struct mmu_setup setup = {.family = &families[family]};

    assert_true(mmu_init(&m, &setup));
}

/* First level: 4. Second: 4 sets of 4, by the lowest bits. */
static void sixteen_gib_fit_into_skylake(void **state)
{
    (void)state;
    start(FAMILY_SKYLAKE);
    for (uint64_t g = 0; g < 16; g++)
        assert_int_equal(gib(g), g ? 1 : 2); /* the PML4E once */
    for (uint64_t g = 12; g < 16; g++)
        assert_int_equal(gib(g), L1);
    for (uint64_t g = 0; g < 16; g++)
        assert_int_equal(gib(g), L2); /* each was made room of by then */
    assert_int_equal(gib(16), 1);     /* 0 makes room, of 0, 4, 8 and 12 */
    assert_int_equal(gib(1), L2);
    assert_int_equal(gib(0), 1); /* and 4 for it */
    assert_int_equal(gib(8), L2);
    assert_int_equal(gib(4), 1);
    assert_int_equal(gib(512), 2); /* another PML4E */
    mmu_free(&m);
}

/* Entries of level 3: 2 sets of 4. What they lead to is 1 GiB in 2 MiB pages.
 */
static void eight_tables_of_2m_are_known_to_skylake(void **state)
{
    const uint64_t each = 512;

    (void)state;
    start(FAMILY_SKYLAKE);
    for (uint64_t g = 0; g < 8; g++)
        assert_int_equal(mib2(g * each), g ? 2 : 3);
    for (uint64_t g = 0; g < 8; g++)
        assert_int_equal(mib2(g * each + 1), 1);
    assert_int_equal(mib2(8 * each), 2); /* table 0 makes room, 2, 4, 6 stay */
    assert_int_equal(mib2(2 * each + 2), 1);
    assert_int_equal(mib2(1 * each + 2), 1); /* the other set */
    assert_int_equal(mib2(0 * each + 2), 2); /* 4 for it */
    assert_int_equal(mib2(4 * each + 2), 2);
    mmu_free(&m);
}

/*
 * First level: 64. The second has the piece of 2 MiB that was used, number 512
 * x g: of 128 sets all in the first, which has 16 ways.
 */
static void sixty_four_gib_fit_into_zen2(void **state)
{
    (void)state;
    start(FAMILY_ZEN2);
    for (uint64_t g = 0; g < 64; g++)
        assert_int_equal(gib(g), g ? 1 : 2);
    for (uint64_t g = 0; g < 64; g++)
        assert_int_equal(gib(g), L1);
    assert_int_equal(gib(64), 1); /* 0 makes room; pieces of 49 to 64 stay */
    assert_int_equal(gib(0), 1);  /* 1 does; pieces of 50 to 64, and 0 */
    assert_int_equal(gib(49), L1);
    for (uint64_t g = 1; g < 50; g++)
        assert_int_equal(gib(g), g == 49 ? L1 : 1);
    assert_int_equal(gib(50), 1); /* 48 took its room */
    mmu_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixteen_gib_fit_into_skylake),
        cmocka_unit_test(eight_tables_of_2m_are_known_to_skylake),
        cmocka_unit_test(sixty_four_gib_fit_into_zen2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
