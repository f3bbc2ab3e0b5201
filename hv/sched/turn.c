/* SPDX-License-Identifier: MIT */
/* turn.c: see turn.h. */
#include "hv/sched/turn.h"

#include "hv/arch/cpu.h"
#include "hv/arch/ipi.h"
#include "hv/base/cmdline.h"
#include "hv/dev/clock.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/lifecycle.h"
#include "hv/sched/queue.h"

struct turn turns[CPU_MAX];
static uint64_t had_least;    /* what domains at the front have had */
static struct cpu_mask alone; /* CPUs whose slices do not end */

/* --- what has been had ---------------------------------------------------- */

static void raise_to(uint64_t *p, uint64_t to)
{
    uint64_t old = __atomic_load_n(p, __ATOMIC_RELAXED);

    while (old < to &&
           !__atomic_compare_exchange_n(p, &old, to, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
        ;
}

void turn_raise_domain(struct domain *d, uint64_t had)
{
    raise_to(&d->had, had);
}

/* What one has at least that has slept, by what those have that have least. */
static uint64_t floor_of(const uint64_t *least)
{
    uint64_t had = __atomic_load_n(least, __ATOMIC_RELAXED);

    return had > WAKE_BONUS ? had - WAKE_BONUS : 0;
}

static void owe_no_more_to_vcpu(struct vcpu *v)
{
    v->had = MAX(v->had, floor_of(&v->d->vcpu_least));
}

static bool waits(const struct domain *d)
{
    return __atomic_load_n(&d->waiting, __ATOMIC_RELAXED);
}

/* A domain none of whose vCPUs waits has all it wants, and is owed no more. */
static void owe_no_more(struct domain *d)
{
    if (!waits(d))
        raise_to(&d->had, floor_of(&had_least));
}

void turn_wakes(struct vcpu *v)
{
    owe_no_more_to_vcpu(v);
    owe_no_more(v->d);
}

void turn_is_first(const struct vcpu *v)
{
    raise_to(&v->d->vcpu_least, v->had);
}

/*
 * Whoever wakes is measured by those at the front, which must keep up with one
 * that runs alone, too. Other queues are asked now and then only.
 */
static void move_front(unsigned cpu, const struct vcpu *v)
{
    const struct queue *q = &queues[cpu];
    struct turn *t = &turns[cpu];
    uint64_t front = queue_had(v->d);

    if (!waits(v->d))
        turn_is_first(v);
    if (!queue_empty(q))
        front = MIN(front, q->least);
    if (queue_elsewhere(cpu)) {
        if (t->charged < t->front_at)
            return;
        t->front_at = t->charged + TURN_LOOK_EVERY;
        front = MIN(front, queue_least_elsewhere(cpu));
    }
    raise_to(&had_least, front);
}

/* --- the bill ------------------------------------------------------------ */

/* Counted on another CPU it may have been a bit later than it is here. */
static uint64_t spent_until(const struct turn *t, uint64_t now)
{
    return now > t->charged ? now - t->charged : 0;
}

static void put_down(struct domain *d, uint64_t ns)
{
    __atomic_fetch_add(&d->had, ns, __ATOMIC_RELAXED);
}

/* A sleeper for whom an errand is has no more in hand then than when it wakes.
 */
void turn_charge(unsigned cpu)
{
    struct turn *t = &turns[cpu];
    struct vcpu *v = t->runs;
    uint64_t spent = spent_until(t, clock_now_ns());

    t->charged += spent;
    if (t->errand) {
        owe_no_more(t->errand);
        put_down(t->errand, spent);
    } else if (v) {
        v->had += spent;
        put_down(v->d, spent);
        move_front(cpu, v);
    }
}

void turn_charge_here(void)
{
    const unsigned me = this_cpu()->id;
    struct queue *q = queue_lock(me);

    turn_charge(me);
    queue_unlock(q);
}

void turn_begin(unsigned cpu, struct vcpu *v)
{
    struct turn *t = &turns[cpu];
    const uint64_t slice = options.timeslice * 1000000;

    const bool is_short = READ_ONCE(domain_ended) || t->begins_cut;

    t->runs = v;
    if (!t->passed_on) {
        t->slice_start = t->charged;
        t->slice_end = t->slice_start + (is_short ? WAKE_SLICE : slice);
    }
    t->passed_on = t->begins_cut = false;
}

void turn_stop(unsigned cpu)
{
    turn_charge(cpu);
    turns[cpu].runs = NULL;
    turns[cpu].begins_cut = false;    /* who waits by now is chosen from */
    (void)cpu_mask_drop(&alone, cpu); /* it was, or was not */
}

/* --- more vCPUs than CPUs ------------------------------------------------- */

static void set_timer_anew(unsigned cpu)
{
    if (cpu == this_cpu()->id)
        this_cpu()->work |= WORK_TIME;
    else
        ipi_send(cpu_of(cpu), WORK_TIME);
}

/* It ran with nobody who waited: what that has had is the front. */
static void alone_no_more(unsigned cpu)
{
    struct queue *q = queue_lock(cpu);
    const struct vcpu *v = turns[cpu].runs;

    turn_charge(cpu);
    if (v) {
        raise_to(&had_least, queue_had(v->d));
        turn_is_first(v);
    }
    queue_unlock(q);
}

static void level(struct vcpu *v)
{
    raise_to(&v->d->had, floor_of(&had_least));
    owe_no_more_to_vcpu(v);
}

/* Who waits already is about to run; those before it stay before it. */
static void level_all(void)
{
    for (unsigned i = 0; i < cpu_count; i++) {
        struct queue *q = queue_lock(i);

        if (turns[i].runs)
            level(turns[i].runs);
        for (struct vcpu *v = q->first; v; v = v->run_next)
            level(v);
        queue_unlock(q);
    }
}

/*
 * Until now those who ran alone had all they wanted, and nobody counted. Where
 * nobody is alone, which is most of the time, this is one look.
 */
void turn_contend(const struct domain *d)
{
    bool anew = false;

    for (unsigned i = cpu_mask_next(&alone, 0, cpu_count); i < cpu_count;
         i = cpu_mask_next(&alone, i + 1, cpu_count)) {
        if (!cpu_set_has(&d->cpus, i) || !cpu_mask_drop(&alone, i))
            continue;
        alone_no_more(i);
        set_timer_anew(i);
        anew = true;
    }
    if (anew)
        level_all();
}

void turn_ask_alone(void)
{
    for (unsigned i = cpu_mask_next(&alone, 0, cpu_count); i < cpu_count;
         i = cpu_mask_next(&alone, i + 1, cpu_count))
        set_timer_anew(i);
}

/* --- slices --------------------------------------------------------------- */

/*
 * How much more the one that runs there has had than v, under the lock; 0: that
 * one goes first. This CPU has just charged, so it knows the time.
 */
static uint64_t lead_on(const struct vcpu *v, unsigned cpu)
{
    const struct vcpu *r = turns[cpu].runs;
    uint64_t theirs, mine;

    if (!r)
        return 0;
    theirs = spent_until(&turns[cpu], turn_my()->charged) +
             (r->d == v->d ? r->had : queue_had(r->d));
    mine = r->d == v->d ? READ_ONCE(v->had) : queue_had(v->d);
    return theirs > mine ? theirs - mine : 0;
}

/* False: v does not wait there, or, unless anyway, does not go first there. */
static bool cut(const struct vcpu *v, unsigned cpu, bool anyway)
{
    struct queue *q = queue_lock(cpu);
    struct turn *t = &turns[cpu];
    const bool there = v->queued && v->home == cpu;
    const bool goes = there && (anyway || lead_on(v, cpu));
    bool sooner = false;

    if (goes) {
        t->begins_cut |= !t->runs;
        t->slice_end = MIN(t->slice_end, t->slice_start + WAKE_SLICE);
        sooner = t->runs && READ_ONCE(t->ends) != t->slice_end;
    }
    queue_unlock(q);
    if (sooner)
        set_timer_anew(cpu);
    return goes;
}

/* Where v has most of a lead, or its home. */
static unsigned where_to_cut(const struct vcpu *v, unsigned home)
{
    unsigned where = home;
    uint64_t most = 0;

    for (unsigned i = 0; i < cpu_count; i++) {
        struct queue *q;
        uint64_t lead;

        if (i == home || !cpu_set_has(&v->d->cpus, i))
            continue;
        q = queue_lock(i);
        lead = lead_on(v, i);
        queue_unlock(q);
        if (lead > most) {
            most = lead;
            where = i;
        }
    }
    return where;
}

bool turn_cut_for(struct vcpu *v, unsigned home)
{
    unsigned where;

    if (cut(v, home, cpu_count == 1))
        return false;
    where = where_to_cut(v, home);
    if (!queue_move(v, where))
        return false; /* it has been taken since */
    (void)cut(v, where, true);
    return where != home;
}

bool turn_others_wait(void)
{
    return queue_waits_for(this_cpu()->id);
}

/*
 * There is but one CPU, and it knows; or: whoever comes to wait from now on
 * finds this CPU alone, and tells it; who has come before is seen by the second
 * look.
 */
static bool is_alone(void)
{
    const unsigned me = this_cpu()->id;

    if (turn_others_wait()) {
        if (cpu_mask_drop(&alone, me)) {
            alone_no_more(me);
            level_all();
        }
        return false;
    }
    if (cpu_count == 1 || cpu_mask_has(&alone, me))
        return true;
    cpu_mask_put(&alone, me);
    return !turn_others_wait() || !cpu_mask_drop(&alone, me);
}

uint64_t turn_ends(void)
{
    struct turn *t = turn_my();
    const struct vcpu *v = t->runs;
    uint64_t ends = 0;

    if (t->reap_end)
        return t->reap_end;
    /* While idle nobody's slice runs: an end in the past would be a storm. */
    if (!t->requested && v && queue_can_run(v) &&
        (!is_alone() || READ_ONCE(domain_ended)))
        ends = READ_ONCE(t->slice_end);
    __atomic_store_n(&t->ends, ends, __ATOMIC_RELAXED);
    return ends;
}
