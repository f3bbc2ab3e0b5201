/* SPDX-License-Identifier: MIT */
/*
 * time.c: one machine timer for all vCPUs' timers, the end of the time slice
 * and the tick.
 *
 * Invariants: a vCPU is in a list exactly while timer_at != 0, and timer_at
 * is the earliest of its timers, 0 while it is down: what nobody would hear
 * costs nobody anything. A list is in order; its CPU's timer fires no later
 * than its head. A list changes, and timer_at, timer_next and timer_cpu of who
 * is in it or was last, under its lock; two are taken by their CPUs' ids, and
 * nothing below. A vCPU's timers are words that change by themselves: whoever
 * sets one arms it then, whoever serves one clears what it has seen.
 *
 * Guests compute time from the same scale as the hypervisor, from the same
 * base, so both agree to the nanosecond. If the scale changes, which it never
 * does with an invariant TSC (hv/dev/resync.h), each CPU is told, and a vCPU
 * that runs goes by the old one until its CPU hears of it: by what the two have
 * come to differ in that short time, time may go back for it, if it is slowed
 * down or has seen that of the hypervisor or of another CPU.
 */
#include "hv/sched/time.h"

#include "hv/arch/cpu.h"
#include "hv/arch/idt.h"
#include "hv/arch/ipi.h"
#include "hv/arch/lapic.h"
#include "hv/arch/lock.h"
#include "hv/dev/apic.h"
#include "hv/dev/clock.h"
#include "hv/domain/guest.h"
#include "hv/sched/care.h"
#include "hv/sched/event.h"
#include "hv/sched/sched.h"
#include "hv/sched/watchdog.h"

#define TICK 20000000u /* ns: how long a typed character may wait */
#define SOON 4000000u  /* a client has more to do */

/* Of each CPU: what was armed there, and when its timer fires. */
static struct timers {
    struct spin lock;
    struct vcpu *armed;
    uint64_t first;      /* timer_at of the first; 0: there is none */
    uint64_t programmed; /* its CPU's alone to change, and: */
    unsigned by_scale;   /* clock_generation by which it was */
    uint64_t round;      /* when it next looks after itself */
} aligned_to(64) timers[CPU_MAX];
static uint64_t next_tick; /* the boot CPU's, who serves the clients, too */
static struct time_client *clients;

static struct timers *my(void)
{
    return &timers[this_cpu()->id];
}

/* --- what guests read ---------------------------------------------------- */

void time_shared_init(struct domain *d)
{
    uint64_t sec = clock_wall_base();

    WRITE_ONCE(d->shared->wc_version, d->shared->wc_version | 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    d->shared->wc_sec = (uint32_t)sec;
    d->shared->wc_sec_hi = (uint32_t)(sec >> 32);
    d->shared->wc_nsec = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    WRITE_ONCE(d->shared->wc_version, d->shared->wc_version + 1);
}

/* What guests compute with it is the hypervisor's clock. */
static void fill(struct vcpu_time_info *t)
{
    const struct clock_scale *s = READ_ONCE(clock_scale);

    t->tsc_timestamp = s->tsc_base;
    t->system_time = s->ns_base;
    t->tsc_to_system_mul = s->mul;
    t->tsc_shift = s->shift;
    t->flags = cpu_features.invariant_tsc ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
}

/* The version is the guest's to spoil; only its own reading suffers. */
void time_info_init(struct vcpu *v)
{
    struct vcpu_time_info *t = &v->info->time;
    uint32_t version = READ_ONCE(t->version) | 1;

    v->clock_seen = READ_ONCE(clock_generation);
    WRITE_ONCE(t->version, version);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    fill(t);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    WRITE_ONCE(t->version, version + 1);
}

void time_refresh(struct vcpu *v)
{
    if (unlikely(v->clock_seen != READ_ONCE(clock_generation)))
        time_info_init(v);
}

enum err time_copy_info(uint64_t va)
{
    struct vcpu_time_info t = {.version = 2};

    fill(&t);
    return guest_write(va, &t, sizeof(t));
}

/* --- the list ------------------------------------------------------------ */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    if (!a || !b)
        return a | b;
    return MIN(a, b);
}

static void lock_two(unsigned a, unsigned b)
{
    spin_lock(&timers[MIN(a, b)].lock);
    if (a != b)
        spin_lock(&timers[MAX(a, b)].lock);
}

static void unlock_two(unsigned a, unsigned b)
{
    spin_unlock(&timers[a].lock);
    if (a != b)
        spin_unlock(&timers[b].lock);
}

/* This CPU's list, and the one in which v is: that is returned. */
static unsigned lock_lists(const struct vcpu *v)
{
    for (;;) {
        const unsigned cpu = READ_ONCE(v->timer_cpu);

        lock_two(cpu, this_cpu()->id);
        if (likely(v->timer_cpu == cpu))
            return cpu;
        unlock_two(cpu, this_cpu()->id);
    }
}

static void set_first(struct timers *t)
{
    WRITE_ONCE(t->first, t->armed ? t->armed->timer_at : 0);
}

static void unlist(struct vcpu *v)
{
    struct timers *t = &timers[v->timer_cpu];
    struct vcpu **p = &t->armed;

    if (!v->timer_at)
        return;
    while (*p != v)
        p = &(*p)->timer_next;
    *p = v->timer_next;
    v->timer_at = 0;
    set_first(t);
}

static uint64_t earliest(const struct vcpu *v)
{
    if (READ_ONCE(v->state) == VCPU_DOWN)
        return 0;
    return earlier(
        earlier(READ_ONCE(v->timer_single), READ_ONCE(v->timer_periodic)),
        READ_ONCE(v->poll_deadline));
}

static void enlist(struct vcpu *v)
{
    struct timers *t = my();
    struct vcpu **p = &t->armed;

    WRITE_ONCE(v->timer_cpu, this_cpu()->id);
    v->timer_at = earliest(v);
    if (!v->timer_at)
        return;
    while (*p && (*p)->timer_at <= v->timer_at)
        p = &(*p)->timer_next;
    v->timer_next = *p;
    *p = v;
    set_first(t);
}

void time_arm(struct vcpu *v)
{
    const unsigned from = lock_lists(v);

    unlist(v);
    enlist(v);
    unlock_two(from, this_cpu()->id);
    time_program();
}

void time_disarm(struct vcpu *v)
{
    unsigned from;

    v->timer_single = v->timer_periodic = v->poll_deadline = 0;
    v->periodic_period = 0;
    from = lock_lists(v);
    unlist(v);
    unlock_two(from, this_cpu()->id);
}

/* --- the machine's timer -------------------------------------------------- */

void time_register(struct time_client *c)
{
    struct time_client **p = &clients;

    while (*p)
        p = &(*p)->next;
    *p = c;
}

static uint64_t clients_due(void)
{
    uint64_t at = 0;

    for (const struct time_client *c = clients; c; c = c->next)
        if (c->due)
            at = earlier(at, c->due());
    return at;
}

static void serve_due(uint64_t now)
{
    for (const struct time_client *c = clients; c; c = c->next) {
        uint64_t at = c->due ? c->due() : 0;

        if (at && at <= now)
            c->at_due();
    }
}

static bool tick_clients(void)
{
    bool soon = false;

    for (const struct time_client *c = clients; c; c = c->next)
        soon |= c->tick();
    return soon;
}

/* Another CPU may have to know that somebody's time has come nearer. */
static uint64_t clients_want(void)
{
    const uint64_t set = READ_ONCE(timers[0].programmed), due = clients_due();

    if (this_cpu()->id == 0)
        return earlier(next_tick, due);
    if (due && (!set || due < set)) /* not set: it is about to be */
        ipi_send(cpu_of(0), WORK_TIME);
    return 0;
}

/* The same time is at another TSC by another scale. */
void time_program(void)
{
    const unsigned scale = READ_ONCE(clock_generation);
    struct timers *t = my();
    uint64_t at = earlier(clients_want(), sched_slice_end());

    at = earlier(earlier(at, t->round), READ_ONCE(t->first));
    if (at == t->programmed && scale == t->by_scale)
        return;
    t->by_scale = scale;
    WRITE_ONCE(t->programmed, at);
    apic_timer_set(at);
}

uint64_t time_next(void)
{
    return my()->programmed ? my()->programmed : UINT64_MAX;
}

/* --- when they are due --------------------------------------------------- */

/* Due by now? Then it is `next`, unless it was set anew meanwhile. */
static bool take(uint64_t *timer, uint64_t now, uint64_t next)
{
    uint64_t at = __atomic_load_n(timer, __ATOMIC_RELAXED);

    return at && at <= now &&
           __atomic_compare_exchange_n(timer, &at, next, false,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* What was missed makes no burst. */
static uint64_t next_period(const struct vcpu *v, uint64_t now)
{
    const uint64_t period = READ_ONCE(v->periodic_period);
    const uint64_t next = READ_ONCE(v->timer_periodic) + period;

    return next > now ? next : now + period;
}

struct due {
    struct vcpu *v; /* NULL: nobody's */
    bool virq, poll;
};

/* The first of this CPU's list, which is armed with what is left. */
static struct due take_due(uint64_t now)
{
    struct timers *t = my();
    struct due due = {0};
    struct vcpu *v;

    spin_lock(&t->lock);
    v = t->armed;
    if (v && v->timer_at <= now) {
        unlist(v);
        due.v = v;
        due.virq = take(&v->timer_single, now, 0);
        due.virq |= take(&v->timer_periodic, now, next_period(v, now));
        due.poll = take(&v->poll_deadline, now, 0);
        enlist(v);
    }
    spin_unlock(&t->lock);
    return due;
}

static void fire(const struct due *due)
{
    struct domain *outer = sched_errand_begin(due->v->d);

    if (due->poll && READ_ONCE(due->v->state) == VCPU_POLLING)
        sched_wake(due->v);
    if (due->virq)
        event_virq(due->v, VIRQ_TIMER);
    sched_errand_end(outer);
}

static void serve_tick(uint64_t now)
{
    const bool soon = tick_clients();

    next_tick = clock_now_ns() + (soon ? SOON : TICK);
    watchdog_tick(now);
    care_tick(now);
}

static bool clients_are_due(uint64_t now)
{
    const uint64_t due = clients_due();

    return now >= next_tick || (due && due <= now);
}

static void serve_clients(uint64_t now)
{
    hv_lock_get();
    serve_due(now);
    if (now >= next_tick)
        serve_tick(now);
    hv_lock_put();
}

/* On its way to a guest each CPU looks (time_refresh()), and at its timer. */
static void tell_of_scale(void)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_of(i) != this_cpu())
            ipi_send(cpu_of(i), WORK_LOOK | WORK_TIME);
    cpu_work_look();
}

/* What each CPU has to see to itself, whoever runs there. */
static void make_round(uint64_t now)
{
    if (now < my()->round)
        return;
    my()->round = now + CARE_ROUND;
    care_round();
    if (this_cpu()->id == 0 && clock_resync())
        tell_of_scale();
}

void time_fire(void)
{
    const uint64_t now = clock_now_ns();

    for (struct due due = take_due(now); due.v; due = take_due(now))
        fire(&due);
}

static void on_timer(void)
{
    uint64_t now;

    lapic_eoi();
    WRITE_ONCE(my()->programmed, 0);
    time_fire();
    now = clock_now_ns();
    make_round(now);
    if (this_cpu()->id == 0 && clients_are_due(now))
        serve_clients(now);
    sched_tick(now);
    time_program();
}

void time_lists_init(void)
{
    for (unsigned i = 0; i < CPU_MAX; i++)
        spin_init(&timers[i].lock, LOCKDEP_TIMERS, i);
}

void time_init(void)
{
    next_tick = clock_now_ns() + TICK;
    for (unsigned i = 0; i < cpu_count; i++)
        timers[i].round = next_tick + CARE_ROUND;
    idt_set_handler(LAPIC_TIMER_VECTOR, on_timer);
    time_program();
}
