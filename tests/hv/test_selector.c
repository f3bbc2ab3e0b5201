/* SPDX-License-Identifier: MIT */
/*
 * Selectors on both kinds of processor: one that clears the base with a null
 * selector, and an older one of AMD's that leaves it as it was, which in the
 * hypervisor is the address of its own per-CPU area.
 */
#include "hv/arch/x86.h"
#include "hv/domain/vcpu.h"
#include "tests/hv/machine.h"

static bool clears, faults;
static uint64_t gs_base, kernel_gs, fs_base;
static const uint64_t descriptor_base = 0x12345000;

static bool load(const char *name, uint16_t sel)
{
    if (name[0] != 'g')
        return true;
    if (faults)
        sel = 0;
    if (sel & ~3)
        gs_base = descriptor_base;
    else if (clears)
        gs_base = 0;
    return !faults;
}

static uint64_t *msr(uint32_t which)
{
    return which == MSR_GS_BASE     ? &gs_base
           : which == MSR_KERNEL_GS ? &kernel_gs
                                    : &fs_base;
}

#undef X86_LOAD_SEL
#define X86_LOAD_SEL(name, sel) load(name, sel)
#define x86_rdmsr(which)        (*msr(which))
#define x86_wrmsr(which, value) (*msr(which) = (value))
#include "hv/domain/selector.c"

static struct vcpu *v;

static int start(void **state)
{
    (void)state;
    machine_make(1, 1);
    v = machine_domain(1)->vcpu[0];
    faults = false;
    gs_base = (uint64_t)this_cpu();
    v->gs_base_user = 77;
    return 0;
}

static int end(void **state)
{
    (void)state;
    machine_end();
    return 0;
}

static void assert_user_base(uint16_t sel, uint64_t base)
{
    for (unsigned i = 0; i < 2; i++) {
        clears = i;
        selector_set_user_gs(v, sel);
        assert_int_equal(v->gs_base_user, base);
        assert_int_equal(gs_base, (uint64_t)this_cpu());
    }
}

static void a_null_selector_has_base_0(void **state)
{
    (void)state;
    for (uint16_t sel = 0; sel < 4; sel++)
        assert_user_base(sel, 0);
}

static void another_has_that_of_its_descriptor(void **state)
{
    (void)state;
    assert_user_base(0x33, descriptor_base);
}

static void one_that_faults_is_null(void **state)
{
    (void)state;
    faults = true;
    assert_user_base(0x33, 0);
}

static void loading_leaves_our_base(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        clears = i;
        v->gs = 0;
        v->in_kernel = true;
        v->gs_base_kernel = 5;
        assert_true(selector_load(v));
        assert_int_equal(gs_base, (uint64_t)this_cpu());
        assert_int_equal(kernel_gs, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_null_selector_has_base_0, start, end),
        cmocka_unit_test_setup_teardown(another_has_that_of_its_descriptor,
                                        start, end),
        cmocka_unit_test_setup_teardown(one_that_faults_is_null, start, end),
        cmocka_unit_test_setup_teardown(loading_leaves_our_base, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
