/* SPDX-License-Identifier: MIT */
/* The arithmetic of time, against long division and the C library. */
#define _DEFAULT_SOURCE /* timegm */
#include "tests/hv/check.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* For its static functions; nothing that touches a device is called. */
#include "hv/clock.c"
#include "hv/rtc.c"

void apic_timer_count_start(void)
{
}

uint32_t apic_timer_count_left(void)
{
    return 0;
}

void apic_timer_init(uint64_t khz)
{
    (void)khz;
}

void *paging_map_mmio(maddr_t start, uint64_t size)
{
    (void)start;
    (void)size;
    return NULL;
}

void console_debug(const char *fmt, ...)
{
    (void)fmt;
}

void panic(const char *fmt, ...)
{
    fail_msg("%s", fmt);
    abort();
}

static const uint64_t speeds[] = {1000,    62500,   999998,   1000000,
                                  1000001, 2599000, 3333333,  5000000,
                                  4294967, 99999,   10000000, 19999999};

static void the_scale_agrees_with_long_division(void **state)
{
    const uint64_t deltas[] = {0, 1, 1000, 123456789, UINT64_C(1) << 45};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(speeds); i++) {
        set_scale(speeds[i]);
        clock_scale.tsc_base = 77;
        assert_true(clock_scale.mul & BIT(31)); /* full precision */
        for (size_t j = 0; j < ARRAY_SIZE(deltas); j++) {
            uint64_t exact =
                (uint64_t)((unsigned __int128)deltas[j] * 1000000 / speeds[i]);
            uint64_t got = clock_ns_of_tsc(deltas[j] + 77);
            uint64_t off = got > exact ? got - exact : exact - got;

            assert_true(off <= exact / 1000000000 + 3);
        }
    }
}

static void both_directions_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(speeds); i++) {
        uint64_t ns = 123456789012, back;

        set_scale(speeds[i]);
        clock_scale.tsc_base = 5;
        tsc_per_ns = (speeds[i] << 32) / 1000000;
        back = clock_ns_of_tsc(clock_tsc_of_ns(ns));
        /* One part in 2^32 of the ratio, or one tick of a slow counter. */
        assert_true((back > ns ? back - ns : ns - back) <=
                    ns / 1000000 + 1000000 / speeds[i] + 2);
    }
}

static void days_agree_with_the_c_library(void **state)
{
    (void)state;
    for (unsigned year = 1970; year < 2200; year++) {
        for (unsigned month = 1; month <= 12; month++) {
            struct tm tm = {.tm_year = (int)year - 1900,
                            .tm_mon = (int)month - 1,
                            .tm_mday = 28};

            assert_int_equal(rtc_days(year, month, 28), timegm(&tm) / 86400);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scale_agrees_with_long_division),
        cmocka_unit_test(both_directions_agree),
        cmocka_unit_test(days_agree_with_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
