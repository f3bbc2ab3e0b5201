/* SPDX-License-Identifier: MIT */
/*
 * others.c: vCPUs that run all the time, wherever the domain is stopped: they
 * know nothing of it, and go on where they were.
 */
#include "guest/keep/keep.h"

#define PATIENCE UINT64_C(20000000000) /* ns; the machine may be slow */

static volatile uint64_t counts[VCPU_MAX];
static unsigned others;

static noreturn_fn void count(void *arg)
{
    volatile uint64_t *n = arg;
    for (;;)
        ++*n;
}

void others_start(unsigned n)
{
    REQUIRE(n < vcpu_count());
    for (unsigned i = 1; i <= n; i++)
        REQUIRE(vcpu_run(i, count, (void *)(uintptr_t)&counts[i]) == 0);
    others = n;
}

void others_check(void)
{
    const uint64_t end = timer_now() + PATIENCE;
    for (unsigned i = 1; i <= others; i++) {
        const uint64_t was = counts[i];
        report_context("vCPU %u goes on", i);
        while (counts[i] == was)
            REQUIRE(timer_now() < end && timer_sleep(100000) == 0);
    }
    if (others)
        printk("%s: %u other vCPUs go on\n", config.name, others);
}
