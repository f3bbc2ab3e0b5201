/* SPDX-License-Identifier: MIT */
/*
 * Extended state from one layout to another: every set of parts that a
 * processor may have, written by one and read by every other, in every state
 * of use; what there is arrives, and what is not is as after reset.
 */
#include <string.h>

#include "hv/arch/xstate.h"
#include "tests/hv/check.h"

/* FXSAVE; XSAVE; with AVX; with AVX-512 as one vendor, and the other, has it.
 */
static const struct xstate_layout layouts[] = {
    {0, {0}},
    {3, {0}},
    {7, {0, 0, 576}},
    {0xe7, {0, 0, 576, 0, 0, 1088, 1152, 1664}},
    {0xe7, {0, 0, 576, 0, 0, 832, 896, 1408}},
};
static const unsigned sizes[] = {512, 576, 832, 2688, 2432};

static uint8_t from[XSTATE_MAX], to[XSTATE_MAX + 16];

static uint8_t pattern(unsigned part, unsigned i)
{
    return (uint8_t)(part * 37 + i * 11 + 1);
}

static void put(unsigned at, unsigned n, unsigned part)
{
    for (unsigned i = 0; i < n; i++)
        from[at + i] = pattern(part, i);
}

static void has(unsigned at, unsigned n, unsigned part, bool used)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(to[at + i], used ? pattern(part, i) : 0);
}

/* As a processor with `l` writes it while the parts of `used` are in use. */
static void write_area(const struct xstate_layout *l, uint64_t used)
{
    memset(from, 0xee, sizeof(from)); /* between the parts, and beyond */
    memset(from, 0, 512);
    put(0, 24, 0);
    put(24, 8, 9); /* MXCSR */
    put(32, 128, 0);
    put(160, 256, 1);
    if (!l->mask)
        return;
    memset(from + 512, 0, 64);
    memcpy(from + 512, &used, 8);
    for (unsigned i = 2; i < XSTATE_N; i++)
        if (l->mask & BIT(i))
            put(l->offset[i], xstate_bytes(i), i);
}

static void check_legacy(uint64_t used)
{
    has(24, 8, 9, true); /* whatever is in use */
    has(160, 256, 1, used & XCR0_SSE);
    has(32, 128, 0, used & XCR0_X87);
    if (used & XCR0_X87) {
        has(0, 24, 0, true);
        return;
    }
    assert_int_equal(to[0], 0x7f);
    assert_int_equal(to[1], 0x03);
    has(2, 22, 0, false);
}

static void check_area(const struct xstate_layout *l, uint64_t used)
{
    uint64_t bv;

    check_legacy(used);
    if (!l->mask)
        return;
    memcpy(&bv, to + 512, 8);
    assert_int_equal(bv, used);
    has(520, 56, 0, false);
    for (unsigned i = 2; i < XSTATE_N; i++)
        if (l->mask & BIT(i))
            has(l->offset[i], xstate_bytes(i), i, used & BIT(i));
}

static void one(unsigned f, unsigned t, uint64_t used)
{
    const struct xstate_layout *a = &layouts[f], *b = &layouts[t];
    enum err rc;

    write_area(a, used);
    memset(to, 0xcc, sizeof(to));
    rc = xstate_move(to, b, from, sizes[f], a);
    if (used & ~(b->mask | 3)) {
        assert_int_equal(rc, ERR_INVAL);
        return;
    }
    assert_int_equal(rc, ERR_NONE);
    check_area(b, a->mask ? used : 3);
    for (unsigned i = sizes[t]; i < sizeof(to); i++)
        assert_int_equal(to[i], 0xcc);
}

static void every_set_to_every_other(void **state)
{
    (void)state;
    for (unsigned f = 0; f < ARRAY_SIZE(layouts); f++)
        for (unsigned t = 0; t < ARRAY_SIZE(layouts); t++)
            for (uint64_t used = 0; used < 256; used++)
                if (!(used & ~(layouts[f].mask | 3)))
                    one(f, t, used);
}

/* A processor that had more wrote it, for a guest that was shown less. */
static void of_a_larger_area_what_was_shown(void **state)
{
    (void)state;
    write_area(&layouts[3], 7);
    assert_int_equal(xstate_move(to, &layouts[2], from, sizes[3], &layouts[2]),
                     ERR_NONE);
    check_area(&layouts[2], 7);
    write_area(&layouts[3], 0xe7); /* which it cannot have used */
    assert_int_equal(xstate_move(to, &layouts[3], from, sizes[3], &layouts[2]),
                     ERR_INVAL);
}

static void sizes_are_as_the_processors_say(void **state)
{
    struct xstate_layout l = layouts[3];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(layouts); i++) {
        assert_int_equal(xstate_size(&layouts[i]), sizes[i]);
        assert_true(xstate_sane(&layouts[i]));
    }
    l.offset[6] = 1088;
    assert_false(xstate_sane(&l)); /* two in one place */
    l.offset[6] = XSTATE_MAX - 100;
    assert_false(xstate_sane(&l));
    l.offset[6] = 570;
    assert_false(xstate_sane(&l));
}

static void what_is_no_area_is_refused(void **state)
{
    static const unsigned lengths[] = {0, 511, 513, 575, 576, 831};

    (void)state;
    write_area(&layouts[2], 7);
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++)
        assert_int_equal(
            xstate_move(to, &layouts[2], from, lengths[i], &layouts[2]),
            ERR_INVAL);
    for (unsigned at = 520; at < 576; at++) {
        from[at] = 1;
        assert_int_equal(xstate_move(to, &layouts[2], from, 832, &layouts[2]),
                         ERR_INVAL);
        from[at] = 0;
    }
    for (unsigned bit = 3; bit < 64; bit++) {
        const uint64_t used = 7 | BIT(bit);

        memcpy(from + 512, &used, 8);
        assert_int_equal(xstate_move(to, &layouts[2], from, 832, &layouts[2]),
                         ERR_INVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_to_every_other),
        cmocka_unit_test(of_a_larger_area_what_was_shown),
        cmocka_unit_test(sizes_are_as_the_processors_say),
        cmocka_unit_test(what_is_no_area_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
