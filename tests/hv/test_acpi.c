/* SPDX-License-Identifier: MIT */
/* ACPI tables laid into a small made-up physical memory. */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/arch/acpi.h"

enum {
    RSDP = 0x100,
    XSDT = 0x200,
    RSDT = 0x300,
    FADT = 0x400,
    MADT = 0x600,
    HPET = 0x700,
    DSDT = 0x800,
    MEMORY = 0x2000
};

static uint8_t memory[MEMORY];
static struct acpi_info info;

static const uint8_t *map(void *ctx, uint64_t pa, uint64_t len)
{
    (void)ctx;
    return pa < MEMORY && len <= MEMORY - pa ? memory + pa : NULL;
}

static void put(unsigned at, uint64_t v, unsigned bytes)
{
    memcpy(memory + at, &v, bytes);
}

static void seal(unsigned at, unsigned len, unsigned sum_at)
{
    uint8_t sum = 0;

    memory[at + sum_at] = 0;
    for (unsigned i = 0; i < len; i++)
        sum = (uint8_t)(sum + memory[at + i]);
    memory[at + sum_at] = (uint8_t)-sum;
}

static void table(unsigned at, const char *name, unsigned len)
{
    memcpy(memory + at, name, 4);
    put(at + 4, len, 4);
    seal(at, len, 9);
}

static void make_dsdt(const void *aml, unsigned len)
{
    memcpy(memory + DSDT + 40, aml, len);
    table(DSDT, "DSDT", 40 + len + 8);
}

static int start(void **state)
{
    (void)state;
    memset(memory, 0, sizeof(memory));
    memcpy(memory + RSDP, "RSD PTR ", 8);
    memory[RSDP + 15] = 2;
    put(RSDP + 16, RSDT, 4);
    put(RSDP + 24, XSDT, 8);
    seal(RSDP, 20, 8);
    seal(RSDP, 36, 32);
    put(XSDT + 36, FADT, 8);
    put(XSDT + 44, MADT, 8);
    put(XSDT + 52, HPET, 8);
    table(XSDT, "XSDT", 60);
    put(RSDT + 36, MADT, 4);
    table(RSDT, "RSDT", 40);
    put(FADT + 40, DSDT, 4);
    put(FADT + 64, 0x604, 4);
    put(FADT + 76, 0x608, 4);
    table(FADT, "FACP", 244);
    put(MADT + 36, 0xfee00000, 4);
    put(MADT + 44, 0x0800, 2); /* local APIC, 8 bytes, enabled */
    put(MADT + 48, 1, 4);
    table(MADT, "APIC", 52);
    put(HPET + 44, 0xfed00000, 8);
    table(HPET, "HPET", 56);
    make_dsdt("\x08_S5_\x12\x06\x04\x0a\x05\x0a\x06\x00\x00", 13);
    return 0;
}

static void parse(void)
{
    acpi_parse(&info, memory + RSDP, 36, map, NULL);
}

static void all_facts_are_found(void **state)
{
    (void)state;
    parse();
    assert_true(info.found && info.s5);
    assert_int_equal(info.lapic, 0xfee00000);
    assert_int_equal(info.cpus, 1);
    assert_int_equal(info.hpet, 0xfed00000);
    assert_int_equal(info.pm1a_control, 0x604);
    assert_int_equal(info.pm_timer, 0x608);
    assert_int_equal(info.s5_type_a, 5);
    assert_int_equal(info.s5_type_b, 6);
}

static void the_old_root_serves_when_the_new_is_damaged(void **state)
{
    (void)state;
    memory[XSDT + 20] ^= 1;
    parse();
    assert_true(info.found);
    assert_int_equal(info.cpus, 1);
    assert_int_equal(info.pm_timer, 0); /* not listed there */
}

static void a_wrong_checksum_hides_a_table(void **state)
{
    (void)state;
    memory[FADT + 100] ^= 1;
    parse();
    assert_false(info.s5);
    assert_int_equal(info.pm_timer, 0);
    assert_int_equal(info.cpus, 1);
}

static void a_table_longer_than_memory_is_left_alone(void **state)
{
    (void)state;
    put(MADT + 4, MEMORY, 4);
    put(FADT + 4, 0xffffffff, 4);
    put(HPET + 4, 8, 4);
    parse();
    assert_true(info.found);
    assert_int_equal(info.cpus, 0);
    assert_int_equal(info.hpet, 0);
}

static void an_empty_madt_entry_ends_the_list(void **state)
{
    (void)state;
    put(MADT + 44, 0, 2);
    table(MADT, "APIC", 52);
    parse();
    assert_int_equal(info.cpus, 0);
}

/* The MADT anew, of entries that follow one another from `at`. */
static void begin_madt(unsigned *at)
{
    memset(memory + MADT + 36, 0, HPET - MADT - 36);
    put(MADT + 36, 0xfee00000, 4);
    *at = MADT + 44;
}

static void xapic(unsigned *at, unsigned id, unsigned flags)
{
    put(*at, 0x0800, 2);
    put(*at + 3, id, 1);
    put(*at + 4, flags, 4);
    *at += 8;
}

static void x2apic(unsigned *at, uint32_t id, unsigned flags)
{
    put(*at, 0x1009, 2);
    put(*at + 4, id, 4);
    put(*at + 8, flags, 4);
    *at += 16;
}

static void end_madt(unsigned at)
{
    table(MADT, "APIC", at - MADT);
    parse();
}

static void processors_are_listed_once_each(void **state)
{
    unsigned at;

    (void)state;
    begin_madt(&at);
    xapic(&at, 4, 1);
    xapic(&at, 0, 1);
    xapic(&at, 9, 0);    /* not there */
    xapic(&at, 10, 2);   /* may come later */
    xapic(&at, 0xff, 1); /* is everybody */
    x2apic(&at, 0, 1);   /* again */
    xapic(&at, 4, 1);
    x2apic(&at, 0xff, 1);
    x2apic(&at, 0x12345, 3);
    x2apic(&at, 0xffffffff, 1);
    x2apic(&at, 11, 2);
    end_madt(at);
    assert_int_equal(info.cpus, 4);
    assert_int_equal(info.cpus_more, 0);
    assert_int_equal(info.apic_id[0], 4);
    assert_int_equal(info.apic_id[1], 0);
    assert_int_equal(info.apic_id[2], 0xff);
    assert_int_equal(info.apic_id[3], 0x12345);
    assert_true(acpi_needs_x2apic(&info));
}

/* Its length says 8, or as many as there are bytes: no id is made up. */
static void a_processor_cut_short_is_none(void **state)
{
    unsigned at;

    (void)state;
    begin_madt(&at);
    xapic(&at, 3, 1);
    put(at, 0x0809, 2);
    put(at + 4, 1, 4);
    at += 8;
    put(at, 0x0400, 2);
    put(at + 3, 5, 1);
    at += 4;
    xapic(&at, 6, 1);
    x2apic(&at, 7, 1);
    end_madt(at - 1);
    assert_int_equal(info.cpus, 2);
    assert_int_equal(info.apic_id[0], 3);
    assert_int_equal(info.apic_id[1], 6);
    begin_madt(&at);
    x2apic(&at, 0xfe, 1);
    end_madt(at);
    assert_false(acpi_needs_x2apic(&info));
    begin_madt(&at);
    x2apic(&at, 0xff, 1);
    end_madt(at);
    assert_true(acpi_needs_x2apic(&info));
}

static void what_is_beyond_the_list_is_counted(void **state)
{
    unsigned at = DSDT + 44;

    (void)state;
    put(XSDT + 36, 0, 8);
    put(XSDT + 44, DSDT, 8);
    table(XSDT, "XSDT", 60);
    for (unsigned i = 0; i < 200; i++)
        xapic(&at, i, 1);
    for (unsigned i = 150; i < 300; i++)
        x2apic(&at, i, 1);
    table(DSDT, "APIC", at - DSDT);
    parse();
    assert_int_equal(info.cpus, ACPI_CPUS);
    assert_int_equal(info.cpus_more, 300 - ACPI_CPUS);
    for (unsigned i = 0; i < info.cpus; i++)
        assert_int_equal(info.apic_id[i], i);
}

static void constants_without_prefix_are_read(void **state)
{
    (void)state;
    make_dsdt("\x08\\_S5_\x12\x05\x04\x00\x01\x00\x00", 12);
    parse();
    assert_true(info.s5);
    assert_int_equal(info.s5_type_a, 0);
    assert_int_equal(info.s5_type_b, 1);
}

static void no_package_no_s5(void **state)
{
    (void)state;
    make_dsdt("\x08_S5_\x10\x06\x04\x0a\x05\x0a\x06\x00\x00", 13);
    parse();
    assert_false(info.s5);
    make_dsdt("\x08_S5_\x12\x06\x04\x0a\x55\x0a\x06\x00\x00", 13);
    parse();
    assert_false(info.s5);
}

static void nothing_at_all_is_no_tables(void **state)
{
    (void)state;
    acpi_parse(&info, NULL, 0, map, NULL);
    assert_false(info.found);
}

/* --- what firmware should not have written ------------------------------- */

static void a_new_root_of_nothing_is_no_reason_to_know_nothing(void **state)
{
    (void)state;
    memset(memory + XSDT + 36, 0, 24); /* there is such firmware */
    table(XSDT, "XSDT", 60);
    parse();
    assert_int_equal(info.cpus, 1);
    put(XSDT + 36, 0xffffffff00000000 | MADT, 8);
    table(XSDT, "XSDT", 60);
    parse();
    assert_int_equal(info.cpus, 1);
    assert_int_equal(info.damaged, 1);
    assert_memory_equal(info.damaged_name, "????", 4);
}

static void a_root_that_lists_roots_has_an_end(void **state)
{
    (void)state;
    put(XSDT + 36, XSDT, 8);
    put(XSDT + 44, RSDT, 8);
    put(XSDT + 52, MADT, 8);
    table(XSDT, "XSDT", 60);
    parse();
    assert_int_equal(info.cpus, 1);
}

static void half_an_entry_of_a_root_is_none(void **state)
{
    (void)state;
    table(XSDT, "XSDT", 59); /* the HPET's address lacks a byte */
    parse();
    assert_int_equal(info.hpet, 0);
    assert_int_equal(info.cpus, 1);
    table(XSDT, "XSDT", 36);
    put(RSDT + 36, 0, 4);
    table(RSDT, "RSDT", 36);
    parse();
    assert_true(info.found);
    assert_int_equal(info.cpus, 0);
}

static void of_two_tables_the_first_counts(void **state)
{
    unsigned at = DSDT + 0x200 + 44;

    (void)state;
    put(XSDT + 52, DSDT + 0x200, 8);
    table(XSDT, "XSDT", 60);
    xapic(&at, 77, 1);
    table(DSDT + 0x200, "APIC", at - DSDT - 0x200);
    parse();
    assert_int_equal(info.cpus, 1);
    assert_int_equal(info.apic_id[0], 0);
}

static void damage_is_counted_and_named(void **state)
{
    (void)state;
    parse();
    assert_int_equal(info.damaged, 0);
    memory[HPET + 50] ^= 1;
    put(FADT + 4, 12, 4);
    parse();
    assert_int_equal(info.damaged, 2);
    assert_memory_equal(info.damaged_name, "FACP", 4);
}

/* As old firmware has it: what is beyond its end is not there. */
static void a_short_fadt_has_no_new_fields(void **state)
{
    (void)state;
    put(FADT + 140, 0x1800, 8); /* another DSDT, of ACPI 2 */
    put(FADT + 172, 1, 1);
    put(FADT + 176, 0x700, 8);
    table(FADT, "FACP", 116);
    parse();
    assert_true(info.s5);
    assert_int_equal(info.pm1a_control, 0x604);
}

/* All of it above 4 GiB, where no 32-bit root leads. */
#define HIGH UINT64_C(0x123400000000)

static const uint8_t *map_high(void *ctx, uint64_t pa, uint64_t len)
{
    return pa >= HIGH ? map(ctx, pa - HIGH, len) : NULL;
}

static void tables_may_be_anywhere(void **state)
{
    (void)state;
    put(RSDP + 24, HIGH + XSDT, 8);
    seal(RSDP, 36, 32);
    put(XSDT + 36, HIGH + FADT, 8);
    put(XSDT + 44, HIGH + MADT, 8);
    put(XSDT + 52, HIGH + HPET, 8);
    table(XSDT, "XSDT", 60);
    put(FADT + 140, HIGH + DSDT, 8);
    table(FADT, "FACP", 244);
    acpi_parse(&info, memory + RSDP, 36, map_high, NULL);
    assert_true(info.found && info.s5);
    assert_int_equal(info.cpus, 1);
    assert_int_equal(info.hpet, 0xfed00000);
    assert_int_equal(info.damaged, 0);
}

/* The RSDP is looked for where a BIOS has it, at the very end of it, too. */
static uint8_t bios[0x20000];

static const uint8_t *map_bios(void *ctx, uint64_t pa, uint64_t len)
{
    if (pa >= 0xe0000 && pa + len <= 0x100000)
        return bios + pa - 0xe0000;
    return map(ctx, pa, len);
}

static void the_bios_area_is_searched_to_its_end(void **state)
{
    (void)state;
    memcpy(bios + 0x10008, memory + RSDP, 36); /* not on 16 bytes */
    acpi_parse(&info, NULL, 0, map_bios, NULL);
    assert_false(info.found);
    memcpy(bios + 0x1fff0, memory + RSDP, 16); /* cut short by the end */
    acpi_parse(&info, NULL, 0, map_bios, NULL);
    assert_false(info.found);
    memcpy(bios + 0x1ffd0, memory + RSDP, 36);
    acpi_parse(&info, NULL, 0, map_bios, NULL);
    assert_true(info.found);
    assert_int_equal(info.cpus, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_facts_are_found, start),
        cmocka_unit_test_setup(the_old_root_serves_when_the_new_is_damaged,
                               start),
        cmocka_unit_test_setup(a_wrong_checksum_hides_a_table, start),
        cmocka_unit_test_setup(a_table_longer_than_memory_is_left_alone, start),
        cmocka_unit_test_setup(an_empty_madt_entry_ends_the_list, start),
        cmocka_unit_test_setup(processors_are_listed_once_each, start),
        cmocka_unit_test_setup(a_processor_cut_short_is_none, start),
        cmocka_unit_test_setup(what_is_beyond_the_list_is_counted, start),
        cmocka_unit_test_setup(constants_without_prefix_are_read, start),
        cmocka_unit_test_setup(no_package_no_s5, start),
        cmocka_unit_test_setup(nothing_at_all_is_no_tables, start),
        cmocka_unit_test_setup(
            a_new_root_of_nothing_is_no_reason_to_know_nothing, start),
        cmocka_unit_test_setup(a_root_that_lists_roots_has_an_end, start),
        cmocka_unit_test_setup(half_an_entry_of_a_root_is_none, start),
        cmocka_unit_test_setup(of_two_tables_the_first_counts, start),
        cmocka_unit_test_setup(damage_is_counted_and_named, start),
        cmocka_unit_test_setup(a_short_fadt_has_no_new_fields, start),
        cmocka_unit_test_setup(tables_may_be_anywhere, start),
        cmocka_unit_test_setup(the_bios_area_is_searched_to_its_end, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
