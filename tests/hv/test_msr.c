/* SPDX-License-Identifier: MIT */
/*
 * The policy of MSRs: those that kernels read as they boot are answered, on
 * processors of both vendors, as Xen 4.17 answers an ordinary domain; what a
 * write does is one of three things for each; the rest is #GP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/hv/check.h"

#include "hv/arch/x86.h"

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
#include "hv/trap/msr.c"

struct cpu_features cpu_features;

/* --- what a write to the hypercall page's MSR wants of others ------------- */

enum err type_get(struct mm_op *op, mfn_t m, enum frame_type t)
{
    (void)op;
    (void)m;
    (void)t;
    return ERR_INVAL;
}

void type_put_deferred(struct mm_op *op, mfn_t m)
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

struct mm_owed *port_owed(const struct mm *of)
{
    return of->owed;
}

void port_lock_wait(struct lock *l, bool taken)
{
    fail_msg("%p is %s", (void *)l, taken ? "claimed" : "held");
}

bool mm_discharge(struct mm *mm)
{
    (void)mm;
    fail();
    return false;
}

/* --- what kernels read ---------------------------------------------------- */

/*
 * The list of docs/abi-honoured.md, taken from a log: in hexadecimal the MSR,
 * then what is read from it on Intel's processors and on AMD's, and what
 * becomes of the write that was seen. `machine`: the processor's own; `own`:
 * the vCPU's; `-`: not seen.
 */
#define LIST "docs/abi-honoured.md"

struct line {
    unsigned msr;
    char intel[24], amd[24], write[24];
    uint64_t written;
};

static bool take_line(FILE *f, struct line *l)
{
    char text[512];

    while (fgets(text, sizeof(text), f)) {
        l->written = 0;
        if (sscanf(text, "| `%x` | %23s | %23s | %23[^ |] %lx |", &l->msr,
                   l->intel, l->amd, l->write, &l->written) >= 4)
            return true;
    }
    return false;
}

static struct mm_owed nothing;
static struct mm mm = {.owed = &nothing};
static struct domain domain = {.mm.mm = &mm};
static struct vcpu vcpu = {.d = &domain, .traps[VEC_GP].address = 1};

enum maker { INTELS, AMDS };

static void be(enum maker m)
{
    cpu_features.intel = m == INTELS;
    cpu_features.amd = m == AMDS;
}

static void check_read(unsigned msr, const char *answer)
{
    uint64_t value = 0x4711;
    bool ok = msr_read(&vcpu, msr, &value);

    if (ok != !!strcmp(answer, "#GP"))
        fail_msg("MSR %x", msr);
    if (!ok)
        return;
    if (!strcmp(answer, "machine"))
        assert_int_equal(value, machine[msr % 16]);
    else if (value != strtoull(answer, NULL, 16))
        fail_msg("MSR %x is %lx", msr, value);
}

static void check_line(const struct line *l, const char *answer)
{
    if (!strcmp(answer, "-"))
        return;
    if (strcmp(answer, "own"))
        check_read(l->msr, answer);
    if (strcmp(l->write, "-"))
        assert_int_equal(msr_write(&vcpu, l->msr, l->written),
                         !!strcmp(l->write, "#GP"));
}

static void check_list(bool amd)
{
    FILE *f = fopen(LIST, "r");
    struct line l;
    unsigned n = 0;

    assert_non_null(f);
    for (; take_line(f, &l); n++)
        check_line(&l, amd ? l.amd : l.intel);
    assert_true(n > 20);
    fclose(f);
}

static void kernels_read_what_they_would_on_xen(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(machine); i++)
        machine[i] = 0x1111 * (i + 1);
    machine[MSR_MISC_ENABLE % 16] = 1;
    machine[MSR_PAT % 16] = UINT64_C(0x50100070406);
    be(INTELS);
    check_list(false);
    be(AMDS);
    check_list(true);
}

/* The processor's own, less the counters and MONITOR; no BTS, PEBS, xTPR. */
static void misc_enable_is_the_machines(void **state)
{
    uint64_t value;

    (void)state;
    machine[MSR_MISC_ENABLE % 16] = ~UINT64_C(0x801800);
    assert_true(msr_read(&vcpu, MSR_MISC_ENABLE, &value));
    assert_int_equal(value, ~UINT64_C(0x40080));
    assert_true(msr_write(&vcpu, MSR_MISC_ENABLE, 0));
    assert_int_equal(machine[MSR_MISC_ENABLE % 16], ~UINT64_C(0x801800));
    machine_has = false;
    assert_false(msr_read(&vcpu, MSR_MISC_ENABLE, &value));
    assert_false(msr_write(&vcpu, MSR_MISC_ENABLE, 0));
    machine_has = true;
}

/* As on Xen: 0, unless the machine has no such MSR; writes fault. */
static void who_cannot_take_a_fault_yet_gets_none(void **state)
{
    uint64_t value = 1;

    (void)state;
    vcpu.traps[VEC_GP].address = 0;
    assert_true(msr_read(&vcpu, 0x34, &value));
    assert_int_equal(value, 0);
    assert_false(msr_write(&vcpu, 0x34, 0));
    assert_false(msr_read(&vcpu, 0x40000001, &value));
    machine_has = false;
    assert_false(msr_read(&vcpu, 0x34, &value));
    machine_has = true;
    vcpu.traps[VEC_GP].address = 1;
}

/* An emulator may have none: a fault for the guest then, not for us. */
static void what_the_machine_has_not_is_a_fault(void **state)
{
    uint64_t value;

    (void)state;
    be(INTELS);
    machine_has = false;
    assert_false(msr_read(&vcpu, 0x17, &value));
    machine_has = true;
}

/* --- the table ------------------------------------------------------------ */

static void each_has_one_rule(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
        assert_true(rules[i].first <= rules[i].last);
        assert_true(!i || rules[i].first > rules[i - 1].last ||
                    (rules[i].first == rules[i - 1].first &&
                     rules[i].last == rules[i - 1].last &&
                     rules[i].who != rules[i - 1].who));
    }
}

/* What is neither refused nor what is there already has no effect at all. */
static void writes_are_refused_or_change_nothing(void **state)
{
    const uint64_t some[] = {0, 1, 2, 0x1801, 0xd01, BIT(63), ~UINT64_C(0)};

    (void)state;
    be(INTELS);
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
    be(INTELS);
    for (uint32_t msr = 0; msr < 0x2000; msr++)
        known += msr != 0x10 && msr_read(&vcpu, msr, &value);
    for (uint32_t msr = 0xc0000000; msr < 0xc0020000; msr++)
        known += msr_read(&vcpu, msr, &value);
    assert_int_equal(known, 4 + 27 + 4 + 2 + 3 + 32 + 128 + 1);
    assert_false(msr_write(&vcpu, 0x40000000, 1));
    assert_false(msr_write(&vcpu, 0x40000000, PAGE_SIZE));
    assert_false(msr_write(&vcpu, 0x17, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_read_what_they_would_on_xen),
        cmocka_unit_test(misc_enable_is_the_machines),
        cmocka_unit_test(who_cannot_take_a_fault_yet_gets_none),
        cmocka_unit_test(what_the_machine_has_not_is_a_fault),
        cmocka_unit_test(each_has_one_rule),
        cmocka_unit_test(writes_are_refused_or_change_nothing),
        cmocka_unit_test(bases_are_canonical),
        cmocka_unit_test(the_rest_is_a_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
