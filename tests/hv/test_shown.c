/* SPDX-License-Identifier: MIT */
/*
 * What a guest is shown of the processor, and where it may go with that; and
 * its extended state on the way, for every set of features.
 */
#include <string.h>

#include "hv/domain/shown.h"
#include "tests/hv/check.h"

#define PSE (UINT32_C(1) << 3)
#define GIB (UINT32_C(1) << 26)

static char why[SHOWN_WHY];

/* Processors, in short. */
enum { NEHALEM, HASWELL, SKYLAKE_SP, PROCESSORS };

static struct shown processor(unsigned which)
{
    struct shown s = {.word = {[SHOWN_1C] = 0x00982201,
                               [SHOWN_1D] = ~UINT32_C(0),
                               [SHOWN_X1C] = 1,
                               [SHOWN_X1D] = ~UINT32_C(0)},
                      .signature = 0x106a3 + which,
                      .leaves = 0xd,
                      .xleaves = 0x80000008};

    memcpy(s.vendor, "GenuineIntel", 12);
    if (which >= HASWELL) {
        s.word[SHOWN_1C] = ~UINT32_C(0);
        s.word[SHOWN_7B] = ~UINT32_C(0) & 0x00ffffff & ~UINT32_C(0x00230000);
        s.word[SHOWN_D1A] = 7;
        s.word[SHOWN_X1C] |= 0x20;
        s.offset[2] = 576;
    }
    if (which >= SKYLAKE_SP) {
        s.word[SHOWN_7B] = ~UINT32_C(0);
        s.offset[5] = 1088;
        s.offset[6] = 1152;
        s.offset[7] = 1664;
    }
    shown_filter(&s);
    return s;
}

static struct shown make(unsigned which, const char *cpu)
{
    const struct shown host = processor(which);
    struct shown_choice c = {0};
    struct shown s;

    assert_true(shown_choice_parse(&c, cpu, strlen(cpu)));
    assert_int_equal(shown_make(&s, &host, &c, why), ERR_NONE);
    assert_true(shown_sane(&s));
    return s;
}

static void goes(const struct shown *s, unsigned which)
{
    const struct shown host = processor(which);

    assert_int_equal(shown_fits(s, &host, why), ERR_NONE);
}

static void refused(const struct shown *s, unsigned which, const char *words)
{
    const struct shown host = processor(which);

    assert_int_equal(shown_fits(s, &host, why), ERR_INVAL);
    assert_string_equal(why, words);
}

static void up_it_goes_and_not_down(void **state)
{
    struct shown s;

    (void)state;
    for (unsigned from = 0; from < PROCESSORS; from++)
        for (unsigned to = from; to < PROCESSORS; to++) {
            s = make(from, "host");
            goes(&s, to);
        }
    s = make(HASWELL, "host");
    refused(&s, NEHALEM, "this processor lacks pclmulqdq");
    s = make(SKYLAKE_SP, "host");
    refused(&s, HASWELL, "this processor lacks avx512f");
    s = make(SKYLAKE_SP, "host,-avx512f,-clwb,-sha_ni");
    goes(&s, HASWELL);
    assert_int_equal(shown_xcr0(&s), 7);
    s = make(SKYLAKE_SP, "x86-64-v3");
    goes(&s, HASWELL);
    refused(&s, NEHALEM, "this processor lacks fma");
    s = make(SKYLAKE_SP, "x86-64-v2");
    goes(&s, NEHALEM);
    assert_int_equal(shown_xcr0(&s), 0);
    s = make(HASWELL, "x86-64-v3,-avx");
    refused(&s, NEHALEM, "this processor lacks movbe");
}

/* A baseline is the same wherever it was made. */
static void a_baseline_has_nothing_of_its_host(void **state)
{
    static const char *const names[] = {"x86-64", "x86-64-v2"};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct shown a = make(NEHALEM, names[i]);
        const struct shown b = make(SKYLAKE_SP, names[i]);

        assert_memory_equal(a.word, b.word, sizeof(a.word));
        assert_memory_equal(a.offset, b.offset, sizeof(a.offset));
    }
}

static void what_the_host_lacks_is_named(void **state)
{
    const struct shown host = processor(NEHALEM);
    struct shown_choice c = {0};
    struct shown s;

    (void)state;
    assert_true(shown_choice_parse(&c, "x86-64-v3", 9));
    assert_int_equal(shown_make(&s, &host, &c, why), ERR_INVAL);
    assert_string_equal(why, "this processor lacks fma of cpu=x86-64-v3");
    assert_true(shown_choice_parse(&c, "x86-64-v3,-fma", 14));
    assert_int_equal(shown_make(&s, &host, &c, why), ERR_INVAL);
    assert_string_equal(why, "this processor lacks movbe of cpu=x86-64-v3");
}

/* Nothing is shown that needs what is not, whatever is taken away. */
static void what_is_needed_goes_with_it(void **state)
{
    struct shown s = make(SKYLAKE_SP, "host,-xsave");

    (void)state;
    assert_int_equal(shown_xcr0(&s), 0);
    assert_int_equal(s.word[SHOWN_1C] & (BIT(12) | BIT(26) | BIT(28)), 0);
    assert_int_equal(s.word[SHOWN_7B] & (BIT(5) | BIT(16) | BIT(31)), 0);
    assert_int_equal(s.word[SHOWN_7C] & (BIT(9) | BIT(10)), 0);
    assert_int_equal(s.word[SHOWN_D1A], 0);
    assert_true(s.word[SHOWN_7B] & BIT(8)); /* bmi2 stays */
    s = make(SKYLAKE_SP, "host,-avx2");
    assert_int_equal(shown_xcr0(&s), 7);
}

static void every_word_is_understood_or_refused(void **state)
{
    static const char *const bad[] = {
        "",          "Host",       "x86-64-v5",      "host,",      "host,avx",
        "host,-",    "host,-avx3", ",host",          "host,-avx,", "-avx",
        "host -avx", "hostess",    "x86-64-v2,,-avx"};
    struct shown_choice c = {0};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        if (shown_choice_parse(&c, bad[i], strlen(bad[i])))
            fail_msg("'%s' was taken", bad[i]);
    assert_true(shown_choice_parse(&c, "x86-64-v4,-avx512bw,-mmx", 24));
    assert_int_equal(c.level, 4);
    assert_int_equal(c.less[SHOWN_7B], BIT(30));
    assert_int_equal(c.less[SHOWN_1D], BIT(23));
    assert_int_equal(c.less[SHOWN_X1D], BIT(23)); /* in both places */
}

static void no_record_is_believed(void **state)
{
    const struct shown good = make(HASWELL, "host");
    struct shown s = good;

    (void)state;
#define BAD(change)                                                            \
    do {                                                                       \
        s = good;                                                              \
        change;                                                                \
        assert_false(shown_sane(&s));                                          \
    } while (0)
    BAD(s.word[SHOWN_1C] |= (uint32_t)BIT(5)); /* VMX has no name */
    BAD(s.word[SHOWN_7B] |= (uint32_t)BIT(10));
    BAD(s.word[SHOWN_1C] &= ~(uint32_t)BIT(26)); /* AVX without XSAVE */
    BAD(s.vendor[3] = '\n');
    BAD(s.vendor[11] = 0);
    BAD(s.offset[2] = 500);
    BAD(s.offset[2] = XSTATE_MAX - 255);
    BAD(s.offset[5] = 1088); /* it has no AVX-512 */
    BAD(s.offset[0] = 1);
    BAD(s.pse = SHOWN_PSE_LATE); /* nothing to show */
    BAD(s.word[SHOWN_1D] |= PSE);
    BAD(s.word[SHOWN_X1D] |= GIB);
#undef BAD
    s = good;
    memcpy(s.vendor, "AuthenticAMD", 12);
    refused(&s, HASWELL,
            "this processor is by GenuineIntel, not by AuthenticAMD");
    s = good;
    s.offset[2] = 640;
    assert_true(shown_sane(&s));
    refused(&s, HASWELL,
            "this processor has part 2 of the XSAVE area elsewhere");
}

/* --- large pages ---------------------------------------------------------- */

static struct shown make_large(uint32_t pse, const char *cpu,
                               uint32_t host_less)
{
    struct shown host = processor(HASWELL), s;
    struct shown_choice c = {.pse = pse};

    host.word[SHOWN_X1D] &= ~host_less;
    assert_true(shown_choice_parse(&c, cpu, strlen(cpu)));
    assert_int_equal(shown_make(&s, &host, &c, why), ERR_NONE);
    assert_true(shown_sane(&s));
    return s;
}

static bool has_pse(const struct shown *s)
{
    const bool has = shown_now(s, SHOWN_1D) & PSE;

    assert_int_equal(!!(shown_now(s, SHOWN_X1D) & PSE), has);
    return has;
}

static bool has_gib(const struct shown *s)
{
    return shown_now(s, SHOWN_X1D) & GIB;
}

/* Whatever the level; and nothing else comes or goes with them. */
static void large_pages_come_when_they_may(void **state)
{
    static const char *const cpus[] = {"host", "x86-64", "x86-64-v3"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cpus); i++) {
        const struct shown off = make(HASWELL, cpus[i]);
        struct shown s = make_large(SHOWN_PSE_ALWAYS, cpus[i], 0);

        assert_false(has_pse(&off) || has_gib(&off));
        assert_true(has_pse(&s) && has_gib(&s));
        s = make_large(SHOWN_PSE_LATE, cpus[i], 0);
        for (unsigned w = 0; w < SHOWN_WORDS; w++)
            assert_int_equal(shown_now(&s, w), shown_now(&off, w));
        shown_timer_bound(&s);
        assert_true(has_pse(&s) && has_gib(&s) && shown_sane(&s));
        shown_timer_bound(&s);
        assert_int_equal(s.pse, SHOWN_PSE_NOW);
        assert_int_equal(s.word[SHOWN_1D], off.word[SHOWN_1D] | PSE);
    }
}

static void not_where_they_are_off_or_not_there(void **state)
{
    struct shown s = make(HASWELL, "host"), host = processor(HASWELL);

    (void)state;
    shown_timer_bound(&s);
    assert_false(has_pse(&s) || has_gib(&s));
    s = make_large(SHOWN_PSE_ALWAYS, "host,-pdpe1gb", 0);
    assert_true(has_pse(&s) && !has_gib(&s));
    s = make_large(SHOWN_PSE_LATE, "host,-pse", 0);
    shown_timer_bound(&s);
    assert_false(has_pse(&s) || has_gib(&s));
    s = make_large(SHOWN_PSE_ALWAYS, "x86-64-v2", GIB);
    assert_true(has_pse(&s) && !has_gib(&s));
    goes(&s, HASWELL);
    s = make_large(SHOWN_PSE_LATE, "x86-64-v2", 0);
    s.word[SHOWN_X1D] |= GIB; /* and to no processor without */
    host.word[SHOWN_X1D] &= ~GIB;
    assert_int_equal(shown_fits(&s, &host, why), ERR_INVAL);
    assert_string_equal(why, "this processor lacks pdpe1gb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up_it_goes_and_not_down),
        cmocka_unit_test(a_baseline_has_nothing_of_its_host),
        cmocka_unit_test(what_the_host_lacks_is_named),
        cmocka_unit_test(what_is_needed_goes_with_it),
        cmocka_unit_test(every_word_is_understood_or_refused),
        cmocka_unit_test(no_record_is_believed),
        cmocka_unit_test(large_pages_come_when_they_may),
        cmocka_unit_test(not_where_they_are_off_or_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
