/* SPDX-License-Identifier: MIT */
/*
 * others.c: the vCPUs beside the first, each in one of the address spaces, by
 * turns. Some run all the time, wherever the domain is stopped: they know
 * nothing of it, and go on where they were. The others are down until all
 * memory is looked at; each looks through its space, beside the first vCPU.
 */
#include "guest/keep/keep.h"

#define PATIENCE    UINT64_C(20000000000) /* ns; the machine may be slow */
#define PATIENCE_MS 600000u               /* for all memory to be looked at */

static volatile uint64_t counts[VCPU_MAX];
static struct memory_look looks[VCPU_MAX];

static const struct space *space_of(unsigned vcpu)
{
    return space_nth(vcpu % space_count());
}

static noreturn_fn void count(void *arg)
{
    volatile uint64_t *n = arg;
    space_switch(space_of((unsigned)(n - counts)));
    for (;;)
        ++*n;
}

/* What is said at the command line is not believed: there are so many vCPUs. */
void others_start(void)
{
    const unsigned n = vcpu_count() - 1;
    if (config.busy > n || config.helpers > n - config.busy)
        report_end(REPORT_ERROR, "busy= and helpers= need more vCPUs");
    for (unsigned i = 1; i <= config.busy; i++)
        REQUIRE(vcpu_run(i, count, (void *)(uintptr_t)&counts[i]) == 0);
    if (config.helpers) /* so that each has been up, and has its space */
        memory_check_all("start");
}

void others_check(void)
{
    const uint64_t end = timer_now() + PATIENCE;
    for (unsigned i = 1; i <= config.busy; i++) {
        const uint64_t was = counts[i];
        report_context("vCPU %u goes on", i);
        while (counts[i] == was)
            REQUIRE(timer_now() < end && timer_sleep(100000) == 0);
    }
    if (config.busy)
        printk("%s: %u other vCPUs go on\n", config.name, config.busy);
}

/* --- those that look ------------------------------------------------------ */

static void look(void *arg)
{
    memory_look(arg);
}

void helpers_begin(void)
{
    for (unsigned i = config.busy + 1; i <= config.busy + config.helpers; i++) {
        looks[i].space = space_of(i);
        REQUIRE(vcpu_run(i, look, &looks[i]) == 0);
    }
}

void helpers_end(uint64_t pages)
{
    for (unsigned i = config.busy + 1; i <= config.busy + config.helpers; i++) {
        report_context("vCPU %u looks at memory", i);
        REQUIRE(vcpu_wait(i, PATIENCE_MS));
        CHECK_EQ(memory_looked(&looks[i]), pages);
    }
}
