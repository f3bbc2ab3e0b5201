/* SPDX-License-Identifier: MIT */
/* steal.c: see steal.h. */
#include "hv/sched/steal.h"

#include "hv/arch/cpu.h"
#include "hv/sched/queue.h"

/*
 * ns: worth the way from one CPU to another. Who is next here waits on then: so
 * from a queue that is no longer, which gains nothing by it, only what has been
 * missed by whole turns; and from one that is longer by two, anything.
 */
#define LEAD      5000000u
#define LEAD_EVEN 40000000u

static unsigned here(void)
{
    return this_cpu()->id;
}

static struct vcpu *from(unsigned cpu)
{
    struct vcpu *v;

    queue_lock_two(here(), cpu);
    v = queue_best(&queues[cpu], here());
    if (v && !queue_take(&queues[cpu], v, here()))
        v = NULL;
    queue_unlock_two(here(), cpu);
    return v;
}

struct vcpu *steal_any(void)
{
    const unsigned fullest = queue_fullest(here());
    struct vcpu *v = fullest < cpu_count ? from(fullest) : NULL;

    for (unsigned i = queue_next(0); !v && i < cpu_count; i = queue_next(i + 1))
        if (i != here())
            v = from(i);
    return v;
}

/* --- who is owed much ----------------------------------------------------- */

/* How much less v has had. */
static uint64_t owed(const struct vcpu *v, const struct steal_place *p)
{
    const uint64_t had = v->d == p->d ? v->had : queue_had(v->d);
    const uint64_t than = v->d == p->d ? p->had : p->domain_had;

    return than > had ? than - had : 0;
}

static uint64_t lead_wanted(unsigned from)
{
    const unsigned ours = queue_length(here()), theirs = queue_length(from);

    if (theirs > ours + 1)
        return 0;
    return theirs > ours ? LEAD : LEAD_EVEN;
}

/* Of those in that queue that may run here and are owed more than *most. */
static struct vcpu *most_owed(unsigned cpu, const struct steal_place *p,
                              uint64_t *most)
{
    uint64_t than = MAX(*most, lead_wanted(cpu));
    struct vcpu *found = NULL;

    for (struct vcpu *v = queues[cpu].first; v; v = v->run_next) {
        const uint64_t lead = owed(v, p);

        if (lead <= than || !queue_can_run(v) ||
            !cpu_set_has(&v->d->cpus, here()))
            continue;
        found = v;
        than = *most = lead;
    }
    return found;
}

/* The CPU in whose queue that one is, or cpu_count. */
static unsigned look_round(const struct steal_place *p)
{
    unsigned where = cpu_count;
    uint64_t most = 0;

    for (unsigned i = queue_next(0); i < cpu_count; i = queue_next(i + 1)) {
        struct queue *q;

        if (i == here())
            continue;
        q = queue_lock(i);
        if (most_owed(i, p, &most))
            where = i;
        queue_unlock(q);
    }
    return where;
}

struct vcpu *steal_owed(const struct steal_place *p)
{
    const unsigned where = look_round(p);
    uint64_t most = 0;
    struct vcpu *v;

    if (where == cpu_count)
        return NULL;
    queue_lock_two(here(), where);
    v = most_owed(where, p, &most);
    if (v && !queue_take(&queues[where], v, here()))
        v = NULL;
    queue_unlock_two(here(), where);
    return v;
}
