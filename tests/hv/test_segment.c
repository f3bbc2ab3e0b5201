/* SPDX-License-Identifier: MIT */
/*
 * Segments of a guest's 32-bit code: what a descriptor says, by the fields of
 * SDM vol. 3, 3.4.5, and that no access goes beyond the limit, below the start
 * of one that expands down, or round the end of 4 GiB.
 */
#include <string.h>

#include "tests/hv/check.h"

#include "hv/domain/segment.c"

static uint64_t in_table;
static bool is_there;

bool seg_descriptor(const struct vcpu *v, uint16_t sel, uint64_t *descriptor)
{
    (void)v;
    (void)sel;
    *descriptor = in_table;
    return is_there;
}

enum { GRAN = 8, BIG_ = 4, LONG_ = 2 };

static struct segment make(uint32_t base, uint32_t limit, unsigned type,
                           unsigned flags)
{
    in_table = (uint64_t)(base >> 24) << 56 | (uint64_t)flags << 52 |
               (uint64_t)(limit >> 16) << 48 | (uint64_t)type << 40 |
               (uint64_t)(base & 0xffffff) << 16 | (limit & 0xffff);
    return segment_of(in_table);
}

static void fields_are_put_together(void **state)
{
    struct segment s = make(0x89abcdef, 0x12345, 0xf2, BIG_);

    (void)state;
    assert_int_equal(s.base, 0x89abcdef);
    assert_int_equal(s.limit, 0x12345);
    assert_int_equal(segment_width(&s), 4);
    s = make(0, 0xfffff, 0xfa, GRAN);
    assert_int_equal(s.limit, UINT32_MAX);
    assert_int_equal(segment_width(&s), 2);
    s = make(0, 0, 0xfa, GRAN | BIG_);
    assert_int_equal(s.limit, 0xfff);
}

/* Of all types, present or not, system or not. */
static void rights_are_those_of_the_type(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        bool usable = (type & 0x90) == 0x90, code = type & 8, w = type & 2;
        struct segment s = make(0, 0xfffff, type, GRAN | BIG_);

        assert_int_equal(segment_permits(&s, SEGMENT_FETCH), usable && code);
        assert_int_equal(segment_permits(&s, SEGMENT_READ),
                         usable && (!code || w));
        assert_int_equal(segment_permits(&s, SEGMENT_WRITE),
                         usable && !code && w);
        s = make(0, 0xfffff, type, GRAN | LONG_);
        assert_false(segment_permits(&s, SEGMENT_FETCH));
    }
}

static void check(const struct segment *s, uint32_t offset, unsigned n,
                  bool inside)
{
    uint64_t va;

    assert_int_equal(segment_linear(s, offset, n, &va), inside);
    if (inside)
        assert_int_equal(va, (uint32_t)(s->base + offset));
}

static void nothing_beyond_the_limit(void **state)
{
    struct segment s = make(0x1000, 15, 0xf2, BIG_);

    (void)state;
    check(&s, 0, 4, true);
    check(&s, 12, 4, true);
    check(&s, 13, 4, false);
    check(&s, 15, 1, true);
    check(&s, 16, 1, false);
    check(&s, UINT32_MAX, 1, false);
    check(&s, UINT32_MAX - 1, 4, false);
    s = make(0x1000, 0, 0xf2, BIG_);
    check(&s, 0, 1, true);
    check(&s, 0, 2, false);
}

static void what_expands_down_begins_behind_the_limit(void **state)
{
    struct segment s = make(0x1000, 7, 0xf6, 0);

    (void)state;
    check(&s, 7, 1, false);
    check(&s, 8, 4, true);
    check(&s, 0xfffc, 4, true);
    check(&s, 0xfffd, 4, false);
    s = make(0, 7, 0xf6, BIG_);
    check(&s, 0xfffffffc, 4, true);
    s = make(0, 0xfffff, 0xf6, GRAN | BIG_);
    check(&s, UINT32_MAX, 1, false);
    s = make(0, 7, 0xfe, BIG_); /* conforming code, which does not */
    check(&s, 7, 1, true);
}

static void nothing_wraps(void **state)
{
    struct segment s = make(0xfffffff0, 0xfffff, 0xf2, GRAN | BIG_);

    (void)state;
    check(&s, 12, 4, true);
    check(&s, 13, 4, false);
    check(&s, 16, 4, true); /* the base may be beyond, the access is not */
}

static void code_is_cut_short(void **state)
{
    struct segment s = make(0x1000, 9, 0xfa, BIG_);
    uint64_t va;

    (void)state;
    assert_int_equal(segment_code(&s, 0, 15, &va), 10);
    assert_int_equal(va, 0x1000);
    assert_int_equal(segment_code(&s, 9, 15, &va), 1);
    assert_int_equal(va, 0x1009);
    assert_int_equal(segment_code(&s, 10, 15, &va), 0);
}

static void no_descriptor_is_no_segment(void **state)
{
    struct segment s;

    (void)state;
    (void)make(0x1000, 9, 0xfa, BIG_);
    is_there = true;
    assert_true(segment_get(NULL, 8, &s));
    assert_int_equal(s.base, 0x1000);
    is_there = false;
    assert_false(segment_get(NULL, 8, &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_put_together),
        cmocka_unit_test(rights_are_those_of_the_type),
        cmocka_unit_test(nothing_beyond_the_limit),
        cmocka_unit_test(what_expands_down_begins_behind_the_limit),
        cmocka_unit_test(nothing_wraps),
        cmocka_unit_test(code_is_cut_short),
        cmocka_unit_test(no_descriptor_is_no_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
