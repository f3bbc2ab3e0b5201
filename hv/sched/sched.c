/* SPDX-License-Identifier: MIT */
/*
 * sched.c: who has had least time is next: first among the domains in which a
 * vCPU waits, then among those of its vCPUs that do, so that a guest gets no
 * more for having many. What the hypervisor does for a domain while somebody
 * else runs (its console) is put down to the domain as well.
 *
 * Each CPU chooses from its own queue (queue.h). It takes from another's when
 * it would go idle, from the fullest first; and when it looks round, now and
 * then, and finds one that is owed much more than its own (steal.c).
 *
 * What covers what: a queue's lock the vCPUs at home there and their state
 * (queue.h), and the turn of its CPU (turn.h); who is idle is atomic;
 * kick_lead, errand, requested and the rest of a turn are the CPU's own.
 * Waking, sleeping, the look before a guest, the choice and loading a vCPU need
 * no other lock; hv_lock is taken for the reaper, for a domain that comes to
 * rest (domain_settle()) and for the end, where no vCPU is in hand.
 *
 * A vCPU or domain that was found in a queue, a list or a turn is there until
 * this CPU has waited for a struct lock, has touched a guest's memory (which
 * may wait: hv/domain/retry.h) or has gone back to a guest, whatever becomes of
 * it meanwhile: it is freed behind ipi_quiesce().
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
#include "hv/sched/queue.h"
#include "hv/sched/runstate.h"
#include "hv/sched/steal.h"
#include "hv/sched/time.h"
#include "hv/sched/turn.h"
#include "hv/sched/wake.h"

#define REAP_TURN 1000000u /* ns */
#define REAP_REST 2000000u /* while somebody waits: two slices of others */

static void (*when_empty)(void);

static unsigned me(void)
{
    return this_cpu()->id;
}

static uint64_t slice(void)
{
    return options.timeslice * 1000000;
}

void sched_when_empty(void (*fn)(void))
{
    when_empty = fn;
}

void sched_request(void)
{
    turn_my()->requested = true;
    cpu_work_resched();
}

bool sched_has_cpu(const struct cpu_set *cpus)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_set_has(cpus, i))
            return true;
    return false;
}

void sched_place(struct vcpu *v)
{
    unsigned cpu = (v->d->id + v->id) % cpu_count;

    for (unsigned i = 0; i < cpu_count && !cpu_set_has(&v->d->cpus, cpu); i++)
        cpu = (cpu + 1) % cpu_count;
    v->home = cpu;
}

void sched_forget(struct vcpu *v)
{
    struct queue *q = queue_lock_home(v);

    if (v->queued)
        queue_remove(q, v);
    queue_unlock(q);
    for (unsigned i = 0; i < cpu_count; i++) {
        q = queue_lock(i);
        if (turns[i].kicked == v)
            turns[i].kicked = NULL;
        queue_unlock(q);
    }
}

/* --- errands -------------------------------------------------------------- */

static struct domain *change_errand(struct domain *d)
{
    struct turn *t = turn_my();
    struct queue *q = queue_lock(me());
    struct domain *outer = t->errand;

    turn_charge(me());
    t->errand = d;
    queue_unlock(q);
    return outer;
}

struct domain *sched_errand_begin(struct domain *d)
{
    return change_errand(d);
}

void sched_errand_end(struct domain *outer)
{
    (void)change_errand(outer); /* that one is over */
}

/* What a domain but d has had that waits, or all there is. */
static uint64_t least_but(const struct domain *d)
{
    uint64_t least = ~UINT64_C(0);

    for (unsigned i = queue_next(0); i < cpu_count; i = queue_next(i + 1)) {
        struct queue *q = queue_lock(i);

        for (const struct vcpu *v = q->first; v; v = v->run_next)
            if (v->d != d)
                least = MIN(least, queue_had(v->d));
        queue_unlock(q);
    }
    return least;
}

bool sched_may_spend(const struct domain *d)
{
    const struct vcpu *v = turn_my()->runs;
    const uint64_t had = queue_had(d);

    if (had > slice() && had - slice() > least_but(d))
        return false;
    return !v || v->d == d || had <= queue_had(v->d) + slice();
}

/* --- slices ----------------------------------------------------------------
 */

uint64_t sched_slice_end(void)
{
    return turn_ends();
}

void sched_tick(uint64_t now)
{
    if ((turn_others_wait() || READ_ONCE(domain_ended)) &&
        now >= turn_my()->slice_end)
        sched_request();
}

/* --- the choice ---------------------------------------------------------- */

/* Of those of this CPU's queue and prev, which it has; under the lock. */
static struct vcpu *best_here(struct vcpu *prev)
{
    struct queue *q = &queues[me()];
    struct vcpu *v = queue_empty(q) ? NULL : queue_best(q, me());

    if (prev && queue_can_run(prev) && (!v || queue_before(prev, v)))
        return prev;
    return v;
}

/*
 * Would it be fair to the first here, and to its like? Under both locks. prev
 * is among them if it can run.
 */
static bool fair(const struct vcpu *k, const struct vcpu *first,
                 const struct vcpu *prev)
{
    uint64_t least = queue_least_of(&queues[k->home], k->d, k->had);

    if (prev && prev->d == k->d && queue_can_run(prev))
        least = MIN(least, prev->had);
    least = queue_least_of(&queues[me()], k->d, least);
    return (!first || queue_had(k->d) <= queue_had(first->d) + slice()) &&
           k->had <= least + turn_my()->kick_lead;
}

/*
 * A kick is heeded unless a domain, or one of its own, has waited for long; the
 * slice, which may have been cut for somebody, is passed on. The lock is held,
 * and let go of for the order of two.
 */
static struct vcpu *heed_kick(struct vcpu *prev)
{
    struct turn *t = turn_my();
    struct vcpu *k = t->kicked, *first;
    const unsigned home = k->home;

    if (home != me()) {
        queue_unlock(&queues[me()]);
        queue_lock_two(me(), home);
        k = t->kicked; /* or sched_forget() was faster */
    }
    first = best_here(prev); /* which drops those that stopped, maybe k */
    if (k && (!k->queued || k->home != home || !queue_can_run(k) ||
              !cpu_set_has(&k->d->cpus, me()) || !fair(k, first, prev)))
        k = NULL;
    if (k && !queue_take(&queues[home], k, me()))
        k = NULL;
    if (home != me())
        queue_unlock(&queues[home]);
    t->passed_on = k;
    return k;
}

/*
 * What waits elsewhere and is owed much is taken, now and then, so that all
 * have their share wherever they are at home. The lock is let go of meanwhile.
 */
static struct vcpu *even_out(const struct vcpu *first)
{
    struct turn *t = turn_my();
    struct steal_place p;
    struct vcpu *next;

    t->look_at = t->charged + TURN_LOOK_EVERY;
    p = (struct steal_place){first->d, queue_had(first->d), first->had};
    queue_unlock(&queues[me()]);
    next = steal_owed(&p);
    (void)queue_lock(me());
    return next;
}

static bool look_is_due(void)
{
    return queue_elsewhere(me()) && turn_my()->charged >= turn_my()->look_at;
}

/* Whom the first of this queue, or prev, has to wait for; NULL: nobody. */
static struct vcpu *preferred(const struct vcpu *first, struct vcpu *prev)
{
    struct vcpu *next = NULL;

    if (turn_my()->kicked)
        next = heed_kick(prev);
    turn_my()->kicked = NULL;
    return !next && first && look_is_due() ? even_out(first) : next;
}

/* Under the lock, which is let go of if there may be others. */
static struct vcpu *pick(struct queue *q, struct vcpu *prev)
{
    const struct turn *t = turn_my();
    struct vcpu *next = best_here(prev), *other;

    if (unlikely((t->kicked && t->kicked != next) || look_is_due())) {
        other = preferred(next, prev);
        if (other)
            return other;
        next = best_here(prev);
    }
    while (next && next != prev && !queue_take(q, next, me()))
        next = best_here(prev);
    if (next)
        turn_is_first(next);
    return next;
}

/* prev goes on only if it has had least, and did not let others go first. */
static struct vcpu *choose(struct vcpu *prev)
{
    struct turn *t = turn_my();
    struct queue *q = queue_lock(me());
    struct vcpu *next;

    turn_stop(me());
    next = pick(q, prev);
    t->kicked = NULL;
    queue_unlock(q);
    if (queue_elsewhere(me()) && (!next || (next == prev && t->gives_way))) {
        struct vcpu *stolen = steal_any();

        next = stolen ? stolen : next;
    }
    t->gives_way = false;
    return next;
}

/* This CPU has v no more, which may have been woken by now. True: it waits. */
static bool put_back(struct queue *q, struct vcpu *v)
{
    queue_let_go(v);
    runstate_waiting(v, turn_my()->charged);
    if (!queue_can_run(v))
        return false;
    queue_put(q, v);
    return true;
}

/* One of d's was loaded here. */
static void left(const struct domain *d, bool waits)
{
    if (waits && !wake_offer(d, me()))
        turn_contend(d);
}

/* A domain that was to stop has, once its last one was let go of. */
static void settle(void)
{
    struct turn *t = turn_my();

    if (likely(!t->settles))
        return;
    t->settles = false;
    domain_settle();
}

/* Nobody is loaded then. */
static void let_go(struct vcpu *v)
{
    struct queue *q;
    bool waits;

    vcpu_switch(NULL);
    q = queue_lock(me());
    waits = put_back(q, v);
    queue_unlock(q);
    left(v->d, waits);
}

/*
 * This CPU was told of one, and may have taken another: then that one waits,
 * and who is idle still, or alone, has not heard of it.
 */
static void after_rest(void)
{
    struct turn *t = turn_my();

    if (likely(!t->was_idle))
        return;
    t->was_idle = false;
    if (queue_next(0) == cpu_count)
        return;
    wake_idle_that_may();
    turn_ask_alone();
}

static void run(struct vcpu *next)
{
    struct vcpu *prev = current_vcpu();
    const bool changes = prev != next;
    struct queue *q;
    bool waits = false, anew;

    if (changes)
        vcpu_switch(next);
    vcpu_resume(next);
    q = queue_lock(me());
    if (changes && prev)
        waits = put_back(q, prev);
    turn_begin(me(), next);
    anew = next->runstate != RUNSTATE_running;
    runstate_set(next, RUNSTATE_running, turn_my()->charged);
    queue_unlock(q);
    if (changes && prev)
        left(prev->d, waits);
    if (anew)
        runstate_publish(next); /* which may wait: prev may be gone then */
    after_rest();
    time_program();
    /* Who stopped its domain before it was loaded did not see it here. */
    if (unlikely(!queue_can_run(next)))
        sched_request();
}

/* Nothing to run: v stays where it is as long as it may wake here. */
static void rest(struct vcpu *v)
{
    struct queue *q;

    if (v && (v->state == VCPU_DOWN || !domain_runs(v->d))) {
        let_go(v);
    } else if (v) {
        q = queue_lock(me());
        runstate_waiting(v, turn_my()->charged);
        queue_unlock(q);
    }
    vcpu_rest();
}

/* Behind its like that wait here; if none does, its domain behind all others.
 */
static void stand_behind(struct vcpu *v)
{
    struct queue *q = queue_lock(me());
    uint64_t most = 0;
    bool like = false;

    turn_charge(me());
    for (const struct vcpu *o = q->first; o; o = o->run_next) {
        if (!queue_can_run(o))
            continue;
        most = MAX(most, queue_had(o->d));
        if (o->d != v->d)
            continue;
        v->had = MAX(v->had, o->had);
        like = true;
    }
    if (!like)
        turn_raise_domain(v->d, most);
    queue_unlock(q);
}

void sched_give_way(void)
{
    if (!queue_empty(&queues[me()]))
        stand_behind(current_vcpu());
    turn_my()->gives_way = true;
    sched_request();
}

/* Now that this CPU has said that it is idle, or is about to. */
static bool something_waits(void)
{
    const struct vcpu *v = current_vcpu();

    return (v && queue_can_run(v)) || queue_waits_for(me());
}

/*
 * Useful work first; then sleep until an interrupt: whoever has something for
 * this CPU to do sees that it is idle, and sends it one. What was served with
 * the lock waited for (settle()) has left its interrupt pending, too.
 */
static void idle(void)
{
    bool busy;

    profile_leave();
    time_program();
    wake_idle_begin();
    busy = idle_work() || something_waits() || !wake_is_idle(me());
    lock_hook_none("held on the way to sleep");
    profile_asleep();
    if (busy)
        x86_sti_nop_cli();
    else
        x86_sti_hlt_cli();
    profile_woken();
    wake_idle_end();
    turn_my()->was_idle = true;
}

static void let_go_of_request(void)
{
    turn_my()->requested = false;
    this_cpu()->work &= ~(WORK_RESCHED | WORK_LOOK | WORK_TIME);
}

/*
 * One step stops for a message, of which others may send as many as they like:
 * the turn goes on all the same, until a timer is due, its own or somebody's,
 * or somebody has waited for the lock.
 */
static void reap(void)
{
    bool more;

    do {
        ipi_serve();
        more = domain_reap();
    } while (more && READ_ONCE(domain_ended) && clock_now_ns() < time_next() &&
             !lock_overdue());
    turn_my()->reap_vain = !more;
}

/*
 * What ended goes in turns with those that can run: a turn is no vCPU's time,
 * whoever ran until now, and has an end of its own. The timer is set for that,
 * as port_preempt() goes by it; set for no slice it may be far away.
 */
static void reap_turn(void)
{
    struct turn *t = turn_my();
    struct vcpu *v = current_vcpu();
    struct queue *q = queue_lock(me());

    turn_stop(me());
    if (v)
        runstate_waiting(v, t->charged);
    queue_unlock(q);
    if (v && !queue_can_run(v))
        let_go(v);
    settle();
    hv_lock_get();
    t->reap_end = clock_now_ns() + REAP_TURN;
    time_program();
    reap();
    t->reap_end = 0;
    t->reap_at = clock_now_ns() + REAP_REST;
    hv_lock_put();
    time_fire(); /* who woke meanwhile is among those that are chosen from */
}

/*
 * Not before each of two that woke at once, or they would wait for two turns;
 * nor again at once if nothing may go yet, or idle CPUs would fight for the
 * lock.
 */
static bool reap_is_due(void)
{
    const struct turn *t = turn_my();

    return READ_ONCE(domain_ended) && ((!turn_others_wait() && !t->reap_vain) ||
                                       clock_now_ns() >= t->reap_at);
}

/* No vCPU is in hand. */
static void nobody_runs(void)
{
    settle();
    if (READ_ONCE(domain_list))
        return;
    hv_lock_get();
    if (!domain_list)
        when_empty();
    hv_lock_put();
}

void sched_before_guest(bool requested)
{
    struct vcpu *v = current_vcpu();

    if (likely(!requested && !turn_my()->requested && v && queue_can_run(v)))
        return;
    for (;;) {
        let_go_of_request();
        if (reap_is_due())
            reap_turn();
        v = choose(current_vcpu());
        if (v)
            break;
        rest(current_vcpu());
        nobody_runs();
        /* A domain that has stopped by that may have woken somebody. */
        if (!something_waits())
            idle();
    }
    run(v);
    settle();
}
