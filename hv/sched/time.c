/* SPDX-License-Identifier: MIT */
/*
 * time.c: one machine timer for all vCPUs' timers, the end of the time slice
 * and the tick.
 *
 * Invariants: a vCPU is in the list exactly while timer_at != 0, and timer_at
 * is the earliest of its timers, 0 while it is down: what nobody would hear
 * costs nobody anything. The list is in order; the machine's timer
 * fires no later than the head of the list.
 *
 * Guests compute time from the same scale as the hypervisor, from the same
 * base, so both agree to the nanosecond and no guest ever sees time go back.
 */
#include "hv/sched/time.h"

#include "hv/arch/idt.h"
#include "hv/arch/ipi.h"
#include "hv/arch/lapic.h"
#include "hv/arch/nmi.h"
#include "hv/dev/apic.h"
#include "hv/dev/clock.h"
#include "hv/domain/guest.h"
#include "hv/sched/event.h"
#include "hv/sched/sched.h"
#include "hv/sched/watchdog.h"

#define TICK 20000000u /* ns: how long a typed character may wait */
#define SOON 4000000u  /* a client has more to do */

/* Of each CPU: what was armed there, and when its timer fires. */
static struct timers {
    struct vcpu *armed;
    uint64_t programmed;
} timers[CPU_MAX];
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

/* It never changes: what guests compute with it is the hypervisor's clock. */
static void fill(struct vcpu_time_info *t)
{
    t->tsc_timestamp = clock_scale.tsc_base;
    t->system_time = 0;
    t->tsc_to_system_mul = clock_scale.mul;
    t->tsc_shift = clock_scale.shift;
    t->flags = XEN_PVCLOCK_TSC_STABLE_BIT;
}

/* The version is the guest's to spoil; only its own reading suffers. */
void time_info_init(struct vcpu *v)
{
    struct vcpu_time_info *t = &v->info->time;
    uint32_t version = READ_ONCE(t->version) | 1;

    WRITE_ONCE(t->version, version);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    fill(t);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    WRITE_ONCE(t->version, version + 1);
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

static void unlist(struct vcpu *v)
{
    struct vcpu **p = &timers[v->timer_cpu].armed;

    if (!v->timer_at)
        return;
    while (*p != v)
        p = &(*p)->timer_next;
    *p = v->timer_next;
    v->timer_at = 0;
}

static void enlist(struct vcpu *v)
{
    struct vcpu **p = &my()->armed;
    uint64_t at = earlier(v->timer_single, v->timer_periodic);

    v->timer_at = v->state == VCPU_DOWN ? 0 : earlier(at, v->poll_deadline);
    if (!v->timer_at)
        return;
    while (*p && (*p)->timer_at <= v->timer_at)
        p = &(*p)->timer_next;
    v->timer_next = *p;
    v->timer_cpu = this_cpu()->id;
    *p = v;
}

void time_arm(struct vcpu *v)
{
    unlist(v);
    enlist(v);
    time_program();
}

void time_disarm(struct vcpu *v)
{
    v->timer_single = v->timer_periodic = v->poll_deadline = 0;
    v->periodic_period = 0;
    unlist(v);
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
    const uint64_t set = timers[0].programmed, due = clients_due();

    if (this_cpu()->id == 0)
        return earlier(next_tick, due);
    if (due && due < set)
        ipi_send(cpu_of(0), WORK_TIME);
    return 0;
}

void time_program(void)
{
    struct timers *t = my();
    uint64_t at = earlier(clients_want(), sched_slice_end());

    if (t->armed)
        at = earlier(at, t->armed->timer_at);
    if (at == t->programmed)
        return;
    t->programmed = at;
    apic_timer_set(at);
}

uint64_t time_next(void)
{
    return my()->programmed ? my()->programmed : UINT64_MAX;
}

/* --- when they are due --------------------------------------------------- */

static void fire(struct vcpu *v, uint64_t now)
{
    bool virq = false;

    unlist(v);
    if (v->timer_single && v->timer_single <= now) {
        v->timer_single = 0;
        virq = true;
    }
    if (v->timer_periodic && v->timer_periodic <= now) {
        v->timer_periodic += v->periodic_period;
        if (v->timer_periodic <= now) /* no burst for what was missed */
            v->timer_periodic = now + v->periodic_period;
        virq = true;
    }
    if (v->poll_deadline && v->poll_deadline <= now) {
        v->poll_deadline = 0;
        if (v->state == VCPU_POLLING)
            sched_wake(v);
    }
    enlist(v);
    if (virq)
        event_virq(v, VIRQ_TIMER);
}

static void serve_clients(uint64_t now)
{
    bool soon;

    serve_due(now);
    if (now < next_tick)
        return;
    soon = tick_clients();
    next_tick = clock_now_ns() + (soon ? SOON : TICK);
    watchdog_tick(now);
    nmi_tick();
}

static void on_timer(void)
{
    struct timers *t = my();
    uint64_t now;

    lapic_eoi();
    t->programmed = 0;
    now = clock_now_ns();
    while (t->armed && t->armed->timer_at <= now) {
        struct domain *outer = sched_errand_begin(t->armed->d);

        fire(t->armed, now);
        sched_errand_end(outer);
    }
    if (this_cpu()->id == 0)
        serve_clients(now);
    sched_tick(now);
    time_program();
}

void time_init(void)
{
    next_tick = clock_now_ns() + TICK;
    idt_set_handler(LAPIC_TIMER_VECTOR, on_timer);
    time_program();
}
