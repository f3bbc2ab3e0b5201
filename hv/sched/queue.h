/* SPDX-License-Identifier: MIT */
/*
 * queue.h: the vCPUs that wait for a CPU: each in the queue of one, its home,
 * where it ran last or was placed.
 *
 * Invariants: v is in a queue exactly while v->queued, and that queue is the
 * one of v->home. v->held says that the CPU of its home has it: runs it, has it
 * loaded while idle, or is about to load it or put it back; who is held is in
 * no queue, so whoever takes v out of one has it alone. home, queued, held,
 * run_next, run_prev, had and the runstate change under the lock of v's home
 * only, and home under those of the old and the new one. v->state does too, but
 * for v's own way to sleep (sched_sleep()).
 *
 * Two locks are taken in the order of their CPUs' ids, below hv_lock; nothing
 * is taken below them, and their holder waits for nobody.
 */
#pragma once

#include "hv/arch/cpu.h"
#include "hv/base/cpu_mask.h"
#include "hv/domain/domain.h"
#include "mm/base/spin.h"

struct queue {
    struct spin lock;
    unsigned nr[2]; /* that may run anywhere, that may not */
    struct vcpu *first, *last;
    uint64_t least; /* no domain in it has had less; if there is one */
} aligned_to(64);
extern struct queue queues[CPU_MAX];

/* Before any is locked. */
void queue_init(void);
static inline struct queue *queue_lock(unsigned cpu)
{
    spin_lock(&queues[cpu].lock);
    return &queues[cpu];
}
/* Where v is at home. */
struct queue *queue_lock_home(const struct vcpu *v);
void queue_lock_two(unsigned a, unsigned b); /* a may be b */
void queue_unlock_two(unsigned a, unsigned b);
static inline void queue_unlock(struct queue *q)
{
    spin_unlock(&q->lock);
}

static inline bool queue_can_run(const struct vcpu *v)
{
    return READ_ONCE(v->state) == VCPU_RUNNABLE && domain_runs(v->d);
}

/* What others may add to at any time. */
static inline uint64_t queue_had(const struct domain *d)
{
    return __atomic_load_n(&d->had, __ATOMIC_RELAXED);
}

/* Has a had less than b? By domain, or within one by vCPU. */
static inline bool queue_before(const struct vcpu *a, const struct vcpu *b)
{
    return a->d == b->d ? a->had < b->had : queue_had(a->d) < queue_had(b->d);
}

/* --- under the queue's lock ---------------------------------------------- */

static inline bool queue_empty(const struct queue *q)
{
    return !(q->nr[0] | q->nr[1]);
}

/* Behind all others. v is not held, and q its home's. */
void queue_put(struct queue *q, struct vcpu *v);
void queue_remove(struct queue *q, struct vcpu *v);
/*
 * Out of q for CPU `to`, which has it from now on; the caller has both locks.
 * False: its domain has just stopped, and nobody has it.
 */
must_check bool queue_take(struct queue *q, struct vcpu *v, unsigned to);
/* The CPU of v's home, which is this one, has it no more. */
void queue_let_go(struct vcpu *v);
/*
 * Who has had least of those that may run on that CPU. Who cannot run at all is
 * dropped.
 */
struct vcpu *queue_best(struct queue *q, unsigned cpu);
/* What those of d's have had that have had least; not more than had. */
uint64_t queue_least_of(const struct queue *q, const struct domain *d,
                        uint64_t had);

/* --- under none ----------------------------------------------------------- */

/* From one queue to another; false: v waits no more. */
bool queue_move(struct vcpu *v, unsigned to);

static inline unsigned queue_length(unsigned cpu)
{
    const struct queue *q = &queues[cpu];

    return READ_ONCE(q->nr[0]) + READ_ONCE(q->nr[1]);
}
/* The lowest CPU from there on in whose queue somebody is; cpu_count: none. */
unsigned queue_next(unsigned from);
/* In any but this one? */
bool queue_elsewhere_slow(unsigned cpu);
static inline bool queue_elsewhere(unsigned cpu)
{
    return cpu_count > 1 && queue_elsewhere_slow(cpu);
}
/* What no domain in any other has had less than; ~0: there is none. */
uint64_t queue_least_elsewhere(unsigned cpu);
/* The one of another CPU with most in it; cpu_count: none. */
unsigned queue_fullest(unsigned but);
/* Might anybody who waits run on that CPU? */
bool queue_waits_for_slow(unsigned cpu);
static inline bool queue_waits_for(unsigned cpu)
{
    return queue_length(cpu) || (cpu_count > 1 && queue_waits_for_slow(cpu));
}
