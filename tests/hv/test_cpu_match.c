/* SPDX-License-Identifier: MIT */
/*
 * Every bit of CPUID that may differ between two processors of one machine
 * does, and they match; every other one does, one at a time, and is named.
 */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/arch/x86.h"

static struct x86_cpuid leaf(uint32_t n, uint32_t sub);
#define x86_cpuid(n, sub) leaf(n, sub)
#include "hv/arch/cpu_match.c"

#define LAST  0x16u
#define XLAST 0x80000008u

/* A bit of one register of one leaf is another; reg 4: none is. */
static uint32_t odd_leaf, odd_sub, odd_bit;
static unsigned odd_reg = REGS;
static uint32_t own; /* this processor's number */

static void fill(uint32_t r[REGS], uint32_t n, uint32_t sub)
{
    for (unsigned i = 0; i < REGS; i++)
        r[i] = (n * 2654435761u + sub * 40503u + i * 977u) ^ 0x5a5a;
    if (n == 0)
        r[0] = LAST;
    if (n == 0x80000000)
        r[0] = XLAST;
}

static void make_own(uint32_t r[REGS], uint32_t n, uint32_t sub)
{
    if (n == 1) {
        r[1] = (r[1] & CLFLUSH) | own << 24 | own << 16;
        r[2] ^= own ? OSXSAVE : 0;
    } else if (n == 7 && sub == 0) {
        r[2] ^= own ? OSPKE : 0;
    } else if (n == 0xd && sub < 2) {
        r[1] += own * 64;
    } else if (n == 0x80000001) {
        r[1] += own;
    }
}

static struct x86_cpuid leaf(uint32_t n, uint32_t sub)
{
    uint32_t r[REGS];

    /* As the SDM has it of a leaf beyond the last: the last basic one's, and
     * that may be anything of this processor's own. */
    assert_true(n <= LAST || (n >= 0x80000000 && n <= XLAST));
    fill(r, n, sub);
    make_own(r, n, sub);
    if (n == odd_leaf && sub == odd_sub && odd_reg < REGS)
        r[odd_reg] ^= odd_bit;
    return (struct x86_cpuid){r[0], r[1], r[2], r[3]};
}

static int start(void **state)
{
    (void)state;
    odd_reg = REGS;
    own = 0;
    cpu_match_record();
    own = 5;
    return 0;
}

static void what_is_its_own_may_differ(void **state)
{
    struct cpu_mismatch m;

    (void)state;
    assert_true(cpu_match(&m));
}

static void one_bit(uint32_t n, uint32_t sub, unsigned reg, unsigned bit)
{
    static const char names[] = "abcd";
    struct cpu_mismatch m = {0};

    odd_leaf = n;
    odd_sub = sub;
    odd_reg = reg;
    odd_bit = (uint32_t)BIT(bit);
    assert_false(cpu_match(&m));
    assert_int_equal(m.leaf, n);
    assert_int_equal(m.sub, sub);
    assert_int_equal(m.reg[1], names[reg]);
    assert_int_equal(m.here ^ m.boot, odd_bit);
}

static void all_bits(uint32_t n, uint32_t sub, unsigned reg)
{
    for (unsigned bit = 0; bit < 32; bit++)
        one_bit(n, sub, reg, bit);
}

static void each_feature_and_number_has_to_be_the_same(void **state)
{
    (void)state;
    for (unsigned reg = 1; reg < REGS; reg++)
        all_bits(0, 0, reg); /* the vendor */
    all_bits(1, 0, 0);       /* family, model, stepping */
    all_bits(1, 0, 3);
    all_bits(7, 0, 1);
    all_bits(7, 0, 3);
    for (unsigned bit = 0; bit < 32; bit++) {
        if (bit != 27)
            one_bit(1, 0, 2, bit);
        if (bit != 4)
            one_bit(7, 0, 2, bit);
    }
    all_bits(0xd, 0, 0); /* parts of XCR0, ... */
    all_bits(0xd, 1, 0);
    for (uint32_t part = 2; part < 8; part++) {
        all_bits(0xd, part, 0); /* ... their size, ... */
        all_bits(0xd, part, 1); /* ... and where they are */
    }
    all_bits(0x80000001, 0, 2);
    all_bits(0x80000001, 0, 3);
    all_bits(0x80000007, 0, 3);
    all_bits(0x80000008, 0, 0);
}

/* What it has not is not asked for: see leaf(). */
static void fewer_leaves_are_named(void **state)
{
    (void)state;
    one_bit(0, 0, 0, 2);
    one_bit(0x80000000, 0, 0, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_its_own_may_differ, start),
        cmocka_unit_test_setup(each_feature_and_number_has_to_be_the_same,
                               start),
        cmocka_unit_test_setup(fewer_leaves_are_named, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
