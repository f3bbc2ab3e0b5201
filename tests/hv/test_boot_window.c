/* SPDX-License-Identifier: MIT */
/* Any machine address through one table: what it maps, and when it is full. */
#include "tests/hv/check.h"

#include "hv/arch/boot_window.c"

uint64_t boot_tables[8 * PT_ENTRIES];
struct cpu_features cpu_features = {.phys_bits = 46};

/* By the table, as a processor would; ~0: not mapped. */
static uint64_t translate(const uint8_t *p)
{
    uint64_t va = (uint64_t)p - HV_DIRECT_VA;

    if (va < HV_BOOT_LIMIT)
        return va;
    va -= HV_BOOT_LIMIT;
    if (va >> 30 || !(table[va >> BLOCK_SHIFT] & PTE_P) ||
        boot_tables[PT_ENTRIES + 4] !=
            (maddr_of_image(table).v | PTE_P | PTE_RW | PTE_A))
        return ~UINT64_C(0);
    assert_false(table[va >> BLOCK_SHIFT] & PTE_RW);
    return (table[va >> BLOCK_SHIFT] & BITS(51, 21)) | (va & (BLOCK_SIZE - 1));
}

static void assert_maps(uint64_t pa, uint64_t len)
{
    const uint8_t *p = boot_window(pa, len);

    assert_non_null(p);
    for (uint64_t i = 0; i < len; i += PAGE_SIZE)
        assert_int_equal(translate(p + i), pa + i);
    assert_int_equal(translate(p + len - 1), pa + len - 1);
}

static void low_addresses_need_no_window(void **state)
{
    (void)state;
    assert_maps(0x40e, 2);
    assert_maps(HV_BOOT_LIMIT - 36, 36);
    assert_int_equal(used, 0);
}

static void what_is_anywhere_is_found(void **state)
{
    (void)state;
    assert_maps(HV_BOOT_LIMIT - 8, 36); /* on both sides of the limit */
    assert_int_equal(used, 2);
    assert_maps(BIT(46) - 36, 36);
    assert_maps(UINT64_C(0x123456789abc), 16u << 20);
    assert_int_equal(used, 3 + 9);
    /* Again, and a part of it: nothing new. */
    assert_maps(UINT64_C(0x123456789abc) + 5 * BLOCK_SIZE, 2 * BLOCK_SIZE);
    assert_maps(HV_BOOT_LIMIT - 8, 36);
    assert_int_equal(used, 3 + 9);
}

static void no_address_that_there_is_not(void **state)
{
    (void)state;
    assert_null(boot_window(BIT(46), 1));
    assert_null(boot_window(BIT(46) - 1, 2));
    assert_null(boot_window(UINT64_MAX - 3, 36));
    assert_null(boot_window(0x1000, 0));
    assert_null(boot_window(0x1000, UINT64_MAX));
    assert_null(boot_window(HV_BOOT_LIMIT, BIT(31)));
}

static void a_full_window_says_so_and_keeps_what_it_has(void **state)
{
    const uint8_t *first = boot_window(BIT(40), 1);
    uint64_t n = 0;

    (void)state;
    while (boot_window(BIT(41) + n * 3 * BLOCK_SIZE, 16u << 20))
        n++;
    assert_in_range(n, 40, PT_ENTRIES / 8);
    assert_ptr_equal(boot_window(BIT(40), 1), first);
    assert_maps(BIT(40), 1);
    assert_maps(BIT(41), 16u << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(low_addresses_need_no_window),
        cmocka_unit_test(what_is_anywhere_is_found),
        cmocka_unit_test(no_address_that_there_is_not),
        cmocka_unit_test(a_full_window_says_so_and_keeps_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
