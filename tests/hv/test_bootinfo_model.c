/* SPDX-License-Identifier: MIT */
/*
 * Memory maps of both kinds, in any order, overlapping, empty, wrapping, beside
 * a naive model: an array that says of each page what the strongest claim is.
 */
#include "tests/hv/check.h"

#include "tests/hv/bootinfo_check.h"

#define PAGES  96u
#define CLAIMS 40u
#define ROUNDS 3000u
#define WB     BIT(3)
#define SP     BIT(18)

static uint8_t buf[1 << 14];
static size_t at;
static struct bootinfo bi;
static unsigned model[PAGES]; /* enum bootinfo_kind; 0: nobody says */
static uint64_t seed = 1;

static unsigned roll(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static void put(uint64_t v, unsigned n)
{
    assert_true(at + n <= sizeof(buf));
    memcpy(buf + at, &v, n);
    at += n;
}

static void claim(uint64_t base, uint64_t len, unsigned kind)
{
    const bool wraps = base + len < base || base + len > BIT(52);

    if (wraps && kind == BOOTINFO_RAM)
        return; /* nonsense makes no RAM, but takes some away */
    for (uint64_t p = 0; p < PAGES; p++)
        if (p * PAGE_SIZE >= base && (wraps || p * PAGE_SIZE < base + len) &&
            kind > model[p])
            model[p] = kind;
}

static uint64_t some_len(void)
{
    if (!roll(12))
        return 0;
    return roll(20) ? (uint64_t)(1 + roll(16)) * PAGE_SIZE
                    : UINT64_MAX - roll(1u << 30);
}

/* E820: 24 bytes each. */
static void e820(unsigned n)
{
    put(6, 4);
    put(16 + 24 * n, 4);
    put(24, 4);
    put(0, 4);
    while (n--) {
        uint64_t base = roll(PAGES) * PAGE_SIZE, len = some_len();
        unsigned type = roll(3) ? BOOTINFO_RAM : roll(9);

        put(base, 8);
        put(len, 8);
        put(type, 4);
        put(0, 4);
        if (type < BOOTINFO_RAM || type > BOOTINFO_BAD)
            type = BOOTINFO_RESERVED;
        claim(base, len, type);
    }
}

/* UEFI 2.10, table 7.10, as what an operating system may do with each. */
static unsigned efi_model(unsigned type, uint64_t attributes, bool services)
{
    static const unsigned kinds[] = {2, 1, 1, 1, 1, 2, 2, 1,
                                     5, 3, 4, 2, 2, 2, 2};
    unsigned kind = type < ARRAY_SIZE(kinds) ? kinds[type] : 2;

    if (kind == 1 && ((type == 3 || type == 4) && services))
        return 2;
    return kind == 1 && (attributes & (WB | SP)) != WB ? 2 : kind;
}

static void efi(unsigned n, unsigned size, bool services)
{
    put(17, 4);
    put(16 + size * n, 4);
    put(size, 4);
    put(1, 4);
    while (n--) {
        uint64_t base = roll(PAGES) * PAGE_SIZE, len = some_len();
        uint64_t attributes = roll(8) ? WB | 7 : roll(2) ? 7 : WB | SP;
        unsigned type = roll(2) ? 7 : roll(18);

        put(type, 4);
        put(0, 4);
        put(base, 8);
        put(0, 8);
        put(len / PAGE_SIZE, 8);
        put(attributes, 8);
        for (unsigned i = 40; i < size; i += 8)
            put(0, 8);
        claim(base, len / PAGE_SIZE * PAGE_SIZE,
              efi_model(type, attributes, services));
    }
    while (at % 8)
        put(0, 1);
}

static unsigned kind_at(uint64_t pa)
{
    for (unsigned i = 0; i < bi.nr_ranges; i++)
        if (bi.ranges[i].start <= pa && pa < bi.ranges[i].end)
            return bi.ranges[i].kind;
    return 0;
}

static void assert_as_model(void)
{
    for (unsigned p = 0; p < PAGES; p++) {
        assert_int_equal(kind_at(p * PAGE_SIZE), model[p]);
        assert_int_equal(kind_at(p * PAGE_SIZE + PAGE_SIZE - 1), model[p]);
    }
}

static void any_claims(void)
{
    const bool services = !roll(3), late = roll(2);
    unsigned maps = 1 + roll(3);

    memset(model, 0, sizeof(model));
    at = 8;
    if (services && !late) {
        put(18, 4);
        put(8, 4);
    }
    if (maps & 1)
        e820(roll(CLAIMS));
    if (maps & 2)
        efi(roll(CLAIMS), 40 + 8 * roll(3), services);
    if (services && late) {
        put(18, 4);
        put(8, 4);
    }
    put(UINT64_C(8) << 32, 8);
    memcpy(buf, &(uint32_t){(uint32_t)at}, 4);
    assert_int_equal(bootinfo_parse(&bi, buf, at, 0, 0), ERR_NONE);
    assert_false(bi.too_many);
    check_bootinfo(&bi, buf, at, 0, 0);
}

static void each_page_is_what_the_strongest_claim_says(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        any_claims();
        assert_as_model();
    }
}

static void a_limit_takes_ram_and_nothing_else(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned limit = roll(PAGES + 1);
        uint64_t beyond = 0;

        any_claims();
        for (unsigned p = limit; p < PAGES; p++)
            if (model[p] == BOOTINFO_RAM) {
                beyond += PAGE_SIZE;
                model[p] = 0;
            }
        /* Claims may reach past the model. */
        assert_in_range(bootinfo_clip(&bi, limit * PAGE_SIZE), beyond,
                        beyond + 16 * PAGE_SIZE);
        assert_as_model();
        check_bootinfo(&bi, buf, at, 0, 0);
    }
}

static void tables_that_were_read_are_ram(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t sum = 0;

        any_claims();
        (void)bootinfo_clip(&bi, PAGES * PAGE_SIZE);
        for (unsigned p = 0; p < PAGES; p++)
            if (model[p] == BOOTINFO_ACPI) {
                model[p] = BOOTINFO_RAM;
                sum += PAGE_SIZE;
            }
        assert_true(bootinfo_reclaim_acpi(&bi) >= sum);
        assert_as_model();
        for (unsigned p = 0; p < PAGES; p++)
            assert_int_equal(
                bootinfo_touches_ram(&bi, p * PAGE_SIZE + 5, p * PAGE_SIZE + 6),
                model[p] == BOOTINFO_RAM);
        check_bootinfo(&bi, buf, at, 0, 0);
    }
}

static enum err one_efi(unsigned size, unsigned version, uint64_t pages)
{
    at = 8;
    put(17, 4);
    put(16 + size, 4);
    put(size, 4);
    put(version, 4);
    put(7, 8);
    put(PAGE_SIZE, 8);
    put(0, 8);
    put(pages, 8);
    put(WB, 8);
    while (at % 8 || at < 8 + 16 + size)
        put(0, 1);
    put(UINT64_C(8) << 32, 8);
    memcpy(buf, &(uint32_t){(uint32_t)at}, 4);
    return bootinfo_parse(&bi, buf, at, 0, 0);
}

static void an_efi_map_that_lies_is_refused_or_ignored(void **state)
{
    (void)state;
    assert_int_equal(one_efi(40, 1, 3), ERR_NONE);
    assert_int_equal(bi.nr_ranges, 1);
    assert_int_equal(bi.efi_ranges, 1);
    assert_int_equal(one_efi(32, 1, 3), ERR_INVAL);
    assert_int_equal(one_efi(40, 2, 3), ERR_NONE); /* of another version */
    assert_int_equal(bi.nr_ranges, 0);
    assert_int_equal(bi.nr_notes, 1);
    assert_int_equal(one_efi(40, 1, BIT(52)), ERR_NONE); /* 2^64 bytes */
    assert_int_equal(bi.nr_ranges, 0);
    assert_int_equal(bi.nr_notes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_page_is_what_the_strongest_claim_says),
        cmocka_unit_test(a_limit_takes_ram_and_nothing_else),
        cmocka_unit_test(tables_that_were_read_are_ram),
        cmocka_unit_test(an_efi_map_that_lies_is_refused_or_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
