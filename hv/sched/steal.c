/* SPDX-License-Identifier: MIT */
/* steal.c: see steal.h. */
#include "hv/sched/steal.h"

#include "hv/arch/cpu.h"
#include "hv/sched/queue.h"

#define LEAD 5000000u /* ns: worth the way from one CPU to another */

static unsigned here(void)
{
    return this_cpu()->id;
}

static struct vcpu *from(unsigned cpu)
{
    struct vcpu *v;

    queue_lock_two(here(), cpu);
    v = queue_best(&queues[cpu], here());
    if (v)
        queue_take(&queues[cpu], v, here());
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

/* Of those in q that may run here and are owed more than *most. */
static struct vcpu *most_owed(const struct queue *q,
                              const struct steal_place *p, uint64_t *most)
{
    struct vcpu *found = NULL;

    for (struct vcpu *v = q->first; v; v = v->run_next) {
        const uint64_t lead = owed(v, p);

        if (lead <= *most || !queue_can_run(v) ||
            !cpu_set_has(&v->d->cpus, here()))
            continue;
        found = v;
        *most = lead;
    }
    return found;
}

/* The CPU in whose queue that one is, or cpu_count. */
static unsigned look_round(const struct steal_place *p)
{
    unsigned where = cpu_count;
    uint64_t most = LEAD;

    for (unsigned i = queue_next(0); i < cpu_count; i = queue_next(i + 1)) {
        struct queue *q;

        if (i == here())
            continue;
        q = queue_lock(i);
        if (most_owed(q, p, &most))
            where = i;
        queue_unlock(q);
    }
    return where;
}

struct vcpu *steal_owed(const struct steal_place *p)
{
    const unsigned where = look_round(p);
    uint64_t most = LEAD;
    struct vcpu *v;

    if (where == cpu_count)
        return NULL;
    queue_lock_two(here(), where);
    v = most_owed(&queues[where], p, &most);
    if (v)
        queue_take(&queues[where], v, here());
    queue_unlock_two(here(), where);
    return v;
}
