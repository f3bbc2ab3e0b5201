/* SPDX-License-Identifier: MIT */
/*
 * The policy of MSRs: those that kernels read as they boot are answered, on
 * processors of both vendors, as Xen 4.17 answers an ordinary domain; what a
 * write does is one of three things for each; the rest is #GP.
 */
#include <string.h>

#include "tests/hv/check.h"

#include "hv/x86.h"

static uint64_t machine[16];
static bool machine_has = true;

static uint64_t fake_rdmsr(uint32_t msr)
{
    return machine[msr % 16];
}

static bool fake_rdmsr_safe(uint32_t msr, uint64_t *v)
{
    *v = machine[msr % 16];
    return machine_has;
}

static void fake_wrmsr(uint32_t msr, uint64_t v)
{
    machine[msr % 16] = v;
}

#define x86_rdmsr      fake_rdmsr
#define x86_rdmsr_safe fake_rdmsr_safe
#define x86_wrmsr      fake_wrmsr
#include "hv/msr.c"

struct cpu_features cpu_features;

/* --- what a write to the hypercall page's MSR wants of others ------------- */

enum err type_get(struct mm_op *op, mfn_t m, enum frame_type t)
{
    (void)op;
    (void)m;
    (void)t;
    return ERR_INVAL;
}

void type_put_later(struct mm_op *op, mfn_t m)
{
    (void)op;
    (void)m;
    fail();
}

void hypercall_page_fill(void *page)
{
    (void)page;
    fail();
}

bool mm_discharge(struct mm *mm)
{
    (void)mm;
    fail();
    return false;
}

/* --- what kernels read -----------------------------------------------------
 */

enum { I = 1, A = 2, BOTH = 3, NOBODY = 0 };
#define MACHINE (~UINT64_C(0))

/*
 * By Linux 5.10 to 7.3 as a paravirtual guest, on the processors that QEMU
 * has; where, and what Xen answers: value, or the machine's own.
 */
static const struct {
    uint32_t msr;
    unsigned known; /* on whose processors; the others get #GP */
    uint64_t value;
} booting[] = {
    {0x10, BOTH, MACHINE},     /* TSC */
    {0x17, I, MACHINE},        /* microcode, from 7.2 on without asking */
    {0x1b, BOTH, 0xfee00900},  /* the APIC's base, of vCPU 0 */
    {0x3a, I, 1},              /* FEAT_CTL: VMX and SGX */
    {0x8b, BOTH, MACHINE},     /* revision of the microcode */
    {0xc1, I, 0},              /* perf, to see whether it counts */
    {0xce, BOTH, 0},           /* PLATFORM_INFO: CPUID faulting */
    {0x10a, NOBODY, 0},        /* ARCH_CAPABILITIES: CPUID hides it */
    {0x140, BOTH, 0},          /* MISC_FEATURES_ENABLES */
    {0x186, I, 0},             /* perf */
    {0x1a0, BOTH, 0x1801},     /* MISC_ENABLE */
    {0x277, BOTH, MACHINE},    /* PAT */
    {0x309, I, 0},             /* perf */
    {0x345, BOTH, 0},          /* PERF_CAPABILITIES */
    {0x38d, I, 0},             /* perf */
    {0x606, NOBODY, 0},        /* RAPL: asked for with an exception */
    {0xc0000080, BOTH, 0xd01}, /* EFER */
    {0xc0010000, A, 0},        /* perf */
    {0xc0010004, A, 0},        /* perf */
    {0xc0010015, A, 0},        /* HWCR, where the TSC is invariant */
    {0xc0010064, A, 0},        /* P-state 0 */
    {0xc0010200, A, 0},        /* perf */
    {0xc0011029, A, 2},        /* DE_CFG: LFENCE */
};

static struct mm_owed nothing;
static struct mm mm = {.owed = &nothing};
static struct domain domain = {.mm.mm = &mm};
static struct vcpu vcpu = {.d = &domain};

static void be(const char *vendor)
{
    memcpy(cpu_features.vendor, vendor, 13);
}

static void check_boot(unsigned who)
{
    for (unsigned i = 0; i < ARRAY_SIZE(booting); i++) {
        uint64_t value = 0x4711;
        bool ok;

        if (booting[i].msr == 0x10)
            continue; /* read by RDTSC */
        ok = msr_read(&vcpu, booting[i].msr, &value);
        if (ok != !!(booting[i].known & who))
            fail_msg("MSR %x", booting[i].msr);
        if (ok)
            assert_int_equal(value, booting[i].value == MACHINE
                                        ? machine[booting[i].msr % 16]
                                        : booting[i].value);
    }
}

static void kernels_read_what_they_would_on_xen(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(machine); i++)
        machine[i] = 0x1111 * (i + 1);
    be("GenuineIntel");
    check_boot(I);
    be("AuthenticAMD");
    check_boot(A);
    be("HygonGenuine");
    check_boot(A);
}

/* An emulator may have none: a fault for the guest then, not for us. */
static void what_the_machine_has_not_is_a_fault(void **state)
{
    uint64_t value;

    (void)state;
    be("GenuineIntel");
    machine_has = false;
    assert_false(msr_read(&vcpu, 0x17, &value));
    machine_has = true;
}

/* --- the table --------------------------------------------------------------
 */

static void each_has_one_rule(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
        assert_true(rules[i].first <= rules[i].last);
        assert_true(!i || rules[i].first > rules[i - 1].last);
    }
}

/* What is neither refused nor what is there already has no effect at all. */
static void writes_are_refused_or_change_nothing(void **state)
{
    const uint64_t some[] = {0, 1, 2, 0x1801, 0xd01, BIT(63), ~UINT64_C(0)};

    (void)state;
    be("GenuineIntel");
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++)
        for (unsigned j = 0; j < ARRAY_SIZE(some); j++) {
            uint32_t msr = rules[i].first;
            uint64_t before = 0, after = 0;
            bool there = msr_read(&vcpu, msr, &before);
            bool ok = msr_write(&vcpu, msr, some[j]);

            assert_int_equal(msr_read(&vcpu, msr, &after), there);
            assert_int_equal(before, after);
            assert_int_equal(
                ok, there && (rules[i].write == DROPPED ||
                              (rules[i].write == SAME && some[j] == before)));
        }
}

static void bases_are_canonical(void **state)
{
    uint64_t value;

    (void)state;
    for (uint32_t msr = MSR_FS_BASE; msr <= MSR_KERNEL_GS; msr++) {
        assert_false(msr_write(&vcpu, msr, BIT(47)));
        assert_true(msr_write(&vcpu, msr, BIT(46)));
        assert_true(msr_read(&vcpu, msr, &value));
        assert_int_equal(value, BIT(46));
    }
}

/* Nobody has lines for these, and nobody gets at the machine's by them. */
static void the_rest_is_a_fault(void **state)
{
    uint64_t value;
    unsigned known = 0;

    (void)state;
    be("GenuineIntel");
    for (uint32_t msr = 0; msr < 0x2000; msr++)
        known += msr != 0x10 && msr_read(&vcpu, msr, &value);
    for (uint32_t msr = 0xc0000000; msr < 0xc0020000; msr++)
        known += msr_read(&vcpu, msr, &value);
    assert_int_equal(known, 4 + 27 + 4);
    assert_false(msr_write(&vcpu, 0x40000000, 1));
    assert_false(msr_write(&vcpu, 0x40000000, PAGE_SIZE));
    assert_false(msr_write(&vcpu, 0x17, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_read_what_they_would_on_xen),
        cmocka_unit_test(what_the_machine_has_not_is_a_fault),
        cmocka_unit_test(each_has_one_rule),
        cmocka_unit_test(writes_are_refused_or_change_nothing),
        cmocka_unit_test(bases_are_canonical),
        cmocka_unit_test(the_rest_is_a_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
