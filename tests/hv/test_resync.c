/* SPDX-License-Identifier: MIT */
/*
 * A TSC that is not what it was: measured wrong, slower, faster, stopped for a
 * while; beside a reference that comes round. Whatever it does, time never goes
 * back, and soon is the reference's again.
 */
#include "tests/hv/check.h"

#include "hv/dev/resync.h"

#define MS  UINT64_C(1000000)
#define SEC (1000 * MS)

/* What is real: ns since the start, and what the two count in it. */
static struct {
    uint64_t ns, tsc, khz, hz, mask, ticks_from;
} real;
static struct resync state_of;
static struct clock_scale scale;

static uint32_t reference(void)
{
    return (uint32_t)((real.ticks_from + scale_mul_div(real.ns, real.hz, SEC)) &
                      real.mask);
}

static void pass(uint64_t ns, bool tsc_runs)
{
    real.ns += ns;
    if (tsc_runs)
        real.tsc += scale_mul_div(ns, real.khz, MS);
}

/* A machine that takes its TSC for one of `khz`. */
static void boot(uint64_t khz, uint64_t hz, uint64_t mask)
{
    real.ns = 0;
    real.tsc = 1000000;
    real.khz = 2400000;
    real.hz = hz;
    real.mask = mask;
    real.ticks_from = mask - 1000; /* soon comes round */
    scale = scale_of_khz(khz);
    scale.tsc_base = real.tsc;
    resync_begin(&state_of, hz, mask, khz, 0, real.tsc, reference());
}

static int64_t late(void)
{
    return (int64_t)(real.ns - scale_ns(&scale, real.tsc));
}

/*
 * A CPU whose TSC is so far behind: what a guest there computes, without
 * looking for a number below 0, and the same as is computed here.
 */
static void a_cpu_that_lags(uint64_t by)
{
    const uint64_t delta = real.tsc - by - scale.tsc_base;

    assert_true(delta <= real.tsc);
    assert_true(scale_ns(&scale, real.tsc - by) < scale_ns(&scale, real.tsc));
}

/* One look; time must not go back by it. */
static bool look(void)
{
    const uint64_t before = scale_ns(&scale, real.tsc);
    struct resynced r = resync_step(&state_of, &scale, real.tsc, reference());

    if (r.changed) {
        scale = r.scale;
        assert_true(scale_ns(&scale, real.tsc) >= before);
        assert_true(scale_ns(&scale, real.tsc + 1) >= before);
        assert_int_equal(scale_ns(&scale, 0), scale_ns(&scale, scale.tsc_base));
        a_cpu_that_lags(1000);
        a_cpu_that_lags(MIN(real.khz, r.khz) * 900); /* ms */
    }
    return r.changed;
}

static void look_for(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        pass(SEC, true);
        (void)look();
    }
}

static const struct {
    uint64_t hz, mask;
} references[] = {{3579545, BITS(23, 0)},  /* comes round each 4.7 s */
                  {14318180, BITS(31, 0)}, /* HPET */
                  {100000000, BITS(31, 0)}};

static void well_it_is_let_be(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(references); i++) {
        boot(2400000, references[i].hz, references[i].mask);
        for (unsigned k = 0; k < 100; k++) {
            pass(SEC, true);
            assert_false(look());
        }
    }
}

static void measured_wrong_it_is_put_right(void **state)
{
    const uint64_t taken_for[] = {2448000, 2352000, 2160000, 2700000};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(references); i++)
        for (unsigned k = 0; k < ARRAY_SIZE(taken_for); k++) {
            boot(taken_for[k], references[i].hz, references[i].mask);
            look_for(10);
            assert_in_range(late() + 6000000, 0, 12000000);
            look_for(100);
            assert_in_range(late() + 6000000, 0, 12000000);
        }
}

/* As a processor that steps its speed. */
static void it_follows(void **state)
{
    (void)state;
    boot(2400000, references[0].hz, references[0].mask);
    for (unsigned n = 0; n < 50; n++) {
        real.khz = 1200000 + n * 777 % 13 * 100000;
        look_for(12);
        assert_in_range(late() + 6000000, 0, 12000000);
    }
}

/* In idle it stops: what it has lost is there at the next look. */
static void what_stops_is_put_forward(void **state)
{
    (void)state;
    boot(2400000, references[0].hz, references[0].mask);
    look_for(3);
    for (unsigned n = 0; n < 20; n++) {
        pass(700 * MS, false);
        pass(300 * MS, true);
        assert_true(late() > (int64_t)(100 * MS));
        assert_true(look());
        assert_in_range(late() + 1000, 0, 2000);
        pass(SEC, true); /* as fast as it was */
        assert_in_range(late() + 1000000, 0, 2000000);
        look_for(8);
    }
}

/* It has another speed, by what is seen twice. */
static void slower_for_long_it_is_slow(void **state)
{
    (void)state;
    boot(2400000, references[0].hz, references[0].mask);
    look_for(3);
    real.khz = 1200000;
    look_for(1);
    assert_int_equal(state_of.khz, 2400000);
    look_for(1);
    assert_in_range(state_of.khz, 1199000, 1201000);
    pass(SEC, true);
    assert_in_range(late() + 6000000, 0, 12000000);
    (void)look();
    real.khz = 2400000; /* what is faster has not stood still */
    look_for(1);
    assert_in_range(state_of.khz, 2399000, 2401000);
}

/* The PM timer has come round twice, and nobody looked. */
static void nobody_looked_for_long(void **state)
{
    (void)state;
    boot(2400000, references[0].hz, references[0].mask);
    for (unsigned n = 0; n < 20; n++) {
        pass((5 + n) * SEC + 123456789, true);
        (void)look();
        assert_in_range(late() + 6000000, 0, 12000000);
    }
}

static void too_soon_it_waits(void **state)
{
    (void)state;
    boot(2448000, references[0].hz, references[0].mask);
    pass(50 * MS, true);
    assert_false(look());
    pass(SEC, true);
    assert_true(look());
}

static void division_is_exact(void **state)
{
    uint64_t s = 88172645463325252u;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t a, b, c;

        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        a = s >> (s & 63);
        b = (s * 3) >> (s >> 6 & 63);
        c = ((s * 7) >> (s >> 12 & 63)) | 1;
        if ((unsigned __int128)a * b / c > UINT64_MAX)
            assert_int_equal(scale_mul_div(a, b, c), UINT64_MAX);
        else
            assert_int_equal(scale_mul_div(a, b, c),
                             (uint64_t)((unsigned __int128)a * b / c));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_it_is_let_be),
        cmocka_unit_test(measured_wrong_it_is_put_right),
        cmocka_unit_test(it_follows),
        cmocka_unit_test(what_stops_is_put_forward),
        cmocka_unit_test(slower_for_long_it_is_slow),
        cmocka_unit_test(nobody_looked_for_long),
        cmocka_unit_test(too_soon_it_waits),
        cmocka_unit_test(division_is_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
