/* SPDX-License-Identifier: MIT */
/*
 * What is counted, of page tables written by hand: the observer with all
 * models, and that an access to the page of the last one comes to what it would
 * without being told apart.
 */
#include "tests/tlb/count.h"
#include "tests/tlb/scene.h"

#define DIRECT (FAMILY_SKYLAKE * PAGINGS)
#define ZEN    (FAMILY_ZEN2 * PAGINGS)
#define KERNEL UINT64_C(0xffffc00000000000)

static struct observer o;

static int start(void **state)
{
    (void)state;
    scene_clear();
    if (!observer_init(&o, &scene_ram))
        return -1;
    observer_clear(&o, SCENE_ROOT);
    for (unsigned i = 0; i < 32; i++)
        scene_map(KERNEL + i * PAGE_SIZE, PAGE_4K, i * PAGE_SIZE, 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    observer_free(&o);
    return 0;
}

static bool touch(uint64_t va)
{
    struct walk w;

    return observer_access(&o, WHO_KERNEL, SIDE_DATA, va, &w);
}

static void assert_counts(unsigned model, uint64_t accesses, uint64_t misses,
                          uint64_t walks, uint64_t refs)
{
    const struct count c =
        observer_count(&o, model, WHO_KERNEL, SIDE_DATA, PAGE_4K);

    assert_int_equal(c.accesses, accesses);
    assert_int_equal(c.l1_misses, misses);
    assert_int_equal(c.walks, walks);
    assert_int_equal(c.refs, refs);
}

static void each_model_counts_for_itself(void **state)
{
    (void)state;
    assert_true(touch(KERNEL));
    assert_false(touch(KERNEL + 8));
    assert_true(touch(KERNEL + PAGE_SIZE));
    assert_false(touch(KERNEL));
    assert_counts(DIRECT, 4, 2, 2, 4 + 1);
    /* Host's pages of 4 KiB: the root and its tables lie in one block, so 4 +
     * 1, then 1 + 1 three times, the page 1; then 1 and its page 1. Page 1 of
     * the RAM is the root, whose translation is held. */
    assert_counts(DIRECT + 1, 4, 2, 2, 5 + 3 * 2 + 1 + 1);
    /* Of 2 MiB: one translation for everything. */
    assert_counts(DIRECT + 2, 4, 2, 2, 3 + 4 + 1);
    assert_counts(ZEN, 4, 2, 2, 4 + 1);
}

/* Five pages of one set of Skylake's: the fifth finds four of them there. */
static void sets_are_of_page_numbers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++)
        scene_map(KERNEL + i * 16 * PAGE_SIZE, PAGE_4K, 0, 0);
    for (unsigned i = 0; i < 5; i++)
        touch(KERNEL + i * 16 * PAGE_SIZE);
    touch(KERNEL);
    assert_counts(DIRECT, 6, 6, 5, 4 + 4);
    assert_counts(ZEN, 6, 5, 5, 4 + 4);
}

static bool fetch(uint64_t va)
{
    struct walk w;

    return observer_access(&o, WHO_KERNEL, SIDE_CODE, va, &w);
}

static void code_counts_when_the_page_is_another(void **state)
{
    (void)state;
    fetch(KERNEL);
    fetch(KERNEL + 64);
    touch(KERNEL + PAGE_SIZE);
    fetch(KERNEL + 128);
    fetch(KERNEL + PAGE_SIZE);
    fetch(KERNEL);
    const struct count c =
        observer_count(&o, DIRECT, WHO_KERNEL, SIDE_CODE, PAGE_4K);
    assert_int_equal(c.accesses, 3);
    assert_int_equal(c.l1_misses, 2);
    assert_int_equal(c.walks, 1); /* what data had is in the second level */
    assert_counts(DIRECT, 1, 1, 1, 1);
}

static void flushes_are_felt_at_once(void **state)
{
    (void)state;
    touch(KERNEL);
    observer_load_root(&o, SCENE_ROOT);
    assert_true(touch(KERNEL));
    observer_flush_page(&o, KERNEL);
    assert_true(touch(KERNEL));
    observer_flush(&o);
    assert_true(touch(KERNEL));
    assert_counts(DIRECT, 4, 4, 4, 16);
    assert_int_equal(o.flushes.loads, 1);
    assert_int_equal(o.flushes.pages, 1);
    assert_int_equal(o.flushes.all, 1);
}

static void what_is_not_mapped_is_lost(void **state)
{
    (void)state;
    assert_false(touch(KERNEL + BIT(40)));
    assert_int_equal(o.lost, 1);
    assert_counts(DIRECT, 0, 0, 0, 0);
}

static void whose_by_the_address(void **state)
{
    (void)state;
    assert_int_equal(who_at(0x400000), WHO_USER);
    assert_int_equal(who_at(UINT64_C(0xffff82d080000000)), WHO_HYPERVISOR);
    assert_int_equal(who_at(UINT64_C(0xffff87ffffffffff)), WHO_HYPERVISOR);
    assert_int_equal(who_at(UINT64_C(0xffff880000000000)), WHO_KERNEL);
    assert_int_equal(who_at(UINT64_C(0xffffffff80100000)), WHO_KERNEL);
}

static void assert_same_counts(const struct observer *a,
                               const struct observer *b)
{
    for (unsigned m = 0; m < MODELS; m++)
        for (enum mmu_side s = SIDE_CODE; s < SIDES; s++) {
            struct count of_a = observer_count(a, m, WHO_KERNEL, s, PAGE_4K),
                         of_b = observer_count(b, m, WHO_KERNEL, s, PAGE_4K);

            assert_true(of_a.walks > 100);
            if (s == SIDE_CODE) {
                assert_true(of_a.accesses < of_b.accesses);
                of_b.accesses = of_a.accesses;
            }
            assert_memory_equal(&of_a, &of_b, sizeof(of_a));
        }
}

/* Random accesses of both sides, every other one to the page of the one before,
 * with the last page told apart and not. More pages than a first level holds.
 */
static void a_repeated_access_changes_only_a_count(void **state)
{
    static struct observer plain;
    uint64_t x = 1, page = 0;

    (void)state;
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        scene_map(KERNEL + i * PAGE_SIZE, PAGE_4K, 0, 0);
    assert_true(observer_init(&plain, &scene_ram));
    observer_clear(&plain, SCENE_ROOT);
    for (unsigned i = 0; i < 20000; i++) {
        const enum mmu_side side = x >> 33 & 1 ? SIDE_DATA : SIDE_CODE;
        struct walk w;

        x = x * 0x5851f42d4c957f2d + 1;
        page = x >> 40 & 1 ? page : x >> 50 & (PT_ENTRIES - 1);
        observer_access(&o, WHO_KERNEL, side, KERNEL + page * PAGE_SIZE, &w);
        plain.last[SIDE_CODE].page = plain.last[SIDE_DATA].page = 0;
        observer_access(&plain, WHO_KERNEL, side, KERNEL + page * PAGE_SIZE,
                        &w);
    }
    assert_true(o.again[WHO_KERNEL][PAGE_4K] > 1000);
    assert_same_counts(&o, &plain);
    observer_free(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_model_counts_for_itself, start,
                                        stop),
        cmocka_unit_test_setup_teardown(sets_are_of_page_numbers, start, stop),
        cmocka_unit_test_setup_teardown(code_counts_when_the_page_is_another,
                                        start, stop),
        cmocka_unit_test_setup_teardown(flushes_are_felt_at_once, start, stop),
        cmocka_unit_test_setup_teardown(what_is_not_mapped_is_lost, start,
                                        stop),
        cmocka_unit_test_setup_teardown(whose_by_the_address, start, stop),
        cmocka_unit_test_setup_teardown(a_repeated_access_changes_only_a_count,
                                        start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
