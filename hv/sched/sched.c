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
 * Invariants: v->queued says whether v is in its domain's queue; a domain is
 * in the list of those that wait exactly while that queue is not empty. Both
 * are in order of `had`. What is taken out of a queue and cannot run is simply
 * dropped.
 */
#include "hv/sched/sched.h"

#include "hv/arch/cpu.h"
#include "hv/arch/memory.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/dev/clock.h"
#include "hv/domain/guest.h"
#include "hv/domain/profile.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/lifecycle.h"
#include "hv/sched/time.h"
#include "mm/alloc/shared.h"
#include "xen/vcpu.h"

#define WAKE_SLICE 1000000u /* ns */
#define WAKE_BONUS 5000000u
#define SCRUB_TIME 5000000u
#define REAP_TURN  1000000u

static struct domain *waiting; /* domains with a vCPU that waits */
static struct vcpu *kicked;    /* should be next, if that is fair */
static uint64_t kick_lead;     /* ns more than its like that it may have had */
static struct domain *errand;  /* what is done just now is for it */
static bool requested;
static void (*when_empty)(void);
static uint64_t had_least; /* what domains at the front have had; only grows */
static uint64_t slice_start, slice_end, charged; /* of the current vCPU */
static uint64_t reap_end; /* of the reaper's turn; 0: it is not its turn */

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

void sched_forget(struct vcpu *v)
{
    struct vcpu **p = &v->d->run_queue;

    if (kicked == v)
        kicked = NULL;
    if (!v->queued)
        return;
    while (*p != v)
        p = &(*p)->run_next;
    *p = v->run_next;
    v->queued = false;
    if (!v->d->run_queue)
        unlist_domain(v->d);
}

/* The first that can run. */
static struct vcpu *first(void)
{
    while (waiting && !can_run(waiting->run_queue))
        sched_forget(waiting->run_queue);
    return waiting ? waiting->run_queue : NULL;
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

/* Nobody of d's runs or waits: it has slept as a whole. */
static bool is_asleep(const struct domain *d)
{
    const struct vcpu *v = current_vcpu();

    return !d->run_queue && !(is_running(v) && v->d == d);
}

static uint64_t with_bonus(uint64_t had, uint64_t least)
{
    return least > WAKE_BONUS ? MAX(had, least - WAKE_BONUS) : had;
}

/*
 * What the current vCPU has had until now is put down to it, or to whom the
 * errand is for; a sleeper has no more in hand then than when it wakes.
 */
static void charge(void)
{
    struct vcpu *v = current_vcpu();
    uint64_t now = clock_now_ns();

    if (errand) {
        if (is_asleep(errand))
            errand->had = with_bonus(errand->had, had_least);
        put_down(errand, now - charged);
    } else if (is_running(v)) {
        v->had += now - charged;
        put_down(v->d, now - charged);
        move_front(v);
    }
    charged = now;
}

struct domain *sched_errand_begin(struct domain *d)
{
    struct domain *outer = errand;

    charge();
    errand = d;
    return outer;
}

void sched_errand_end(struct domain *outer)
{
    charge();
    errand = outer;
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

/* --- runstates ----------------------------------------------------------- */

static void runstate(struct vcpu *v, enum xen_runstate state)
{
    uint64_t now;

    if (v->runstate == state)
        return;
    now = clock_now_ns();
    v->runstate_time[v->runstate] += now - v->runstate_entry;
    v->runstate_entry = now;
    v->runstate = state;
}

/* What it is while it does not run. */
static void runstate_waiting(struct vcpu *v)
{
    if (v->state == VCPU_RUNNABLE)
        runstate(v, RUNSTATE_runnable);
    else
        runstate(v,
                 v->state == VCPU_DOWN ? RUNSTATE_offline : RUNSTATE_blocked);
}

void sched_runstate(struct vcpu *v, struct vcpu_runstate_info *out)
{
    *out = (struct vcpu_runstate_info){
        .state = (int32_t)v->runstate,
        .state_entry_time = v->runstate_entry,
    };
    for (unsigned i = 0; i < ARRAY_SIZE(out->time); i++)
        out->time[i] = v->runstate_time[i];
    out->time[v->runstate] += clock_now_ns() - v->runstate_entry;
}

/*
 * An area that cannot be written is not written. With the flag asked for,
 * readers see from the entry time that an update is under way.
 */
static void write_runstate(const struct vcpu *v)
{
    const uint64_t va = v->runstate_area;
    const uint64_t entry =
        va + offsetof(struct vcpu_runstate_info, state_entry_time);
    struct vcpu_runstate_info r = {
        .state = (int32_t)v->runstate,
        .state_entry_time = v->runstate_entry,
    };
    bool flag = v->d->vm_assist & BIT(VMASST_TYPE_runstate_update_flag);

    for (unsigned i = 0; i < ARRAY_SIZE(r.time); i++)
        r.time[i] = v->runstate_time[i];
    if (flag) {
        r.state_entry_time |= XEN_RUNSTATE_UPDATE;
        if (guest_write64(entry, r.state_entry_time))
            return;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    if (guest_write(va, &r, sizeof(r)) || !flag)
        return;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    /* Was just written to; if it went since, nobody reads it. */
    (void)guest_write64(entry, r.state_entry_time & ~XEN_RUNSTATE_UPDATE);
}

void sched_publish_runstate(struct vcpu *v)
{
    bool kernel = v->in_kernel;

    if (!v->runstate_area)
        return;
    if (!kernel)
        vcpu_set_mode(v, true);
    write_runstate(v);
    if (!kernel)
        vcpu_set_mode(v, false);
}

/* --- changes of state ---------------------------------------------------- */

void sched_when_empty(void (*fn)(void))
{
    when_empty = fn;
}

void sched_request(void)
{
    requested = true;
    cpu_work_resched();
}

/* The current slice need not last longer than is worth its beginning. */
static void cut_slice(void)
{
    slice_end = MIN(slice_end, slice_start + WAKE_SLICE);
    time_program();
}

static void may_run(struct vcpu *v)
{
    charge();
    v->state = VCPU_RUNNABLE;
    v->had = with_bonus(v->had, v->d->vcpu_least);
    if (is_asleep(v->d))
        v->d->had = with_bonus(v->d->had, had_least);
    if (v == current_vcpu())
        return;
    runstate_waiting(v);
    enqueue(v);
    cut_slice();
}

/*
 * One vCPU of a guest has interrupted another, which waits for its turn. What
 * it has is put down to it as ever, and best() sees to it that others do not
 * wait for that: one that slept has its bonus in hand already.
 */
static void kick(struct vcpu *v, bool slept)
{
    const struct vcpu *by = current_vcpu();

    if (!by || by == v || by->d != v->d || !v->queued)
        return;
    kicked = v;
    kick_lead = slept ? 0 : options.timeslice * 1000000;
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
        return;
    }
    sched_forget(v);
    runstate_waiting(v);
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
    return waiting || domain_ended;
}

uint64_t sched_slice_end(void)
{
    const struct vcpu *v = current_vcpu();

    if (reap_end)
        return reap_end;
    /* While idle nobody's slice runs: an end in the past would be a storm. */
    if (requested || !v || !can_run(v) || !others_wait())
        return 0;
    return slice_end;
}

void sched_tick(uint64_t now)
{
    if (others_wait() && now >= slice_end)
        sched_request();
}

/* --- the choice ---------------------------------------------------------- */

static void run(struct vcpu *next)
{
    bool brief = domain_ended;

    move_front(next);
    slice_start = charged;
    slice_end =
        slice_start + (brief ? WAKE_SLICE : options.timeslice * 1000000);
    if (next != current_vcpu())
        vcpu_switch(next);
    if (next->runstate != RUNSTATE_running) {
        runstate(next, RUNSTATE_running);
        sched_publish_runstate(next);
    }
    time_program();
}

/* A kick is heeded unless a domain, or one of its own, has waited for long. */
static struct vcpu *best(void)
{
    const uint64_t slice = options.timeslice * 1000000;
    struct vcpu *v = first(), *k = kicked;

    kicked = NULL;
    if (k && k->queued && can_run(k) && k->d->had <= v->d->had + slice &&
        k->had <= k->d->run_queue->had + kick_lead)
        return k;
    return v;
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
        sched_forget(next);
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
 * A block takes a tenth of a millisecond, on an emulator some of them; so
 * little, of frames that are shared, takes a tenth of that.
 */
#define SCRUB_FRAMES 16
static bool time_to_scrub(void)
{
    return time_next() > clock_now_ns() + SCRUB_TIME;
}

/* Blocks looked at for frame words nobody needs, before each sleep. */
#define TRIM_LOOKS 16

/* Useful work first; then sleep until an interrupt. */
static void idle(void)
{
    profile_leave();
    if (domain_ended ||
        (time_to_scrub() &&
         (shared_scrub(&hv_mm, SCRUB_FRAMES) || alloc_scrub(&hv_mm, 1))) ||
        frame_trim(&hv_mm, TRIM_LOOKS))
        x86_sti_nop_cli();
    else
        x86_sti_hlt_cli();
}

static void let_go_of_request(void)
{
    requested = false;
    this_cpu()->work &= ~WORK_RESCHED;
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
    reap_end = charged + REAP_TURN;
    time_program();
    (void)domain_reap();
    reap_end = 0;
}

void sched_before_guest(void)
{
    struct vcpu *v = current_vcpu();

    if (likely(!requested && v && can_run(v)))
        return;
    for (;;) {
        let_go_of_request();
        if (domain_ended)
            reap_turn();
        v = choose(current_vcpu());
        if (v)
            break;
        if (!domain_list)
            when_empty();
        idle();
    }
    run(v);
}
