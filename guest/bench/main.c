/* SPDX-License-Identifier: MIT */
/*
 * bench: what each operation costs as the guest sees it, in TSC ticks. Under
 * QEMU's -icount a tick is one instruction, and the figures are exact and
 * repeatable. Each row is the least of several rounds, so that a timer tick
 * of the hypervisor inside one of them does not count.
 */
#include "guest/bench/rows.h"
#include "guest/lib/guest.h"

const char guest_name[] = "bench";

static void row(const char *name, uint64_t ticks, unsigned per)
{
    printk("%-28s %10lu\n", name, ticks);
    printk("@{\"bench\":\"%s\",\"ticks\":%lu,\"per\":%u,\"hv\":\"%s\"}\n", name,
           ticks, per, guest_flagstone ? "flagstone" : "xen");
}

static void print_accounting(void)
{
    struct flagstone_stats s;
    if (!guest_flagstone || hc_flagstone_op(FLAGSTONE_OP_stats, &s))
        return;
    printk("@{\"bench\":\"accounting\",\"bytes\":%lu,\"pages\":%lu}\n",
           s.accounting_bytes, s.tot_pages);
}

void guest_main(void)
{
    print_accounting();
    rows_run(row, ROWS_LEAST);
    CHECK(report_failures == 0);
}
