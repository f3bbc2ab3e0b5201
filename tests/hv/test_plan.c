/* SPDX-License-Identifier: MIT */
/* Where a guest's first things lie, and when there is no place for them. */
#include "tests/hv/check.h"

#include "tests/hv/plan_check.h"
#include <string.h>

#define MIB (UINT64_C(1) << 20)

static struct elf_kernel kernel;
static struct plan plan;
static const char *why;

static int make(void **state)
{
    (void)state;
    kernel = (struct elf_kernel){
        .virt_base = UINT64_C(0xffffffff80000000),
        .start = UINT64_C(0xffffffff80100000),
        .end = UINT64_C(0xffffffff80172345),
        .hypercall_page = ELF_ABSENT,
        .init_p2m = ELF_ABSENT,
    };
    return 0;
}

static enum err plan_for(uint64_t mib, uint64_t initrd)
{
    uint64_t pages = mib << 8;
    enum err rc = plan_make(&plan, &kernel, pages, initrd, &why);

    if (rc == ERR_NONE)
        assert_int_equal(plan_broken(&plan, &kernel, pages, initrd), 0);
    else
        assert_non_null(why);
    return rc;
}

static void tables_of_a_range(void **state)
{
    (void)state;
    assert_int_equal(plan_count_tables(0, 4096), 3);
    assert_int_equal(plan_count_tables(0, 2 * MIB), 3);
    assert_int_equal(plan_count_tables(0, 2 * MIB + 1), 4);
    assert_int_equal(plan_count_tables(2 * MIB - 1, 2 * MIB + 1), 4);
    assert_int_equal(plan_count_tables((1024 * MIB) - 4096, 1024 * MIB + 4096),
                     2 + 2 + 1);
    assert_int_equal(plan_count_tables(-(4 * MIB), -4096ul), 2 + 1 + 1);
}

static void the_order_is_xens(void **state)
{
    (void)state;
    assert_int_equal(plan_for(64, 0), ERR_NONE);
    assert_int_equal(plan.p2m.pfn, 0x173);
    assert_int_equal(plan.p2m.count, 32);
    assert_int_equal(plan.start_info.pfn, 0x193);
    assert_int_equal(plan.store.pfn, 0x194);
    assert_int_equal(plan.console.pfn, 0x195);
    assert_int_equal(plan.tables.pfn, 0x196);
    /* 4 MiB: two L1, and one each of the others. */
    assert_int_equal(plan.tables.count, 5);
    assert_int_equal(plan.stack.pfn, 0x19b);
    assert_int_equal(plan.mapped_pages, 1024);
    assert_int_equal(plan.used_pages, 1024);
}

static void the_initrd_is_mapped_or_not(void **state)
{
    (void)state;
    assert_int_equal(plan_for(64, 5 * MIB + 1), ERR_NONE);
    assert_int_equal(plan.initrd.pfn, 0x173);
    assert_int_equal(plan.initrd.va, kernel.virt_base + 0x173000);
    assert_int_equal(plan.initrd.count, 5 * 256 + 1);
    kernel.mod_start_pfn = true;
    assert_int_equal(plan_for(64, 5 * MIB + 1), ERR_NONE);
    assert_int_equal(plan.initrd.va, 0);
    assert_int_equal(plan.initrd.pfn, 1024);
    assert_int_equal(plan.used_pages, 1024 + 5 * 256 + 1);
}

static void the_p2m_goes_where_it_is_wanted(void **state)
{
    (void)state;
    kernel.init_p2m = UINT64_C(0x8000000000);
    assert_int_equal(plan_for(1024, 0), ERR_NONE);
    assert_int_equal(plan.p2m.va, kernel.init_p2m);
    assert_int_equal(plan.p2m.count, 512);
    assert_int_equal(plan.p2m_tables.count, 3);
    assert_int_equal(plan.p2m.pfn, plan.mapped_pages);
    kernel.init_p2m = kernel.virt_base + 4 * MIB; /* right behind */
    assert_int_equal(plan_for(1024, 0), ERR_NONE);
    kernel.init_p2m -= 4096;
    assert_int_equal(plan_for(1024, 0), ERR_INVAL);
    assert_non_null(strstr(why, "over its start"));
    kernel.init_p2m = HV_VA_START - 4096 * 256;
    assert_int_equal(plan_for(1024, 0), ERR_INVAL);
    assert_non_null(strstr(why, "does not fit"));
}

static void too_little_memory(void **state)
{
    (void)state;
    assert_int_equal(plan_for(4, 0), ERR_NONE);
    assert_int_equal(plan_for(2, 0), ERR_NOMEM);
    assert_int_equal(plan.used_pages, 1024);
    assert_int_equal(plan_for(64, 64 * MIB), ERR_NOMEM);
    assert_int_equal(plan_for(64, UINT64_C(1) << 40), ERR_INVAL);
    kernel.mod_start_pfn = true;
    assert_int_equal(plan_for(64, UINT64_C(1) << 40), ERR_NOMEM);
    assert_int_equal(plan_for(64, ~UINT64_C(0)), ERR_INVAL);
}

static void the_top_of_the_address_space(void **state)
{
    (void)state;
    assert_int_equal(plan_for(4096, 2000 * MIB), ERR_NONE);
    assert_int_equal(plan_for(4096, 2047 * MIB), ERR_INVAL);
    assert_non_null(strstr(why, "does not fit"));
}

static void the_hole_and_the_hypervisor(void **state)
{
    (void)state;
    kernel.virt_base = BIT(47) - 8 * MIB;
    kernel.start = kernel.virt_base;
    kernel.end = kernel.virt_base + MIB;
    assert_int_equal(plan_for(64, MIB), ERR_NONE);
    assert_int_equal(plan_for(64, 7 * MIB), ERR_INVAL);
    kernel.virt_base = 0;
    kernel.end = MIB;
    assert_int_equal(plan_for(64, 0), ERR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tables_of_a_range, make),
        cmocka_unit_test_setup(the_order_is_xens, make),
        cmocka_unit_test_setup(the_initrd_is_mapped_or_not, make),
        cmocka_unit_test_setup(the_p2m_goes_where_it_is_wanted, make),
        cmocka_unit_test_setup(too_little_memory, make),
        cmocka_unit_test_setup(the_top_of_the_address_space, make),
        cmocka_unit_test_setup(the_hole_and_the_hypervisor, make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
