/* SPDX-License-Identifier: MIT */
/*
 * What is decided about speculation beside what the processors take of it: an
 * MSR that one of them refuses leaves its flaws open, on the machine, and that
 * is said; an IBPB that one refuses is never asked for again.
 */
#include "tests/hv/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hv/arch/cpu.h"
#include "hv/arch/x86.h"

#define SPEC_CTRL 0x48u
#define PRED_CMD  0x49u
#define TSX_CTRL  0x122u
#define NONE      0u

static uint32_t refuses; /* an MSR */
static uint32_t ucode;   /* of the processor that is asked */
static uint64_t spec_ctrl;
static char said[2000];

static bool read_safe(uint32_t msr, uint64_t *v)
{
    *v = msr == 0x8b ? (uint64_t)ucode << 32
         : msr == 0x10a
             ? 0xbbu /* RDCL_NO, IBRS_ALL, SSB_NO, MDS_NO, TSX_CTRL */
             : 0;
    return msr != refuses;
}

static bool write_safe(uint32_t msr, uint64_t v)
{
    if (msr == refuses)
        return false;
    if (msr == SPEC_CTRL)
        spec_ctrl = v;
    return true;
}

static struct x86_cpuid asked(uint32_t leaf, uint32_t sub)
{
    (void)sub;
    if (leaf == 7) /* RTM; MD_CLEAR, IBRS and IBPB, STIBP, ARCH_CAPABILITIES */
        return (struct x86_cpuid){.eax = 2,
                                  .ebx = BIT(11),
                                  .edx = BIT(10) | BIT(26) | BIT(27) | BIT(29) |
                                         BIT(4)};
    return (struct x86_cpuid){.eax = leaf ? 0 : 0x20};
}

#define x86_rdmsr_safe               read_safe
#define x86_wrmsr_safe               write_safe
#define x86_cpuid(leaf, sub)         asked(leaf, sub) /* not the struct */
#define x86_cpuid_or_none(leaf, sub) asked(leaf, sub)
#include "hv/arch/spec_cpu.c"

struct cpu_features cpu_features;
struct options options;

void log_say(const char *fmt, ...)
{
    const size_t n = strlen(said);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(said + n, sizeof(said) - n, fmt, ap);
    va_end(ap);
    strncat(said, "\n", sizeof(said) - strlen(said) - 1);
}

/* The first processor is one that refuses `first`; it says so, or not. */
static void begin(uint32_t first, enum option_spec wish)
{
    cpu_features = (struct cpu_features){
        .intel = true, .family = 6, .model = 0x55, .stepping = 7};
    options.spec = (uint8_t)wish;
    unlike = refused = 0;
    spec_ctrl = 0;
    ucode = 0x100;
    refuses = first;
    said[0] = 0;
    spec_init();
}

/* Another one comes, which refuses something or has other microcode. */
static void come(uint32_t msr, uint32_t microcode_is)
{
    refuses = msr;
    ucode = microcode_is;
    spec_start();
    said[0] = 0;
    spec_say_unlike();
}

#define assert_said(text)  assert_non_null(strstr(said, text))
#define assert_state(f, s) assert_int_equal(spec_policy.flaw[f].state, s)

static void what_is_taken_is_done(void **state)
{
    (void)state;
    begin(NONE, OPT_SPEC_AUTO);
    assert_said("done taa spectre-v2");
    assert_true(spec_policy.ibpb);
    assert_int_equal(spec_ctrl, SPEC_CTRL_IBRS | SPEC_CTRL_BHI);
    come(NONE, 0x100);
    assert_string_equal(said, "");
}

static void an_ibpb_that_is_refused_leaves_open_what_relied_on_it(void **state)
{
    (void)state;
    begin(PRED_CMD, OPT_SPEC_AUTO);
    assert_false(spec_policy.ibpb);
    assert_state(SPEC_V2, SPEC_OPEN);
    assert_null(strstr(said, "done taa spectre-v2"));
    assert_said("spectre-v2");
}

static void each_register_has_its_flaws(void **state)
{
    (void)state;
    begin(SPEC_CTRL, OPT_SPEC_AUTO);
    assert_state(SPEC_V2, SPEC_OPEN);
    assert_state(SPEC_BHI, SPEC_OPEN);
    assert_state(SPEC_TAA, SPEC_DONE);
    begin(TSX_CTRL, OPT_SPEC_AUTO);
    assert_state(SPEC_V2, SPEC_DONE);
    assert_state(SPEC_TAA, SPEC_OPEN);
}

static void another_processor_refuses_and_it_is_said_once_all_are_up(void **s)
{
    (void)s;
    begin(NONE, OPT_SPEC_AUTO);
    come(PRED_CMD, 0x100);
    assert_said("1 processors refuse what the first one does");
    assert_said(" spectre-v2");
    assert_false(spec_policy.ibpb); /* else the next domain there is a #GP */
    assert_state(SPEC_V2, SPEC_OPEN);
    begin(NONE, OPT_SPEC_AUTO);
    come(TSX_CTRL, 0x99);
    assert_said("1 processors have another microcode");
    assert_said("1 processors refuse");
    assert_state(SPEC_TAA, SPEC_OPEN);
    assert_true(spec_policy.ibpb);
}

/* What force asks for and is not there was open for a better reason. */
static void force_keeps_the_reasons(void **state)
{
    const char *how;

    (void)state;
    begin(PRED_CMD, OPT_SPEC_OFF);
    how = spec_policy.flaw[SPEC_V2].how;
    assert_string_equal(how, "spec=off");
    spec_refused(&spec_policy, SPEC_BY_IBPB);
    assert_ptr_equal(spec_policy.flaw[SPEC_V2].how, how);
    begin(PRED_CMD, OPT_SPEC_FORCE);
    assert_false(spec_policy.ibpb);
    assert_true(spec_policy.verw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_done),
        cmocka_unit_test(an_ibpb_that_is_refused_leaves_open_what_relied_on_it),
        cmocka_unit_test(each_register_has_its_flaws),
        cmocka_unit_test(
            another_processor_refuses_and_it_is_said_once_all_are_up),
        cmocka_unit_test(force_keeps_the_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
