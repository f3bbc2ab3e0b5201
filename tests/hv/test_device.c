/* SPDX-License-Identifier: MIT */
/* Where a device can be: in no RAM, and where this processor's addresses lead.
 */
#include "tests/hv/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hv/arch/cpu.h"
#include "hv/arch/device.h"
#include "hv/base/log.h"

struct cpu_features cpu_features;

static char said[400];

void log_say(const char *fmt, ...)
{
    const size_t n = strlen(said);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(said + n, sizeof(said) - n, fmt, ap);
    va_end(ap);
}

enum { RAM_END = 0x8000000, TABLES_END = 0x8010000, KEPT_END = 0x8020000 };
#define HIGH UINT64_C(0x100000000)

static struct bootinfo bi = {.nr_ranges = 4,
                             .ranges = {{0, RAM_END, BOOTINFO_RAM},
                                        {RAM_END, TABLES_END, BOOTINFO_ACPI},
                                        {TABLES_END, KEPT_END, BOOTINFO_NVS},
                                        {HIGH, 2 * HIGH, BOOTINFO_RAM}}};

static int start(void **state)
{
    (void)state;
    said[0] = 0;
    cpu_features.phys_bits = 40;
    device_know(&bi);
    return 0;
}

static void is_wrong(uint64_t at, uint64_t size, const char *words)
{
    const char *why = device_problem(at, size);

    assert_non_null(why);
    assert_string_equal(why, words);
}

static const char ram[] = "an address in RAM";
static const char beyond[] = "an address beyond the processor's";

static void ram_is_no_device(void **state)
{
    (void)state;
    is_wrong(0x1000, 8, ram);
    is_wrong(RAM_END - 8, 8, ram);
    is_wrong(TABLES_END - 8, 8, ram); /* RAM once the tables are read */
    is_wrong(HIGH - 8, 9, ram);
    is_wrong(HIGH - 0x100000, 0x200000, ram);
    is_wrong(HIGH - 0x100000, 8 * HIGH, ram);
    assert_null(device_problem(TABLES_END, 8));
    assert_null(device_problem(HIGH - 8, 8));
    assert_null(device_problem(2 * HIGH, PAGE_SIZE));
}

/* Whoever shares a page with RAM is mapped along with it. */
static void pages_count_not_bytes(void **state)
{
    static struct bootinfo odd = {.nr_ranges = 1,
                                  .ranges = {{0x10400, 0x20400, BOOTINFO_RAM}}};

    (void)state;
    device_know(&odd);
    is_wrong(0x10000, 8, ram);
    is_wrong(0x20ff8, 8, ram);
    assert_null(device_problem(0xfff8, 8));
    assert_null(device_problem(0x21000, 8));
}

static void no_address_leads_beyond_the_bits(void **state)
{
    (void)state;
    is_wrong(BIT(40), 1, beyond);
    is_wrong(BIT(40) - 8, 9, beyond);
    is_wrong(BIT(52), 8, beyond);
    is_wrong(~UINT64_C(0) - 7, 8, beyond);
    is_wrong(0x9000000, ~UINT64_C(0), beyond);
    assert_null(device_problem(BIT(40) - 8, 8));
    cpu_features.phys_bits = 52;
    assert_null(device_problem(BIT(52) - 8, 8));
    cpu_features.phys_bits = 0; /* not known yet */
    assert_null(device_problem(BIT(40), 8));
    is_wrong(BIT(52), 8, beyond);
    is_wrong(0x1000, 8, ram);
}

static struct acpi_info tables(uint64_t lapic, uint64_t hpet, uint64_t serial)
{
    return (struct acpi_info){.lapic = lapic,
                              .hpet = hpet,
                              .spcr = {.found = true,
                                       .memory = true,
                                       .base = serial,
                                       .stride = 4,
                                       .width = 4}};
}

static void tables_that_are_right_stay(void **state)
{
    struct acpi_info a = tables(0xfee00000, 0xfed00000, 0xfedc9000);

    (void)state;
    device_check_acpi(&a);
    assert_int_equal(a.lapic, 0xfee00000);
    assert_int_equal(a.hpet, 0xfed00000);
    assert_int_equal(a.spcr.base, 0xfedc9000);
    assert_true(a.spcr.found);
    a = (struct acpi_info){.spcr = {.found = true, .base = 0x3e8}}; /* ports */
    device_check_acpi(&a);
    assert_true(a.spcr.found);
    assert_int_equal(a.spcr.base, 0x3e8);
    assert_string_equal(said, "");
}

static void tables_that_name_ram_are_not_believed(void **state)
{
    struct acpi_info a = tables(0x1000, RAM_END, 0x7654320);

    (void)state;
    device_check_acpi(&a);
    assert_int_equal(a.lapic, 0);
    assert_int_equal(a.hpet, 0);
    assert_false(a.spcr.found);
    assert_non_null(strstr(said, "local APIC"));
    assert_non_null(strstr(said, "HPET"));
    assert_non_null(strstr(said, "serial port is said to be at 7654320"));
}

/* Eight registers 4 bytes apart: the last of them counts. */
static void the_last_register_counts(void **state)
{
    struct acpi_info a = tables(0, 0, BIT(40) - 32);

    (void)state;
    device_check_acpi(&a);
    assert_true(a.spcr.found);
    a = tables(0, 0, BIT(40) - 31);
    device_check_acpi(&a);
    assert_false(a.spcr.found);
    a = tables(0, 0, BIT(51));
    device_check_acpi(&a);
    assert_false(a.spcr.found);
    a = tables(0, 0, HIGH - 31);
    device_check_acpi(&a);
    assert_false(a.spcr.found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ram_is_no_device, start),
        cmocka_unit_test_setup(pages_count_not_bytes, start),
        cmocka_unit_test_setup(no_address_leads_beyond_the_bits, start),
        cmocka_unit_test_setup(tables_that_are_right_stay, start),
        cmocka_unit_test_setup(tables_that_name_ram_are_not_believed, start),
        cmocka_unit_test_setup(the_last_register_counts, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
