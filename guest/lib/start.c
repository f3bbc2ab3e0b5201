/* SPDX-License-Identifier: MIT */
/*
 * start.c: from the entry point to guest_main() and on to the shutdown.
 */
#include "guest/lib/console.h"
#include "guest/lib/guest.h"

struct start_info *guest_start_info;
uint32_t guest_flagstone;

noreturn_fn void guest_shutdown(enum xen_shutdown reason)
{
    /* The initial domain's poweroff leaves a machine halted, not finished. */
    if (guest_is_initial())
        reason = SHUTDOWN_reboot;
    struct sched_shutdown arg = {reason};
    for (;;)
        hc_sched_op(SCHEDOP_shutdown, &arg);
}

noreturn_fn void bug(const char *file, int line, const char *what)
{
    printk("%s:%d: %s\n", file, line, what);
    report_end(REPORT_ERROR, "assertion of the guest");
}

noreturn_fn void guest_main_entry(struct start_info *si, uint64_t boot_sp);
noreturn_fn void guest_main_entry(struct start_info *si, uint64_t boot_sp)
{
    guest_start_info = si;
    frame_early_init();
    console_init();
    event_init();
    trap_init();
    frame_init(boot_sp);
    int64_t version = hc_flagstone_op(FLAGSTONE_OP_version, NULL);
    guest_flagstone = version > 0 ? (uint32_t)version : 0;
    guest_main();
    report_end(REPORT_SUCCESS, "");
}
