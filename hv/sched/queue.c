/* SPDX-License-Identifier: MIT */
/*
 * queue.c: see queue.h. A queue is in the order in which vCPUs came: of those
 * that have had as much the first is taken. It is searched, since what a domain
 * has had grows on all CPUs at once.
 */
#include "hv/sched/queue.h"

#include "hv/arch/cpu.h"
#include "hv/sched/turn.h"

struct queue queues[CPU_MAX];

/* In whose queue there is one that may run anywhere; one that may not. */
static struct cpu_mask waiting[2];

void queue_init(void)
{
    for (unsigned i = 0; i < CPU_MAX; i++)
        spin_init(&queues[i].lock, LOCKDEP_QUEUE, i);
}

/* --- locks ---------------------------------------------------------------- */

static unsigned home(const struct vcpu *v)
{
    return __atomic_load_n(&v->home, __ATOMIC_RELAXED);
}

struct queue *queue_lock_home(const struct vcpu *v)
{
    for (;;) {
        const unsigned cpu = home(v);
        struct queue *q = queue_lock(cpu);

        if (likely(home(v) == cpu))
            return q;
        queue_unlock(q);
    }
}

void queue_lock_two(unsigned a, unsigned b)
{
    (void)queue_lock(MIN(a, b));
    if (a != b)
        (void)queue_lock(MAX(a, b));
}

void queue_unlock_two(unsigned a, unsigned b)
{
    queue_unlock(&queues[a]);
    if (a != b)
        queue_unlock(&queues[b]);
}

/* --- one queue ------------------------------------------------------------ */

static unsigned cpu_of_queue(const struct queue *q)
{
    return (unsigned)(q - queues);
}

/* Whoever looks for one without a lock sees it by the mask. */
static void count(struct queue *q, const struct domain *d, unsigned by)
{
    const bool bound = cpu_set_says(&d->cpus);
    const unsigned nr = q->nr[bound] + by;

    __atomic_store_n(&q->nr[bound], nr, __ATOMIC_RELAXED);
    if (nr == 0)
        (void)cpu_mask_drop(&waiting[bound], cpu_of_queue(q));
    else if (nr == 1 && by == 1)
        cpu_mask_put(&waiting[bound], cpu_of_queue(q));
}

void queue_put(struct queue *q, struct vcpu *v)
{
    const uint64_t had = queue_had(v->d);

    ASSERT(!v->queued && !v->held);
    __atomic_store_n(&q->least, queue_empty(q) ? had : MIN(q->least, had),
                     __ATOMIC_RELAXED);
    v->run_next = NULL;
    v->run_prev = q->last;
    *(q->last ? &q->last->run_next : &q->first) = v;
    q->last = v;
    v->queued = true;
    __atomic_fetch_add(&v->d->waiting, 1, __ATOMIC_RELAXED);
    count(q, v->d, 1);
}

static uint64_t least(const struct queue *q)
{
    uint64_t had = ~UINT64_C(0);

    for (const struct vcpu *v = q->first; v; v = v->run_next)
        had = MIN(had, queue_had(v->d));
    return had;
}

void queue_remove(struct queue *q, struct vcpu *v)
{
    ASSERT(v->queued);
    *(v->run_prev ? &v->run_prev->run_next : &q->first) = v->run_next;
    *(v->run_next ? &v->run_next->run_prev : &q->last) = v->run_prev;
    v->queued = false;
    __atomic_fetch_sub(&v->d->waiting, 1, __ATOMIC_RELAXED);
    count(q, v->d, -1u);
    __atomic_store_n(&q->least, least(q), __ATOMIC_RELAXED);
}

bool queue_take(struct queue *q, struct vcpu *v, unsigned to)
{
    queue_remove(q, v);
    v->held = true;
    __atomic_store_n(&v->home, to, __ATOMIC_RELAXED);
    if (likely(domain_hold(v->d)))
        return true;
    queue_let_go(v);
    return false;
}

void queue_let_go(struct vcpu *v)
{
    v->held = false;
    if (unlikely(domain_let_go(v->d)))
        turn_my()->settles = true;
}

struct vcpu *queue_best(struct queue *q, unsigned cpu)
{
    struct vcpu *best = NULL;

    for (struct vcpu *v = q->first, *next; v; v = next) {
        next = v->run_next;
        if (!queue_can_run(v))
            queue_remove(q, v);
        else if (cpu_set_has(&v->d->cpus, cpu) &&
                 (!best || queue_before(v, best)))
            best = v;
    }
    return best;
}

uint64_t queue_least_of(const struct queue *q, const struct domain *d,
                        uint64_t had)
{
    for (const struct vcpu *v = q->first; v; v = v->run_next)
        if (v->d == d)
            had = MIN(had, v->had);
    return had;
}

bool queue_move(struct vcpu *v, unsigned to)
{
    const unsigned from = home(v);
    bool waits;

    queue_lock_two(from, to);
    waits = v->queued && home(v) == from;
    if (waits && from != to) {
        queue_remove(&queues[from], v);
        __atomic_store_n(&v->home, to, __ATOMIC_RELAXED);
        queue_put(&queues[to], v);
    }
    queue_unlock_two(from, to);
    return waits;
}

/* --- all of them ---------------------------------------------------------- */

static uint64_t word(unsigned i)
{
    return __atomic_load_n(&waiting[0].word[i], __ATOMIC_SEQ_CST) |
           __atomic_load_n(&waiting[1].word[i], __ATOMIC_SEQ_CST);
}

unsigned queue_next(unsigned from)
{
    for (; from < cpu_count; from = (from / 64 + 1) * 64) {
        const uint64_t w = word(from / 64) >> from % 64;

        if (w)
            return from + (unsigned)__builtin_ctzll(w);
    }
    return cpu_count;
}

bool queue_elsewhere_slow(unsigned cpu)
{
    for (unsigned i = 0; i * 64 < cpu_count; i++)
        if (word(i) & ~(i == cpu / 64 ? BIT(cpu % 64) : 0))
            return true;
    return false;
}

uint64_t queue_least_elsewhere(unsigned cpu)
{
    uint64_t had = ~UINT64_C(0);

    for (unsigned i = queue_next(0); i < cpu_count; i = queue_next(i + 1))
        if (i != cpu)
            had = MIN(had, __atomic_load_n(&queues[i].least, __ATOMIC_RELAXED));
    return had;
}

unsigned queue_fullest(unsigned but)
{
    unsigned fullest = cpu_count, most = 0;

    for (unsigned i = queue_next(0); i < cpu_count; i = queue_next(i + 1))
        if (i != but && queue_length(i) > most) {
            fullest = i;
            most = queue_length(i);
        }
    return fullest;
}

/* One of those that may not run everywhere. */
static bool one_may(unsigned in, unsigned cpu)
{
    struct queue *q = queue_lock(in);
    const struct vcpu *v = q->first;

    while (v && !cpu_set_has(&v->d->cpus, cpu))
        v = v->run_next;
    queue_unlock(q);
    return v;
}

bool queue_waits_for_slow(unsigned cpu)
{
    unsigned i = cpu_mask_next(&waiting[0], 0, cpu_count);

    if (i < cpu_count)
        return true;
    i = cpu_mask_next(&waiting[1], 0, cpu_count);
    while (i < cpu_count && !one_may(i, cpu))
        i = cpu_mask_next(&waiting[1], i + 1, cpu_count);
    return i < cpu_count;
}
