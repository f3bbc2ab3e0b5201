/* SPDX-License-Identifier: MIT */
/*
 * status_line.c: how busy processors are is the time of all vCPUs since the
 * last look over the time that has passed; that of a domain that has gone
 * meanwhile is not in it.
 */
#include "hv/svc/console/status_line.h"

#include "hv/arch/cpu.h"
#include "hv/arch/memory.h"
#include "hv/base/print.h"
#include "hv/dev/clock.h"
#include "hv/sched/runstate.h"
#include "hv/svc/console/console.h"

#define SECOND_NS UINT64_C(1000000000)

struct look {
    uint64_t ns, cpu_ns;
    unsigned domains;
};

static void count(struct look *l, const struct domain *d)
{
    struct vcpu_runstate_info r;

    l->domains += d->started;
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        runstate_get(d->vcpu[i], &r);
        l->cpu_ns += r.time[RUNSTATE_running];
    }
}

static unsigned busy_percent(const struct look *was, const struct look *now)
{
    const uint64_t passed = (now->ns - was->ns) * cpu_count;
    const uint64_t ran =
        now->cpu_ns > was->cpu_ns ? now->cpu_ns - was->cpu_ns : 0;

    return passed ? (unsigned)MIN(ran * 100 / passed, UINT64_C(100)) : 0;
}

static void show(const struct look *was, const struct look *now)
{
    const struct alloc_stats a = alloc_stats(&hv_mm);
    char text[81];

    print_format(text, sizeof(text),
                 "domains %u | blocks %lu of %lu free | CPUs %u, %u%% busy | "
                 "page up, page down",
                 now->domains, a.free, a.total, cpu_count,
                 busy_percent(was, now));
    console_status(text);
}

static struct look last;

static void show_now(void)
{
    struct look now = {.ns = clock_now_ns()};

    if (!console_on_screen())
        return;
    for (const struct domain *d = domain_list; d; d = d->next)
        count(&now, d);
    show(&last, &now);
    last = now;
}

void status_line_tick(void)
{
    if (!last.ns || clock_now_ns() - last.ns >= SECOND_NS)
        show_now();
}
