/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * hello: the smallest guest: says where it is, that time passes, goodbye.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "hello";

static void print_version(void)
{
    char extra[XEN_EXTRAVERSION_LEN] = "";
    int64_t version = hc_xen_version(XENVER_version, NULL);
    CHECK(version > 0);
    CHECK_EQ(hc_xen_version(XENVER_extraversion, extra), 0);
    extra[sizeof(extra) - 1] = '\0';
    printk("interface %ld.%ld%s, %s\n", version >> 16, version & 0xffff, extra,
           guest_flagstone ? "Flagstone" : "Xen");
}

static void print_memory(void)
{
    domid_t self = DOMID_SELF;
    int64_t pages = hc_memory_op(XENMEM_current_reservation, &self);
    printk("%s: %lu pages, %ld reserved, %lu free here\n",
           guest_start_info->magic, guest_start_info->nr_pages, pages,
           frame_available());
    CHECK(pages >= (int64_t)guest_start_info->nr_pages);
}

static void print_time(void)
{
    uint32_t ns;
    uint64_t before = timer_now();
    CHECK_EQ(timer_sleep(20000000), 0);
    uint64_t passed = timer_now() - before;
    uint64_t wall = timer_wall_clock(&ns);
    printk("wall clock %lu.%09u, slept %lu us\n", wall, ns, passed / 1000);
    CHECK(passed >= 20000000);
    CHECK(passed < 5000000000);
    CHECK(wall > 1577836800); /* 2020: an unset clock says 1970 */
}

void guest_main(void)
{
    printk("Hello from a paravirtual guest: '%s'\n",
           guest_start_info->cmd_line);
    print_version();
    print_memory();
    print_time();
}
