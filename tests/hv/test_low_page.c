/* SPDX-License-Identifier: MIT */
/* The page in which processors start, in memory maps of many shapes. */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/arch/low_page.h"

static struct bootinfo bi;

static int start(void **state)
{
    (void)state;
    memset(&bi, 0, sizeof(bi));
    return 0;
}

static void range(uint64_t from, uint64_t to, enum bootinfo_kind kind)
{
    bi.ranges[bi.nr_ranges++] =
        (struct bootinfo_range){.start = from, .end = to, .kind = kind};
}

static void module(uint64_t from, uint64_t to)
{
    bi.modules[bi.nr_modules++] =
        (struct bootinfo_module){.start = from, .end = to};
}

static void the_highest_whole_page_of_ram(void **state)
{
    (void)state;
    range(0, 0x9fc00, BOOTINFO_RAM); /* a BIOS: its own KiB is behind */
    range(0x9fc00, 0xa0000, BOOTINFO_RESERVED);
    range(0x100000, 0x40000000, BOOTINFO_RAM);
    assert_int_equal(low_page_find(&bi), 0x9e);
}

static void ram_of_the_screen_and_beyond_is_none(void **state)
{
    (void)state;
    range(0, 0x40000000, BOOTINFO_RAM);
    assert_int_equal(low_page_find(&bi), 0x9f);
}

static void other_kinds_are_none(void **state)
{
    (void)state;
    range(0, 0x1000, BOOTINFO_RAM);
    range(0x1000, 0x58800, BOOTINFO_RAM);
    range(0x58800, 0x60000, BOOTINFO_NVS);
    range(0x60000, 0x60fff, BOOTINFO_RAM); /* not whole */
    range(0x61000, 0xa0000, BOOTINFO_ACPI);
    assert_int_equal(low_page_find(&bi), 0x57);
}

static void a_module_keeps_its_pages(void **state)
{
    (void)state;
    range(0, 0x9f000, BOOTINFO_RAM);
    module(0x5000, 0x6000);
    assert_int_equal(low_page_find(&bi), 0x9e);
    module(0x9d800, 0x9f000);
    module(0x9cfff, 0x9d000);
    module(0x9c000, 0x9c000); /* of no length */
    assert_int_equal(low_page_find(&bi), 0x9b);
    module(0, 0x100000);
    assert_int_equal(low_page_find(&bi), 0);
}

/* Where old vectors and the BIOS's data are. */
static void the_first_page_is_never_it(void **state)
{
    (void)state;
    range(0, 0x1000, BOOTINFO_RAM);
    assert_int_equal(low_page_find(&bi), 0);
    bi.nr_ranges = 0;
    assert_int_equal(low_page_find(&bi), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_highest_whole_page_of_ram, start),
        cmocka_unit_test_setup(ram_of_the_screen_and_beyond_is_none, start),
        cmocka_unit_test_setup(other_kinds_are_none, start),
        cmocka_unit_test_setup(a_module_keeps_its_pages, start),
        cmocka_unit_test_setup(the_first_page_is_never_it, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
