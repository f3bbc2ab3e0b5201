/* SPDX-License-Identifier: MIT */
/*
 * MTRRs as firmware sets them, and any others beside a naive model, which asks
 * page by page.
 */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/arch/mtrr.h"

#define ON  BIT(11)
#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

static struct mtrrs m;
static struct bootinfo bi;
static uint64_t first, seed = 1;

static int start(void **state)
{
    (void)state;
    memset(&m, 0, sizeof(m));
    memset(&bi, 0, sizeof(bi));
    m.there = true;
    m.top = BIT(40);
    return 0;
}

static void pair(uint64_t base, uint64_t size, unsigned type)
{
    m.base[m.pairs] = base | type;
    m.mask[m.pairs++] = (BIT(40) - size) | ON;
}

static void ram(uint64_t from, uint64_t to)
{
    bi.ranges[bi.nr_ranges++] = (struct bootinfo_range){from, to, BOOTINFO_RAM};
}

static uint64_t uncached(void)
{
    return mtrr_uncached(&m, &bi, &first);
}

/* SeaBIOS: all is cached, but from 3 GiB to 4. */
static void all_but_the_devices(void **state)
{
    (void)state;
    m.def = ON | 6;
    pair(3 * GIB, GIB, 0);
    ram(0, 0xa0000);
    ram(MIB, 3 * GIB);
    ram(4 * GIB, 21 * GIB);
    assert_int_equal(uncached(), 0);
    ram(3 * GIB + 5 * MIB, 3 * GIB + 6 * MIB);
    assert_int_equal(uncached(), MIB);
    assert_int_equal(first, 3 * GIB + 5 * MIB);
}

/* Others: nothing is, but what they say; the last of it forgotten. */
static void a_gap_is_found(void **state)
{
    (void)state;
    m.def = ON | 0;
    pair(0, 2 * GIB, 6);
    pair(2 * GIB, GIB, 6);
    pair(3 * GIB - 16 * MIB, 16 * MIB, 0); /* the screen's, out of it */
    pair(4 * GIB, 4 * GIB, 6);
    ram(MIB, 3 * GIB - 16 * MIB);
    ram(4 * GIB, 8 * GIB);
    assert_int_equal(uncached(), 0);
    ram(8 * GIB, 9 * GIB);
    assert_int_equal(uncached(), GIB);
    assert_int_equal(first, 8 * GIB);
    m.wb_end = 9 * GIB; /* AMD's has no need of a pair there */
    assert_int_equal(uncached(), 0);
    m.wb_end = 8 * GIB + 512 * MIB;
    assert_int_equal(uncached(), 512 * MIB);
    assert_int_equal(first, 8 * GIB + 512 * MIB);
}

static void switched_off_nothing_is_cached(void **state)
{
    (void)state;
    m.def = 6;
    pair(0, 4 * GIB, 6);
    ram(0, GIB);
    assert_int_equal(uncached(), GIB - MIB);
    m.there = false;
    assert_int_equal(uncached(), 0);
}

static unsigned roll(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

/* However small a pair, what is far from it is one piece. */
static void a_page_costs_no_walk_of_the_rest(void **state)
{
    (void)state;
    m.def = ON | 6;
    pair(BIT(39), PAGE_SIZE, 0);
    ram(4 * GIB, BIT(39) + 2 * PAGE_SIZE);
    ram(BIT(39) + GIB, BIT(40) - GIB);
    assert_int_equal(uncached(), PAGE_SIZE);
    assert_int_equal(first, BIT(39));
}

/* SDM vol. 3, 12.11.4.1, in its own words. */
static bool cached(uint64_t pa)
{
    unsigned uc = 0, wt = 0, wb = 0, other = 0;

    for (unsigned i = 0; i < m.pairs; i++) {
        const unsigned type = m.base[i] & 0xff;

        if (!(m.mask[i] & ON) ||
            (pa & m.mask[i]) != (m.base[i] & m.mask[i] & BITS(51, 12)))
            continue;
        uc += type == 0;
        wt += type == 4;
        wb += type == 6;
        other += type != 0 && type != 4 && type != 6;
    }
    if (!(uc + wt + wb + other))
        return (m.def & 0xff) == 6 || (pa >= 4 * GIB && pa < m.wb_end);
    return wb && !(uc + wt + other);
}

static void any_pairs_are_as_the_manual_says(void **state)
{
    static const unsigned types[] = {0, 1, 4, 5, 6, 6, 6, 6};
    const uint64_t base = 4 * GIB - 32 * PAGE_SIZE;

    for (unsigned round = 0; round < 2000; round++) {
        uint64_t sum = 0, lowest = ~UINT64_C(0);

        start(state);
        m.def = ON | types[roll(8)];
        for (unsigned i = roll(6); i; i--) {
            pair(base + roll(64) * PAGE_SIZE, PAGE_SIZE << roll(6),
                 types[roll(8)]);
            if (!roll(4)) /* a hole in the mask, low or high, or it is off */
                m.mask[m.pairs - 1] &= ~BIT(11 + roll(29));
            if (!roll(8)) /* again and again, every 4 GiB */
                m.mask[m.pairs - 1] &= BITS(31, 0);
        }
        if (roll(2))
            m.wb_end = 4 * GIB + roll(32) * PAGE_SIZE;
        ram(base + roll(16) * PAGE_SIZE, base + (16 + roll(48)) * PAGE_SIZE);
        for (uint64_t p = bi.ranges[0].start; p < bi.ranges[0].end;
             p += PAGE_SIZE)
            if (!cached(p)) {
                sum += PAGE_SIZE;
                lowest = lowest < p ? lowest : p;
            }
        assert_int_equal(uncached(), sum);
        assert_int_equal(first, lowest);
    }
}

static void two_processors_agree_or_do_not(void **state)
{
    struct mtrrs other;

    (void)state;
    pair(0, GIB, 6);
    other = m;
    assert_true(mtrr_same(&m, &other));
    other.mask[0] ^= 0x1000;
    assert_false(mtrr_same(&m, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_but_the_devices, start),
        cmocka_unit_test_setup(a_gap_is_found, start),
        cmocka_unit_test_setup(switched_off_nothing_is_cached, start),
        cmocka_unit_test_setup(a_page_costs_no_walk_of_the_rest, start),
        cmocka_unit_test_setup(any_pairs_are_as_the_manual_says, start),
        cmocka_unit_test_setup(two_processors_agree_or_do_not, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
