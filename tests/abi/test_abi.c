/* SPDX-License-Identifier: MIT */
/*
 * test_abi: every number, size and offset that include/xen states is the one
 * in the canonical headers. Names each difference.
 */
#include "abi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void the_tables_list_the_same_names(void **state)
{
    (void)state;
    assert_int_equal(abi_nr_ours, abi_nr_theirs);
    for (size_t i = 0; i < abi_nr_ours; i++)
        assert_string_equal(abi_ours[i].name, abi_theirs[i].name);
}

static void every_fact_agrees(void **state)
{
    (void)state;
    size_t differ = 0;
    for (size_t i = 0; i < abi_nr_ours; i++) {
        if (abi_ours[i].value == abi_theirs[i].value)
            continue;
        differ++;
        print_error("%s: ours %lld (%#llx), Xen's %lld (%#llx)\n",
                    abi_ours[i].name, abi_ours[i].value,
                    (unsigned long long)abi_ours[i].value, abi_theirs[i].value,
                    (unsigned long long)abi_theirs[i].value);
    }
    print_message("%zu facts compared\n", abi_nr_ours);
    assert_int_equal(differ, 0);
}

/* The list is generated: were it empty, nothing would fail. */
static void the_list_holds_what_it_must(void **state)
{
    static const char *const must[] = {
        "__HYPERVISOR_mmu_update",
        "MMUEXT_UNMARK_SUPER",
        "sizeof start_info",
        "offset of start_info.console.domU.evtchn",
        "offset of vcpu_guest_context.gs_base_user",
        "size of shared_info.evtchn_mask",
        "offset of xen_memory_exchange.nr_exchanged",
        "XEN_EOPNOTSUPP",
    };
    (void)state;
    for (size_t m = 0; m < sizeof(must) / sizeof(must[0]); m++) {
        size_t i = 0;
        while (i < abi_nr_ours && strcmp(abi_ours[i].name, must[m]))
            i++;
        if (i == abi_nr_ours)
            print_error("not in the list: %s\n", must[m]);
        assert_true(i < abi_nr_ours);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_list_the_same_names),
        cmocka_unit_test(the_list_holds_what_it_must),
        cmocka_unit_test(every_fact_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
