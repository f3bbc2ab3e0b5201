/* SPDX-License-Identifier: MIT */
/*
 * sched.c: who has had least time is next: first among the domains in which a
 * vCPU waits, then among those of its vCPUs that do, so that a guest gets no
 * more for having many. What the hypervisor does for a domain while somebody
 * else runs (its console) is put down to the domain as well.
 *
 * Who slept comes back with no more than WAKE_BONUS in hand, as a domain and
 * as a vCPU of it, so that a guest that waits for something is served soon,
 * and waking often is no way to run always: nobody starves.
 *
 * Whoever wakes or kicks another vCPU waits for it most likely: one of its own
 * domain is run at once, if that is fair; for one of another the current slice
 * ends when WAKE_SLICE of it is over.
 *
 * While each has a CPU for itself nobody counts, and no slice ends. When that
 * is over, all are told, and start from there: who had all it wanted is owed
 * nothing for what others could use besides.
 *
 * Invariants: v->queued says whether v is in its domain's queue; a domain is
 * in the list of those that wait exactly while that queue is not empty. Both
 * are in order of `had`. What is taken out of a queue and cannot run is simply
 * dropped.
 */
#include "hv/sched/sched.h"

#include "hv/arch/cpu.h"
#include "hv/arch/ipi.h"
#include "hv/arch/lock.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/dev/clock.h"
#include "hv/domain/profile.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/idle_work.h"
#include "hv/sched/lifecycle.h"
#include "hv/sched/runstate.h"
#include "hv/sched/time.h"

#define WAKE_SLICE 1000000u /* ns */
#define WAKE_BONUS 5000000u
#define REAP_TURN  1000000u

static struct domain *waiting; /* domains with a vCPU that waits */
static void (*when_empty)(void);
static uint64_t had_least; /* what domains at the front have had; only grows */
static bool contended;     /* somebody waits, and all CPUs know: contend() */

/* Of each CPU. */
static struct turn {
    struct vcpu *kicked;   /* should be next, if that is fair */
    uint64_t kick_lead;    /* ns more than its like that it may have had */
    struct domain *errand; /* what is done just now is for it */
    bool requested;
    bool idle; /* it looks for something to do, and was not told of any */
    uint64_t slice_start, slice_end, charged; /* of the current vCPU */
    uint64_t ends;     /* what its timer was last set for of that; 0: nothing */
    uint64_t reap_end; /* of the reaper's turn; 0: it is not its turn */
} turns[CPU_MAX];

static struct turn *my(void)
{
    return &turns[this_cpu()->id];
}

static bool can_run(const struct vcpu *v)
{
    return v->state == VCPU_RUNNABLE && domain_runs(v->d);
}

/* --- the queues ---------------------------------------------------------- */

/* Behind those that have had as much. */
static void list_domain(struct domain *d)
{
    struct domain **p = &waiting;

    while (*p && (*p)->had <= d->had)
        p = &(*p)->run_next;
    d->run_next = *p;
    *p = d;
}

static void unlist_domain(const struct domain *d)
{
    struct domain **p = &waiting;

    while (*p != d)
        p = &(*p)->run_next;
    *p = d->run_next;
}

static void enqueue(struct vcpu *v)
{
    struct domain *d = v->d;
    struct vcpu **p = &d->run_queue;

    if (v->queued)
        return;
    if (!d->run_queue)
        list_domain(d);
    while (*p && (*p)->had <= v->had)
        p = &(*p)->run_next;
    v->run_next = *p;
    *p = v;
    v->queued = true;
}

static void dequeue(struct vcpu *v)
{
    struct vcpu **p = &v->d->run_queue;

    if (!v->queued)
        return;
    while (*p != v)
        p = &(*p)->run_next;
    *p = v->run_next;
    v->queued = false;
    if (!v->d->run_queue)
        unlist_domain(v->d);
    contended = contended && waiting;
}

void sched_forget(struct vcpu *v)
{
    dequeue(v);
    for (unsigned i = 0; i < cpu_count; i++)
        if (turns[i].kicked == v)
            turns[i].kicked = NULL;
}

static bool may_be_here(const struct domain *d)
{
    return cpu_set_has(&d->cpus, this_cpu()->id);
}

bool sched_has_cpu(const struct cpu_set *cpus)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_set_has(cpus, i))
            return true;
    return false;
}

/* The first that can run, here. */
static struct vcpu *first(void)
{
    for (struct domain *d = waiting, *next; d; d = next) {
        next = d->run_next;
        while (d->run_queue && !can_run(d->run_queue))
            dequeue(d->run_queue);
        if (d->run_queue && may_be_here(d))
            return d->run_queue;
    }
    return NULL;
}

/* --- the bill ------------------------------------------------------------ */

/* Its place among those that wait is another one then. */
static void put_down(struct domain *d, uint64_t ns)
{
    if (d->run_queue)
        unlist_domain(d);
    d->had += ns;
    if (d->run_queue)
        list_domain(d);
}

/*
 * Whoever wakes is measured by those at the front, which must keep up with one
 * that runs alone, too.
 */
static void move_front(const struct vcpu *v)
{
    struct domain *d = v->d;
    uint64_t domains = waiting ? MIN(d->had, waiting->had) : d->had;
    uint64_t vcpus = d->run_queue ? MIN(v->had, d->run_queue->had) : v->had;

    had_least = MAX(had_least, domains);
    d->vcpu_least = MAX(d->vcpu_least, vcpus);
}

static bool is_running(const struct vcpu *v)
{
    return v && v->runstate == RUNSTATE_running;
}

static uint64_t with_bonus(uint64_t had, uint64_t least)
{
    return least > WAKE_BONUS ? MAX(had, least - WAKE_BONUS) : had;
}

/* A domain none of whose vCPUs waits has all it wants, and is owed no more. */
static void owe_no_more(struct domain *d)
{
    if (!d->run_queue)
        d->had = with_bonus(d->had, had_least);
}

/* Counted on another CPU it may have been a bit later than it is here. */
static uint64_t spent_until(struct turn *t, uint64_t now)
{
    uint64_t spent = now > t->charged ? now - t->charged : 0;

    t->charged += spent;
    return spent;
}

/*
 * What the current vCPU has had until now is put down to it, or to whom the
 * errand is for; a sleeper has no more in hand then than when it wakes.
 */
static void charge(void)
{
    struct turn *t = my();
    struct vcpu *v = current_vcpu();
    uint64_t spent = spent_until(t, clock_now_ns());

    if (t->errand) {
        owe_no_more(t->errand);
        put_down(t->errand, spent);
    } else if (is_running(v)) {
        v->had += spent;
        put_down(v->d, spent);
        move_front(v);
    }
}

struct domain *sched_errand_begin(struct domain *d)
{
    struct domain *outer = my()->errand;

    charge();
    my()->errand = d;
    return outer;
}

void sched_errand_end(struct domain *outer)
{
    charge();
    my()->errand = outer;
}

bool sched_may_spend(const struct domain *d)
{
    const uint64_t slice = options.timeslice * 1000000;
    const struct vcpu *v = current_vcpu();
    const struct domain *w = waiting == d ? waiting->run_next : waiting;

    if (w && d->had > w->had + slice)
        return false;
    return !is_running(v) || v->d == d || d->had <= v->d->had + slice;
}

/* --- changes of state ---------------------------------------------------- */

void sched_when_empty(void (*fn)(void))
{
    when_empty = fn;
}

void sched_request(void)
{
    my()->requested = true;
    cpu_work_resched();
}

/* It looks at what it has loaded before it goes on, or when it is told to. */
static void rouse(struct percpu *cpu)
{
    struct turn *t = &turns[cpu->id];

    if (t->idle && cpu != this_cpu())
        ipi_send(cpu, WORK_RESCHED);
    t->idle = false;
}

/*
 * To a CPU that has nothing to do and may run it, this one first. False: there
 * is none.
 */
static bool offer(const struct domain *d)
{
    if (my()->idle && may_be_here(d)) {
        my()->idle = false;
        return true;
    }
    for (unsigned i = 0; i < cpu_count; i++) {
        if (!turns[i].idle || !cpu_set_has(&d->cpus, i))
            continue;
        rouse(cpu_of(i));
        return true;
    }
    return false;
}

/* --- more vCPUs than CPUs ------------------------------------------------ */

/* Might anybody who waits run on that CPU? */
static bool waits_for(unsigned id)
{
    const struct domain *d = waiting;

    while (d && !cpu_set_has(&d->cpus, id))
        d = d->run_next;
    return d;
}

/* What v, which runs, has had until now; alone: with nobody who waited. */
static void charge_there(struct vcpu *v, bool alone)
{
    uint64_t spent = spent_until(&turns[v->on->id], clock_now_ns());

    v->had += spent;
    put_down(v->d, spent);
    if (!alone)
        return;
    had_least = MAX(had_least, v->d->had);
    v->d->vcpu_least = MAX(v->d->vcpu_least, v->had);
}

/* Who waits already is about to run; those before it stay before it. */
static void owe_no_more_to_all(void)
{
    for (unsigned i = 0; i < cpu_count; i++) {
        struct vcpu *v = cpu_of(i)->vcpu;

        if (!is_running(v))
            continue;
        v->had = with_bonus(v->had, v->d->vcpu_least);
        owe_no_more(v->d);
    }
    for (struct domain *d = waiting; d; d = d->run_next) {
        d->had = with_bonus(d->had, had_least);
        for (struct vcpu *v = d->run_queue; v; v = v->run_next)
            v->had = with_bonus(v->had, d->vcpu_least);
    }
}

/* To CPUs whose timers are not set for the ends of their slices. */
static void tell_of_ends(void)
{
    for (unsigned i = 0; i < cpu_count; i++) {
        const struct turn *t = &turns[i];

        if (cpu_of(i) != this_cpu() && is_running(cpu_of(i)->vcpu) &&
            (!t->ends || t->ends > t->slice_end) && waits_for(i))
            ipi_send(cpu_of(i), WORK_TIME);
    }
}

/* Would v, which waits, be taken before r, if that runs? */
static bool goes_before(const struct vcpu *v, const struct vcpu *r)
{
    if (!is_running(r))
        return false;
    return v->d == r->d ? v->had < r->had : v->d->had < r->d->had;
}

/* Where v is to run soon: here, if it can; or else where one has had most. */
static struct percpu *whom_to_cut(const struct vcpu *v)
{
    struct percpu *cpu = may_be_here(v->d) ? this_cpu() : NULL;
    const struct vcpu *most = v;

    if (cpu && goes_before(v, cpu->vcpu))
        return cpu;
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_set_has(&v->d->cpus, i) && goes_before(most, cpu_of(i)->vcpu)) {
            cpu = cpu_of(i);
            most = cpu->vcpu;
        }
    return cpu;
}

/* A slice need not last longer than is worth its beginning. */
static void cut_slice(const struct vcpu *v)
{
    const struct percpu *cpu = whom_to_cut(v);
    struct turn *t;

    if (!cpu)
        return;
    t = &turns[cpu->id];
    t->slice_end = MIN(t->slice_end, t->slice_start + WAKE_SLICE);
}

/*
 * Somebody waits, or is about to, and no CPU is idle that may run it. Until
 * now those who ran alone had all they wanted, and nobody counted.
 */
static void contend(void)
{
    bool anew = false;

    for (unsigned i = 0; i < cpu_count; i++) {
        struct vcpu *v = cpu_of(i)->vcpu;
        bool alone = !contended || !waits_for(i);

        if (!is_running(v))
            continue;
        charge_there(v, alone);
        anew |= alone;
    }
    contended = true;
    if (anew)
        owe_no_more_to_all();
}

/* --- who may run, and who may not ----------------------------------------- */

static void may_run(struct vcpu *v)
{
    bool told;

    charge();
    v->state = VCPU_RUNNABLE;
    told = !v->on && offer(v->d);
    if (!v->on && !told)
        contend();
    v->had = with_bonus(v->had, v->d->vcpu_least);
    owe_no_more(v->d);
    if (v->on) {
        rouse(v->on);
        return;
    }
    runstate_waiting(v);
    enqueue(v);
    if (told)
        return;
    cut_slice(v);
    tell_of_ends();
    time_program();
}

/*
 * One vCPU of a guest has interrupted another, which waits for its turn. What
 * it has is put down to it as ever, and best() sees to it that others do not
 * wait for that: one that slept has its bonus in hand already.
 */
static void kick(struct vcpu *v, bool slept)
{
    const struct vcpu *by = current_vcpu();

    if (v->on) {
        if (v != by)
            ipi_send(v->on, WORK_LOOK);
        return;
    }
    if (!by || by->d != v->d || !v->queued)
        return;
    my()->kicked = v;
    my()->kick_lead = slept ? 0 : options.timeslice * 1000000;
    sched_request();
}

void sched_up(struct vcpu *v)
{
    if (v->state != VCPU_DOWN)
        return;
    may_run(v);
    time_arm(v);
}

/* What it waited for is gone with its channels: it looks for itself. */
void sched_resume(struct vcpu *v)
{
    if (v->state != VCPU_DOWN)
        may_run(v);
}

void sched_down(struct vcpu *v)
{
    v->state = VCPU_DOWN;
    time_arm(v);
    if (v == current_vcpu()) {
        sched_request();
    } else if (v->on) {
        ipi_send(v->on, WORK_RESCHED);
    } else {
        dequeue(v);
        runstate_waiting(v);
    }
}

void sched_wake(struct vcpu *v)
{
    const bool sleeps = v->state == VCPU_BLOCKED || v->state == VCPU_POLLING;

    if (sleeps) {
        if (v->poll_deadline) {
            v->poll_deadline = 0;
            time_arm(v);
        }
        may_run(v);
    }
    kick(v, sleeps);
}

/* Is there anything else to do than to go on with the current vCPU? */
static bool others_wait(void)
{
    return waits_for(this_cpu()->id) || domain_ended;
}

uint64_t sched_slice_end(void)
{
    const struct vcpu *v = current_vcpu();
    struct turn *t = my();

    if (t->reap_end)
        return t->reap_end;
    /* While idle nobody's slice runs: an end in the past would be a storm. */
    t->ends = 0;
    if (!t->requested && v && can_run(v) && others_wait())
        t->ends = t->slice_end;
    return t->ends;
}

void sched_tick(uint64_t now)
{
    if (others_wait() && now >= my()->slice_end)
        sched_request();
}

/* --- the choice ---------------------------------------------------------- */

/* NULL: nobody. A domain that was to stop has, once its last vCPU left. */
static void switch_to(struct vcpu *next)
{
    struct vcpu *prev = current_vcpu();

    if (prev == next)
        return;
    vcpu_switch(next);
    if (prev && !prev->d->loaded)
        domain_left(prev->d);
}

/* Whoever waits, as long as somebody has nothing to do. False: one is left. */
static bool offer_all(void)
{
    bool all = true;

    for (const struct domain *d = waiting; d; d = d->run_next)
        all &= offer(d);
    return all;
}

static void run(struct vcpu *next)
{
    const uint64_t slice = options.timeslice * 1000000;
    struct turn *t = my();

    move_front(next);
    t->slice_start = t->charged;
    t->slice_end = t->slice_start + (domain_ended ? WAKE_SLICE : slice);
    switch_to(next);
    vcpu_resume(next);
    if (next->runstate != RUNSTATE_running) {
        runstate_set(next, RUNSTATE_running);
        runstate_publish(next);
    }
    if (!offer_all()) {
        contend();
        tell_of_ends();
    }
    time_program();
}

/* A kick is heeded unless a domain, or one of its own, has waited for long. */
static struct vcpu *best(void)
{
    const uint64_t slice = options.timeslice * 1000000;
    struct vcpu *v = first(), *k = my()->kicked;

    my()->kicked = NULL;
    if (k && k->queued && can_run(k) && k->d->had <= v->d->had + slice &&
        k->had <= k->d->run_queue->had + my()->kick_lead)
        return k;
    return v;
}

/* Nothing to run: v stays where it is as long as it may wake here. */
static void rest(const struct vcpu *v)
{
    if (v && (v->state == VCPU_DOWN || !domain_runs(v->d)))
        switch_to(NULL);
    vcpu_rest();
}

/* prev goes on only if it has had least. */
static struct vcpu *choose(struct vcpu *prev)
{
    struct vcpu *next;

    charge();
    if (prev && can_run(prev))
        enqueue(prev);
    next = best();
    if (next)
        dequeue(next);
    if (prev && prev != next)
        runstate_waiting(prev);
    return next;
}

/* Behind its like that wait; if none does, its domain behind all others. */
void sched_give_way(void)
{
    struct vcpu *v = current_vcpu();
    uint64_t most = v->d->had;

    charge();
    (void)first();
    for (const struct vcpu *o = v->d->run_queue; o; o = o->run_next)
        v->had = MAX(v->had, o->had);
    for (const struct domain *o = waiting; o; o = o->run_next)
        most = MAX(most, o->had);
    if (!v->d->run_queue)
        v->d->had = MAX(v->d->had, most);
    sched_request();
}

/*
 * Useful work first; then sleep until an interrupt. The lock is let go of, so
 * that the interrupt, and everybody else, can have it: whoever has something
 * for this CPU to do sees that it is idle, and sends it one.
 */
static void idle(void)
{
    bool busy;

    profile_leave();
    time_program();
    my()->idle = true;
    busy = idle_work() || !my()->idle; /* it was told meanwhile */
    my()->idle = true;
    hv_lock_put();
    lock_hook_none("held on the way to sleep");
    profile_asleep();
    if (busy)
        x86_sti_nop_cli();
    else
        x86_sti_hlt_cli();
    profile_woken();
    hv_lock_get();
    my()->idle = false;
}

static void let_go_of_request(void)
{
    my()->requested = false;
    this_cpu()->work &= ~(WORK_RESCHED | WORK_LOOK | WORK_TIME);
}

/*
 * What ended goes in turns with those that can run: a turn is no vCPU's time,
 * whoever ran until now, and has an end of its own. The timer is set for that,
 * as port_preempt() goes by it; set for no slice it may be far away.
 */
static void reap_turn(void)
{
    struct vcpu *v = current_vcpu();

    charge();
    if (v)
        runstate_waiting(v);
    if (v && !can_run(v))
        switch_to(NULL);
    my()->reap_end = my()->charged + REAP_TURN;
    time_program();
    (void)domain_reap();
    my()->reap_end = 0;
}

void sched_before_guest(bool requested)
{
    struct vcpu *v = current_vcpu();

    if (likely(!requested && !my()->requested && v && can_run(v)))
        return;
    for (;;) {
        let_go_of_request();
        if (domain_ended)
            reap_turn();
        v = choose(current_vcpu());
        if (v)
            break;
        rest(current_vcpu());
        if (!domain_list)
            when_empty();
        /* A domain that has stopped by that may have woken somebody. */
        if (!waits_for(this_cpu()->id))
            idle();
    }
    run(v);
}
