/* SPDX-License-Identifier: MIT */
/*
 * What is decided about speculation, for what real processors say: signatures,
 * CPUID and MSRs as they are with the microcode named, or as the makers'
 * documents have them.
 */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/arch/spec.h"

static struct spec_policy p;

#define INTEL(model_, ...)                                                     \
    ((struct spec_cpu){                                                        \
        .vendor = SPEC_INTEL, .family = 6, .model = (model_), __VA_ARGS__})
#define AMD(family_, model_, ...)                                              \
    ((struct spec_cpu){.vendor = SPEC_AMD,                                     \
                       .family = (family_),                                    \
                       .model = (model_),                                      \
                       __VA_ARGS__})

#define RTM UINT32_C(0x800)

/* 106a5, without any of the microcode of 2018. */
static const struct spec_cpu nehalem = INTEL(0x1a, .smt = true, .stepping = 5);
/* 306c3, 28h: MD_CLEAR, IBRS, STIBP, L1D_FLUSH, SSBD. */
static const struct spec_cpu haswell =
    INTEL(0x3c, .smt = true, .stepping = 3, .leaf7_ebx = 0x27ab | RTM,
          .leaf7_edx = 0x9c000400);
/* 506e3, f0h: IA32_ARCH_CAPABILITIES says no more than RSBA and FB_CLEAR. */
static const struct spec_cpu skylake =
    INTEL(0x5e, .smt = true, .stepping = 3, .leaf7_ebx = 0x29c6fbf | RTM,
          .leaf7_edx = 0xbc000400, .arch_caps = 0x20004);
/* 50657: RDCL_NO, IBRS_ALL, SKIP_L1DFL, MDS_NO, TSX_CTRL. */
static const struct spec_cpu cascade_lake =
    INTEL(0x55, .smt = true, .stepping = 7, .leaf7_ebx = 0xd39ffffb | RTM,
          .leaf7_edx = 0xbc000400, .arch_caps = 0xab);
/* 806c1, beh. */
static const struct spec_cpu tiger_lake =
    INTEL(0x8c, .smt = true, .stepping = 1, .leaf7_ebx = 0xf3bfa7eb,
          .leaf7_edx = 0xfc100710, .leaf7_2_edx = 1, .arch_caps = 0xa005c6b);
/* 906c0, a Tremont as the documents have it, with RFDS_CLEAR. */
static const struct spec_cpu tremont =
    INTEL(0x9c, .leaf7_edx = 0xfc000400, .arch_caps = 0x100069 | 1 << 28);
/* 830f10: IBPB, IBRS, STIBP, SSBD; IBRS not for good. */
static const struct spec_cpu zen2 =
    AMD(0x17, 0x31, .smt = true,
        .ext8_ebx = 0x1 << 12 | 1 << 14 | 1 << 15 | 1 << 24);
/* a00f11: IBRS for good is what it prefers; no BTC. */
static const struct spec_cpu zen3 =
    AMD(0x19, 0x01, .smt = true, .ext8_ebx = 0x2101d000, .ext21_eax = 0x45);
/* a10f11: automatic IBRS. */
static const struct spec_cpu zen4 = AMD(
    0x19, 0x11, .smt = true, .ext8_ebx = 0x6101d000, .ext21_eax = 0x18000145);
/* b00f21: SRSO_USER_KERNEL_NO. */
static const struct spec_cpu zen5 = AMD(
    0x1a, 0x02, .smt = true, .ext8_ebx = 0x6101d000, .ext21_eax = 0x40000145);

static void decide(const struct spec_cpu *c, enum option_spec wish)
{
    p = spec_decide(c, wish, false);
    for (unsigned i = 0; i < SPEC_FLAWS; i++) {
        assert_non_null(spec_flaw_names[i]);
        /* Whatever is not plain has a reason beside it. */
        assert_int_equal(!*p.flaw[i].how, p.flaw[i].state == SPEC_NOT_AFFECTED);
    }
}

static void expect(const char *done, const char *partly, const char *open)
{
    char text[SPEC_NAMES];

    (void)spec_list(&p, SPEC_DONE, text, SPEC_NAMES);
    assert_string_equal(text, done);
    (void)spec_list(&p, SPEC_PARTLY, text, SPEC_NAMES);
    assert_string_equal(text, partly);
    (void)spec_list(&p, SPEC_OPEN, text, SPEC_NAMES);
    assert_string_equal(text, open);
}

static void an_old_core_has_all_and_nothing_to_help(void **state)
{
    (void)state;
    decide(&nehalem, OPT_SPEC_AUTO);
    expect(" l1tf multihit", "", " meltdown mds spectre-v1 spectre-v2 ssb");
    assert_false(p.verw || p.ibpb || p.spec_ctrl);
}

static void haswell_with_microcode(void **state)
{
    (void)state;
    decide(&haswell, OPT_SPEC_AUTO);
    expect(" l1tf multihit", " mds taa spectre-v2", " meltdown spectre-v1 ssb");
    assert_true(p.verw && p.ibpb);
    assert_false(p.tsx_off);
    assert_int_equal(p.spec_ctrl, SPEC_CTRL_STIBP);
}

static void without_threads_beside_it_verw_is_enough(void **state)
{
    struct spec_cpu c = haswell;

    (void)state;
    c.smt = false;
    decide(&c, OPT_SPEC_AUTO);
    expect(" l1tf mds taa multihit", " spectre-v2", " meltdown spectre-v1 ssb");
    assert_int_equal(p.spec_ctrl, 0);
}

static void skylake_trusts_its_returns(void **state)
{
    (void)state;
    decide(&skylake, OPT_SPEC_AUTO);
    expect(" l1tf multihit", " mds taa spectre-v2 retbleed",
           " meltdown spectre-v1 ssb gds");
}

static void cascade_lake_switches_transactions_off(void **state)
{
    struct spec_cpu c = cascade_lake;

    (void)state;
    decide(&c, OPT_SPEC_AUTO);
    expect(" taa spectre-v2 multihit", "", " spectre-v1 bhi ssb gds");
    assert_true(p.tsx_off);
    assert_false(p.verw);
    assert_int_equal(p.spec_ctrl, SPEC_CTRL_IBRS | SPEC_CTRL_STIBP);
    c.arch_caps &= ~BIT(7); /* TSX_CTRL */
    decide(&c, OPT_SPEC_AUTO);
    assert_true(p.verw && !p.tsx_off);
    assert_int_equal(p.flaw[SPEC_TAA].state, SPEC_PARTLY);
    assert_int_equal(p.flaw[SPEC_MDS].state, SPEC_NOT_AFFECTED);
}

static void tiger_lake_has_little_left(void **state)
{
    struct spec_cpu c = tiger_lake;

    (void)state;
    decide(&c, OPT_SPEC_AUTO);
    expect(" spectre-v2 gds", "", " spectre-v1 bhi ssb");
    c.mcu_opt_ctrl = BIT(4); /* somebody has switched it off */
    c.leaf7_2_edx |= BIT(4); /* BHI_CTRL */
    decide(&c, OPT_SPEC_AUTO);
    expect(" spectre-v2 bhi", "", " spectre-v1 ssb gds");
    assert_true(p.spec_ctrl & SPEC_CTRL_BHI);
}

static void an_atom_has_registers_to_clear(void **state)
{
    struct spec_cpu c = tremont;

    (void)state;
    decide(&c, OPT_SPEC_AUTO);
    expect(" rfds", " spectre-v2", " spectre-v1 ssb");
    assert_true(p.verw);
    c.arch_caps &= ~BIT(28);
    decide(&c, OPT_SPEC_AUTO);
    assert_int_equal(p.flaw[SPEC_RFDS].state, SPEC_OPEN);
    assert_false(p.verw);
    c.arch_caps |= BIT(27);
    decide(&c, OPT_SPEC_AUTO);
    assert_int_equal(p.flaw[SPEC_RFDS].state, SPEC_NOT_AFFECTED);
    decide(&INTEL(0x1c, .stepping = 2), OPT_SPEC_AUTO); /* in order */
    expect("", "", "");
}

static void amd_by_generation(void **state)
{
    (void)state;
    decide(&zen2, OPT_SPEC_AUTO);
    expect(" zenbleed", " spectre-v2 retbleed srso", " spectre-v1 ssb");
    assert_true(p.zen2_bit && p.ibpb && p.lfence);
    decide(&zen3, OPT_SPEC_AUTO);
    expect(" spectre-v2", " srso", " spectre-v1 ssb");
    assert_true(p.spec_ctrl & SPEC_CTRL_IBRS);
    assert_false(p.zen2_bit || p.lfence || p.auto_ibrs);
    decide(&zen4, OPT_SPEC_AUTO);
    expect(" spectre-v2", " srso", " spectre-v1 ssb");
    assert_true(p.auto_ibrs);
    assert_int_equal(p.spec_ctrl, SPEC_CTRL_STIBP);
    decide(&zen5, OPT_SPEC_AUTO);
    expect(" spectre-v2", "", " spectre-v1 ssb");
}

static void isolation_is_for_meltdown_alone(void **state)
{
    (void)state;
    p = spec_decide(&haswell, OPT_SPEC_AUTO, true);
    expect(" meltdown l1tf multihit", " mds taa spectre-v2", " spectre-v1 ssb");
    p = spec_decide(&cascade_lake, OPT_SPEC_AUTO, true);
    assert_int_equal(p.flaw[SPEC_MELTDOWN].state, SPEC_NOT_AFFECTED);
}

/* AMD's have none of the bits that Intel's have, whatever they say. */
static void bits_of_the_other_maker_say_nothing(void **state)
{
    struct spec_cpu c = zen2;
    struct spec_policy without = spec_decide(&zen2, OPT_SPEC_AUTO, false);

    (void)state;
    c.arch_caps = ~UINT64_C(0);
    c.leaf7_edx = c.leaf7_2_edx = c.leaf7_ebx = UINT32_MAX;
    decide(&c, OPT_SPEC_AUTO);
    assert_memory_equal(&p, &without, sizeof(p));
    c = haswell;
    without = spec_decide(&haswell, OPT_SPEC_AUTO, false);
    c.ext8_ebx = c.ext21_eax = UINT32_MAX;
    decide(&c, OPT_SPEC_AUTO);
    assert_memory_equal(&p, &without, sizeof(p));
    decide(&(struct spec_cpu){.vendor = SPEC_OTHER,
                              .family = 7,
                              .arch_caps = ~UINT64_C(0)},
           OPT_SPEC_AUTO);
    expect(" l1tf multihit", "", " meltdown mds spectre-v1 spectre-v2 ssb");
}

static void off_switches_nothing_on_and_says_so(void **state)
{
    static const struct spec_cpu *const all[] = {
        &nehalem, &haswell, &skylake, &cascade_lake, &tiger_lake,
        &tremont, &zen2,    &zen3,    &zen4,         &zen5};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
        decide(all[i], OPT_SPEC_OFF);
        assert_false(p.verw || p.ibpb || p.auto_ibrs || p.spec_ctrl ||
                     p.tsx_off || p.zen2_bit || p.lfence);
        for (unsigned f = 0; f < SPEC_FLAWS; f++)
            if (p.flaw[f].state == SPEC_DONE)
                assert_true(f == SPEC_L1TF || f == SPEC_MULTIHIT ||
                            f == SPEC_GDS);
        decide(all[i], OPT_SPEC_FORCE);
        assert_true(p.verw && p.ibpb);
    }
}

static void a_list_is_cut_where_it_must_be(void **state)
{
    char text[SPEC_NAMES];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (unsigned i = 0; i < SPEC_FLAWS; i++)
        p.flaw[i].state = SPEC_OPEN;
    assert_int_equal(spec_list(&p, SPEC_OPEN, text, SPEC_NAMES), SPEC_FLAWS);
    assert_non_null(strstr(text, " zenbleed")); /* they do fit */
    for (unsigned size = 1; size < 40; size++) {
        memset(text, 'x', sizeof(text));
        assert_int_equal(spec_list(&p, SPEC_OPEN, text, size), SPEC_FLAWS);
        assert_int_equal(strlen(text), size - 1);
        assert_int_equal(text[size], 'x');
    }
    assert_int_equal(spec_list(&p, SPEC_DONE, text, SPEC_NAMES), 0);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_old_core_has_all_and_nothing_to_help),
        cmocka_unit_test(haswell_with_microcode),
        cmocka_unit_test(without_threads_beside_it_verw_is_enough),
        cmocka_unit_test(skylake_trusts_its_returns),
        cmocka_unit_test(cascade_lake_switches_transactions_off),
        cmocka_unit_test(tiger_lake_has_little_left),
        cmocka_unit_test(an_atom_has_registers_to_clear),
        cmocka_unit_test(amd_by_generation),
        cmocka_unit_test(isolation_is_for_meltdown_alone),
        cmocka_unit_test(bits_of_the_other_maker_say_nothing),
        cmocka_unit_test(off_switches_nothing_on_and_says_so),
        cmocka_unit_test(a_list_is_cut_where_it_must_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
