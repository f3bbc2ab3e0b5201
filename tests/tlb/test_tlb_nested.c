/* SPDX-License-Identifier: MIT */
/*
 * References of a two-dimensional walk, counted by hand: with n levels of the
 * guest's and m of the host's and nothing cached (n + 1) * (m + 1) - 1.
 */
#include "tests/hv/check.h"
#include "tests/tlb/mmu.h"

static struct nested n;

static const struct nested_shape none;
static const struct nested_shape some = {
    .tlb = {1, 2}, .psc = {.level = {[2] = {1, 2}, [3] = {1, 1}}}};

/* Each entry in a frame of a block of its own, of one GiB. */
static struct walk walk_of(enum page_size size)
{
    return (struct walk){.entry = {[4] = {0x4 * BLOCK_SIZE + 8},
                                   [3] = {0x3 * BLOCK_SIZE + 8},
                                   [2] = {0x2 * BLOCK_SIZE + 8},
                                   [1] = {0x1 * BLOCK_SIZE + 8}},
                         .to = {0x9 * BLOCK_SIZE + 8},
                         .size = size};
}

static unsigned from_nothing(enum page_size guest, enum page_size host)
{
    const struct walk w = walk_of(guest);

    assert_true(nested_init(&n, &none, host));
    return nested_walk(&n, &w, PT_LEVELS);
}

static void nothing_cached(void **state)
{
    (void)state;
    assert_int_equal(from_nothing(PAGE_4K, PAGE_4K), 24);
    assert_int_equal(from_nothing(PAGE_4K, PAGE_2M), 19);
    assert_int_equal(from_nothing(PAGE_2M, PAGE_4K), 19);
    assert_int_equal(from_nothing(PAGE_2M, PAGE_2M), 15);
    assert_int_equal(from_nothing(PAGE_1G, PAGE_2M), 11);
    assert_int_equal(from_nothing(PAGE_1G, PAGE_1G), 8);
}

/* The guest's PDE is cached, and with it where its table is in the machine. */
static void a_known_table_is_not_translated(void **state)
{
    const struct walk w = walk_of(PAGE_4K);

    (void)state;
    assert_true(nested_init(&n, &none, PAGE_4K));
    assert_int_equal(nested_walk(&n, &w, 1), 1 + 4);
    assert_int_equal(nested_walk(&n, &w, 2), 1 + (4 + 1) + 4);
    assert_int_equal(nested_walk(&n, &w, 3), 1 + 2 * (4 + 1) + 4);
}

static void the_host_has_caches_of_its_own(void **state)
{
    const struct walk w = walk_of(PAGE_4K);

    (void)state;
    assert_true(nested_init(&n, &some, PAGE_4K));
    /* Root 4 + 1; the others: the host's PDPTE is known, so 2 + 1; page 2. */
    assert_int_equal(nested_walk(&n, &w, PT_LEVELS), 5 + 3 * 3 + 2);
    /* The page's translation is held, and nothing else is looked at. */
    assert_int_equal(nested_walk(&n, &w, 1), 1);
    /* Of two held, the page and that of level 1; so of level 2: 2 + 1. */
    assert_int_equal(nested_translate(&n, w.entry[1]), 0);
    assert_int_equal(nested_translate(&n, w.entry[2]), 2);
    /* The host's PDEs are those of level 2 and of the page. */
    assert_int_equal(nested_translate(&n, maddr_of(9 * BLOCK_SIZE + 4096)), 1);
    assert_int_equal(nested_translate(&n, w.entry[4]), 2);
    nested_drop_all(&n);
    assert_int_equal(nested_translate(&n, w.entry[4]), 4);
    nested_free(&n);
}

/* A processor with all its caches. */
static const struct mmu_family tiny = {
    .name = "tiny",
    .l1[SIDE_DATA] = {{{{1, 1}, TLB_4K | TLB_2M}}},
    .psc = {.level = {[2] = {1, 1}}},
};

static void a_root_leaves_what_is_the_hosts(void **state)
{
    struct mmu_family f = tiny;
    struct mmu m;
    const struct mmu_setup setup = {&f, true, PAGE_4K};
    const struct walk w = walk_of(PAGE_4K);

    (void)state;
    f.nested = some;
    f.nested.tlb.ways = 8;
    assert_true(mmu_init(&m, &setup));
    assert_int_equal(mmu_walk(&m, SIDE_DATA, 0, &w), 16);
    mmu_load_root(&m); /* what is combined goes: four entries are read */
    assert_int_equal(mmu_walk(&m, SIDE_DATA, 0, &w), 4);
    mmu_reset(&m);
    assert_int_equal(mmu_walk(&m, SIDE_DATA, 0, &w), 16);
    mmu_free(&m);
}

static void a_page_larger_than_the_hosts_is_held_in_pieces(void **state)
{
    struct mmu m;
    const struct mmu_setup setup = {&tiny, true, PAGE_4K};
    const struct walk w = walk_of(PAGE_2M);
    enum page_size size;

    (void)state;
    assert_true(mmu_init(&m, &setup));
    assert_int_equal(mmu_walk(&m, SIDE_DATA, 0, &w), 19);
    assert_int_equal(mmu_look(&m, SIDE_DATA, 0xfff, &size), HIT_L1);
    assert_int_equal(size, PAGE_2M); /* of the guest's tables */
    assert_int_equal(mmu_look(&m, SIDE_DATA, 0x1000, &size), HIT_NONE);
    mmu_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_cached),
        cmocka_unit_test(a_known_table_is_not_translated),
        cmocka_unit_test(the_host_has_caches_of_its_own),
        cmocka_unit_test(a_root_leaves_what_is_the_hosts),
        cmocka_unit_test(a_page_larger_than_the_hosts_is_held_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
