/* SPDX-License-Identifier: MIT */
/*
 * top.c: the command that shows what each domain does, again and again: what
 * has changed since the last look, over the time between the two.
 */
#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/scenario.h"
#include "guest/control/terminal.h"
#include "guest/lib/guest.h"

#define ROWS     24u /* domains that have a row: those of a terminal */
#define ROUND_NS UINT64_C(1000000000)
#define LOOK_NS  UINT64_C(20000000)

struct look {
    uint64_t ns; /* system time */
    unsigned n;
    struct flagstone_domain d[ROWS];
};

static struct look looks[2];

static bool look(struct look *l)
{
    struct flagstone_machine m;

    if (!ctl_machine(&m))
        return false;
    l->ns = m.ns;
    l->n = 0;
    for (uint32_t id = 0; l->n < ROWS && ctl_next_domain(id, &l->d[l->n]);)
        id = l->d[l->n++].domid + 1;
    return true;
}

static const struct flagstone_domain *find(const struct look *l, uint32_t id)
{
    for (unsigned i = 0; i < l->n; i++)
        if (l->d[i].domid == id)
            return &l->d[i];
    return NULL;
}

/* Per second; the counts only grow. */
static uint64_t rate(uint64_t before, uint64_t now, uint64_t ns)
{
    return now > before && ns ? (now - before) * 1000000000 / ns : 0;
}

static uint64_t percent(uint64_t of, uint64_t all)
{
    return all ? of * 100 / all : 0;
}

static void row(const struct flagstone_domain *d,
                const struct flagstone_domain *was, uint64_t ns)
{
    const struct flagstone_stats *s = &d->stats;
    const uint64_t cpu =
        was && d->cpu_ns > was->cpu_ns ? d->cpu_ns - was->cpu_ns : 0;
    const uint64_t calls =
        was ? rate(was->stats.hypercalls, s->hypercalls, ns) : 0;
    const uint64_t faults = was ? rate(was->stats.faults, s->faults, ns) : 0;
    const uint64_t large =
        percent(s->superpage_maps * BLOCK_FRAMES, s->tot_pages);

    printk("%3u %-15s %3lu.%lu %11lu %11lu %7lu %6lu%% %4lu\n", d->domid,
           d->name, percent(cpu, ns), percent(cpu * 10, ns) % 10, calls, faults,
           s->tot_pages >> 8, large, d->vcpus_up);
    printk("@{\"top\":\"%s\",\"cpu_permille\":%lu,\"hypercalls_per_s\":%lu,"
           "\"faults_per_s\":%lu,\"mib\":%lu,\"large_percent\":%lu}\n",
           d->name, percent(cpu * 10, ns), calls, faults, s->tot_pages >> 8,
           large);
}

static void show(const struct look *was, const struct look *now)
{
    const uint64_t ns = now->ns > was->ns ? now->ns - was->ns : 0;

    printk(
        " id name             cpu %% hypercall/s     fault/s     MiB   large "
        "vcpu\n");
    for (unsigned i = 0; i < now->n; i++)
        row(&now->d[i], find(was, now->d[i].domid), ns);
    if (now->n == ROWS)
        printk("(the first %u)\n", ROWS);
}

/* For a second; false: a key was pressed. */
static bool rest(uint64_t *next)
{
    *next += ROUND_NS;
    while (timer_now() < *next) {
        if (terminal_pressed())
            return false;
        timer_sleep(LOOK_NS);
    }
    return true;
}

static bool run_top(const struct args *a)
{
    const bool forever = !a->slot[0].text;
    uint64_t next = timer_now();

    if (!look(&looks[0]))
        return false;
    if (forever)
        printk("any key ends\n");
    for (uint64_t n = 0; forever || n < a->slot[0].value; n++) {
        if (!rest(&next))
            break;
        if (!look(&looks[(n + 1) % 2]))
            return false;
        show(&looks[n % 2], &looks[(n + 1) % 2]);
    }
    return true;
}

static bool check_top(const struct args *a)
{
    return a->slot[0].text || !scenario_reads() ||
           refuse("top: a scenario has no keys: say how many rounds");
}

const struct command command_top[] = {
    {"top", "[N]",
     "what each domain does, once a second, N times or until a key is pressed",
     run_top, check_top, false},
    {0},
};
