/* SPDX-License-Identifier: MIT */
/* The arithmetic of time, against long division and the C library. */
#define _DEFAULT_SOURCE /* timegm */
#include "tests/hv/check.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hv/arch/x86.h"

/* For its static functions; nothing that touches a device is called. */
#define x86_rdtsc clock_reading
static uint64_t clock_reading(void);
#include "hv/base/log.h"
#include "hv/dev/clock.c"
#include "hv/dev/measure.c"
#include "hv/dev/reference.c"
#include "hv/dev/rtc.c"

struct options options; /* hv/base/cmdline.c's */

/*
 * A machine whose TSC, APIC timer and reference are read in turn: each reading
 * takes a while, and before one of them it stands still.
 */
#define KHZ      2000000u
#define APIC_KHZ 62500u
static uint64_t tsc_is, apic_began;
static unsigned readings, still_before = UINT_MAX, still_each;

static unsigned chance(void)
{
    static uint64_t seed = 1;

    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(seed >> 33);
}

static uint64_t read_next(void)
{
    tsc_is += KHZ / 1000;
    readings++;
    if (readings - 1 == still_before ||
        (still_each && chance() % still_each == 0))
        tsc_is += 200 * KHZ;
    return tsc_is;
}

static uint64_t clock_reading(void)
{
    return read_next();
}

static uint32_t reference_reading(const struct reference *r)
{
    return (uint32_t)(read_next() * (r->hz / 1000) / KHZ & r->mask);
}

void apic_timer_count_start(void)
{
    apic_began = read_next();
}

uint32_t apic_timer_count_left(void)
{
    return UINT32_MAX - (uint32_t)((read_next() - apic_began) * APIC_KHZ / KHZ);
}

void apic_timer_init(bool it_counts)
{
    (void)it_counts;
}

struct cpu_features cpu_features;
struct options options;

void *paging_map_mmio(maddr_t start, uint64_t size)
{
    (void)start;
    (void)size;
    return NULL;
}

void log_debug(const char *fmt, ...)
{
    (void)fmt;
}

static unsigned lines;

void log_say(const char *fmt, ...)
{
    (void)fmt;
    lines++;
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
        struct clock_scale s = scale_of_khz(speeds[i]);

        s.tsc_base = 77;
        set_scale(&s);
        assert_true(s.mul & BIT(31)); /* full precision */
        for (size_t j = 0; j < ARRAY_SIZE(deltas); j++) {
            uint64_t exact =
                (uint64_t)((unsigned __int128)deltas[j] * 1000000 / speeds[i]);
            uint64_t got = clock_ns_of_tsc(deltas[j] + 77);
            uint64_t off = got > exact ? got - exact : exact - got;

            assert_true(off <= exact / 1000000000 + 3);
        }
    }
}

/* --- deadlines ------------------------------------------------------------ */

#define MS   UINT64_C(1000000)
#define DAY  (86400000 * MS)
#define LAST UINT64_MAX

static uint64_t seed;

static uint64_t some(uint64_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (seed >> 20) % n;
}

/* A machine of that speed that has run for so long. */
static void running(uint64_t khz, uint64_t apic_khz, uint64_t up)
{
    struct clock_scale s = scale_of_khz(khz);

    clock_tsc_khz = khz;
    set_apic(apic_khz * 10, khz * 10);
    s.tsc_base = 5000000;
    s.tsc_base += some(1000);
    set_scale(&s);
    assert_true(clock_ns_of_tsc(clock_tsc_of_ns(up)) - up < 1000000 / khz + 2);
}

/* It is then, and one tick before it was not yet. */
static void first_at(uint64_t ns)
{
    uint64_t tsc = clock_tsc_of_ns(ns);

    assert_true(clock_ns_of_tsc(tsc) >= ns);
    if (tsc > clock_scale->tsc_base)
        assert_true(clock_ns_of_tsc(tsc - 1) < ns);
}

static void one_direction_is_the_inverse_of_the_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(speeds); i++) {
        running(speeds[i], 1000, DAY);
        for (unsigned n = 0; n < 20000; n++)
            first_at(some(UINT64_C(1) << some(56)));
        first_at(0);
    }
}

static void there_is_an_end(void **state)
{
    const uint64_t far[] = {LAST, LAST - 1, UINT64_C(1) << 63};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(speeds); i++) {
        uint64_t last = 0;

        running(speeds[i], 1000, DAY);
        for (size_t j = 0; j < ARRAY_SIZE(far); j++)
            assert_true(clock_tsc_of_ns(far[j]) > clock_tsc_of_ns(DAY));
        for (unsigned bit = 0; bit < 64; bit++) { /* never goes back */
            uint64_t tsc = clock_tsc_of_ns(UINT64_C(1) << bit);

            assert_true(tsc >= last);
            last = tsc;
        }
    }
    assert_int_equal(clock_apic_ticks(LAST, 0), UINT32_MAX);
    assert_int_equal(clock_apic_ticks(0, LAST), 1);
    assert_int_equal(clock_apic_ticks(7, 7), 1);
}

/* The TSC at which a counter of that speed, set at `now`, has come to 0. */
static uint64_t counted(uint64_t now, uint32_t ticks, uint64_t khz,
                        uint64_t apic_khz)
{
    return now + (uint64_t)((unsigned __int128)ticks * khz / apic_khz);
}

/*
 * From the interrupt of one timer to that of the next, as time.c does it: an
 * interrupt that comes before its time is one too many.
 */
static unsigned interrupts(uint64_t deadline, uint64_t *now, uint64_t khz,
                           uint64_t apic_khz)
{
    unsigned n = 0;

    do {
        uint64_t due = clock_tsc_of_ns(deadline);

        *now = apic_khz
                   ? counted(*now, clock_apic_ticks(due, *now), khz, apic_khz)
                   : due;
        n++;
    } while (clock_ns_of_tsc(*now) < deadline && n < 100);
    return n;
}

static void after_a_hundred_days(uint64_t khz, uint64_t apic_khz)
{
    uint64_t now;

    running(khz, apic_khz ? apic_khz : 1, 100 * DAY);
    now = clock_tsc_of_ns(100 * DAY);
    for (unsigned n = 0; n < 2000; n++) {
        uint64_t ns = clock_ns_of_tsc(now), deadline = ns + 1 + some(50 * MS);
        uint64_t late, cut; /* what rounding the ratio up comes to */

        assert_int_equal(interrupts(deadline, &now, khz, apic_khz), 1);
        late = clock_ns_of_tsc(now) - deadline;
        cut = apic_khz ? ((deadline - ns) * khz / apic_khz >> 32) + 1 : 0;
        assert_true(late <= 2 + 1000000 / khz + cut +
                                (apic_khz ? 1000000 / apic_khz + 1 : 0));
    }
}

static void a_timer_comes_once_after_a_hundred_days(void **state)
{
    const uint64_t apic[] = {0, 6250, 62500, 100003, 999999};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(speeds); i++)
        for (size_t j = 0; j < ARRAY_SIZE(apic); j++)
            if (apic[j] <= speeds[i]) /* 0: TSC-deadline mode */
                after_a_hundred_days(speeds[i], apic[j]);
}

static void near(uint64_t is, uint64_t should_be)
{
    assert_in_range(is, should_be - should_be / 200,
                    should_be + should_be / 200);
}

/* It stands still once, before so many readings, and is measured well. */
static struct measured measured_with(const struct reference *r, unsigned before)
{
    struct measured m;

    tsc_is = 77;
    readings = 0;
    still_before = before;
    m = measure(r);
    near(m.tsc * r->hz / m.ref / 1000, KHZ);
    return m;
}

static void a_machine_that_stands_still_is_measured_well(void **state)
{
    const struct reference r = {
        .hz = PM_TIMER_HZ, .mask = BITS(23, 0), .read = reference_reading};

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        const struct measured m = measured_with(&r, i);

        near(m.apic * r.hz / m.ref / 1000, APIC_KHZ);
    }
    still_before = UINT_MAX;
}

/* --- three that agree -------------------------------------------------------
 */

/* SMIs of so many ms, before so many readings of all, at random. */
static void disturbed_all_the_time_it_is_measured_well(void **state)
{
    const struct reference r = {
        .hz = PM_TIMER_HZ, .mask = BITS(23, 0), .read = reference_reading};
    unsigned said = 0;

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        struct measured m;

        tsc_is = 77;
        readings = 0;
        still_each = 1000 + i * 7;
        m = measure(&r);
        said += m.disturbed;
        near(m.tsc * r.hz / m.ref / 1000, KHZ);
    }
    still_each = 0;
    assert_int_equal(said, 0);
}

/* A reference that comes round while nobody looks: it seems slow then. */
static void an_outlier_is_refused(void **state)
{
    const struct reference r = {
        .hz = PIT_HZ, .mask = 0xffff, .read = reference_reading};

    (void)state;
    for (unsigned i = 0; i < 5000; i++)
        assert_false(measured_with(&r, i).disturbed);
    still_before = UINT_MAX;
}

/* Every other span is one: the middle one of three often is, too. */
static void many_outliers_are_refused(void **state)
{
    const struct reference r = {
        .hz = PIT_HZ, .mask = 0xffff, .read = reference_reading};

    (void)state;
    still_each = 15000;
    for (unsigned i = 0; i < 300; i++) {
        struct measured m = measure(&r);

        if (!m.disturbed)
            near(m.tsc * r.hz / m.ref / 1000, KHZ);
    }
    still_each = 0;
}

/* SDM vol. 3, 18.7.3: ratio and crystal; or the number on the label. */
static void what_cpuid_says(void **state)
{
    const struct reference_leaves whole = {2, 216, 24000000, 2600},
                                  no_crystal = {2, 216, 0, 2600}, nothing = {0};
    bool exact;

    (void)state;
    assert_int_equal(reference_said(&whole, &exact), 2592000000);
    assert_true(exact);
    assert_int_equal(reference_said(&no_crystal, &exact), 2600000000);
    assert_false(exact);
    assert_int_equal(reference_said(&nothing, &exact), 0);
}

static uint64_t trusted(uint64_t said, bool exact, uint64_t measured)
{
    const struct source s = {
        .which = CLOCK_PM, .ref = {.name = "x"}, .said = said, .exact = exact};
    const char *by;

    return trust(&s, measured, &by);
}

static void cpuid_is_trusted_if_it_means_the_same(void **state)
{
    (void)state;
    assert_int_equal(trusted(2592000000, true, 2592100000), 2592000000);
    assert_int_equal(trusted(2592000000, true, 2400000000), 2400000000);
    assert_int_equal(trusted(2600000000, false, 2600100000), 2600100000);
    cpu_features.hypervisor = true;
    assert_int_equal(trusted(2592000000, true, 2592100000), 2592100000);
    cpu_features.hypervisor = false;
    options.clock = CLOCK_PM; /* asked for */
    assert_int_equal(trusted(2592000000, true, 2592100000), 2592100000);
    options.clock = CLOCK_AUTO;
}

/*
 * The log is under hv_lock, the look is not; and nobody waits for a line
 * between another scale and hearing of it.
 */
static void what_was_put_right_is_said_later(void **state)
{
    const struct clock_scale wrong = scale_of_khz(KHZ + KHZ / 50);
    unsigned before;

    (void)state;
    still_before = UINT_MAX;
    still_each = 0;
    clock_tsc_khz = KHZ + KHZ / 50;
    set_scale(&wrong);
    begin_keeping(&(struct source){.which = CLOCK_PM,
                                   .ref = {.name = "test's",
                                           .hz = 3579545,
                                           .mask = BITS(23, 0),
                                           .read = reference_reading}});
    clock_say(clock_now_ns());
    before = lines;
    tsc_is += UINT64_C(1000) * KHZ;
    assert_true(clock_resync());
    assert_int_equal(lines, before);
    clock_say(clock_now_ns());
    assert_int_equal(lines, before + 1);
    clock_say(clock_now_ns());
    assert_int_equal(lines, before + 1);
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
        cmocka_unit_test(one_direction_is_the_inverse_of_the_other),
        cmocka_unit_test(there_is_an_end),
        cmocka_unit_test(a_timer_comes_once_after_a_hundred_days),
        cmocka_unit_test(a_machine_that_stands_still_is_measured_well),
        cmocka_unit_test(disturbed_all_the_time_it_is_measured_well),
        cmocka_unit_test(an_outlier_is_refused),
        cmocka_unit_test(many_outliers_are_refused),
        cmocka_unit_test(what_cpuid_says),
        cmocka_unit_test(cpuid_is_trusted_if_it_means_the_same),
        cmocka_unit_test(what_was_put_right_is_said_later),
        cmocka_unit_test(days_agree_with_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
