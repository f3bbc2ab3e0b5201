/* SPDX-License-Identifier: MIT */
/* ACPI's table of firmware's serial console: what is used of it, and what not.
 */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/arch/spcr.h"

static uint8_t table[80];
static struct spcr s;

/* A 16550 in memory, registers of 32 bits. */
static void fill(uint8_t interface, uint8_t space, uint8_t bits, uint8_t access,
                 uint64_t base, uint8_t baud)
{
    memset(table, 0, sizeof(table));
    table[36] = interface;
    table[40] = space;
    table[41] = bits;
    table[43] = access;
    for (unsigned i = 0; i < 8; i++)
        table[44 + i] = (uint8_t)(base >> (8 * i));
    table[58] = baud;
    spcr_parse(table, sizeof(table), &s);
}

static void ports(void **state)
{
    (void)state;
    fill(0, 1, 8, 0, 0x3e8, 7);
    assert_true(s.found && !s.memory);
    assert_int_equal(s.base, 0x3e8);
    assert_int_equal(s.baud, 115200);
    fill(0, 1, 32, 3, 0x3e8, 7); /* ports are where ports are */
    assert_true(s.found);
    assert_int_equal(s.stride, 1);
    assert_int_equal(s.width, 1);
}

static void memory(void **state)
{
    (void)state;
    fill(0x12, 0, 32, 3, UINT64_C(0x2fedc9000), 0);
    assert_true(s.found && s.memory);
    assert_int_equal(s.base, UINT64_C(0x2fedc9000));
    assert_int_equal(s.stride, 4);
    assert_int_equal(s.width, 4);
    assert_int_equal(s.baud, 0); /* as firmware has left it */
    fill(1, 0, 8, 1, 0xfedc9000, 3);
    assert_int_equal(s.stride, 1);
    assert_int_equal(s.width, 1);
    assert_int_equal(s.baud, 9600);
    fill(0, 0, 32, 1, 0xfedc9000, 7); /* far apart, and bytes */
    assert_int_equal(s.stride, 4);
    assert_int_equal(s.width, 1);
}

/* Else the last register's access leads behind what is mapped. */
static void no_access_is_wider_than_its_register(void **state)
{
    (void)state;
    for (unsigned bits = 8; bits <= 32; bits *= 2)
        for (uint8_t access = 0; access < 5; access++) {
            fill(0, 0, (uint8_t)bits, access, 0xfedc9ff8, 7);
            assert_true(s.found);
            assert_int_equal(s.stride, bits / 8);
            assert_true(s.width <= s.stride);
            assert_true(access != 3 || s.width == s.stride);
        }
}

static void what_cannot_be_used_is_not_found(void **state)
{
    (void)state;
    fill(3, 0, 32, 3, 0xfedc9000, 7); /* a PL011 */
    assert_false(s.found);
    fill(0, 2, 8, 1, 0x3e8, 7); /* PCI configuration space */
    assert_false(s.found);
    fill(0, 1, 8, 1, 0, 7); /* redirection is off */
    assert_false(s.found);
    fill(0, 1, 8, 1, 0x10000, 7);
    assert_false(s.found);
    fill(0, 1, 8, 1, 0x3e8, 7);
    assert_true(s.found);
    spcr_parse(table, sizeof(table) - 1, &s);
    assert_false(s.found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports),
        cmocka_unit_test(memory),
        cmocka_unit_test(no_access_is_wider_than_its_register),
        cmocka_unit_test(what_cannot_be_used_is_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
