/* SPDX-License-Identifier: MIT */
/*
 * The scheduler on processors that are threads, and without hv_lock: what is
 * covered by queues' locks and atomics alone is so. vCPUs sleep, wake, give way
 * to and take down each other as fast as they can, and a domain is suspended
 * and resumed meanwhile; none is on two processors, none misses an event, none
 * is where it may not be, and of a suspended domain none is anywhere; and
 * nobody has had more time than there was.
 */
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "hv/arch/ipi.h"
#include "hv/arch/lapic.h"
#include "hv/arch/lock.h"
#include "hv/arch/watch.h"
#include "hv/arch/x86.h"
#include "hv/dev/clock.h"
#include "hv/sched/idle_work.h"
#include "hv/sched/runstate.h"
#include "tests/hv/machine.h"

static void halt(void);
#define x86_sti_hlt_cli halt
#define x86_sti_nop_cli ipi_serve
#include "hv/sched/sched.c"

/* The test itself is the last processor, which only wakes. */
#define THREADS (MACHINE_CPUS - 1)
#define VCPUS   8u
#define EVENTS  150000u

struct options options = {.timeslice = 30};
static _Atomic uint64_t events;
static _Atomic bool over;
static unsigned stops;

/* `on`: where it is, by what the test sees. */
static struct actor {
    struct vcpu *v;
    _Atomic bool pending;
    _Atomic(struct percpu *) on;
} actors[VCPUS];
static __thread uint64_t seed;

static struct actor *actor_of(const struct vcpu *v)
{
    return &actors[(v->d->id - 1u) * 4 + v->id];
}

/* --- what the hypervisor wants of others ---------------------------------- */

uint64_t clock_now_ns(void)
{
    return __builtin_ia32_rdtsc() / 2;
}

void lapic_send(uint32_t apic_id, unsigned vector)
{
    (void)apic_id;
    (void)vector;
}

void watch_answer(void)
{
}

void lapic_eoi(void)
{
}

void profile_asleep(void)
{
}

void profile_woken(void)
{
}

void profile_leave(void)
{
}

void time_fire(void)
{
}

void time_program(void)
{
    (void)sched_slice_end();
}

void time_arm(struct vcpu *v)
{
    (void)v;
}

bool idle_work(void)
{
    return false;
}

bool domain_reap(void)
{
    return false;
}

void vcpu_rest(void)
{
}

void vcpu_resume(const struct vcpu *v)
{
    (void)v;
}

void vcpu_set_mode(struct vcpu *v, bool kernel)
{
    v->in_kernel = kernel;
}

/* One that is loaded nowhere, as it says itself. */
void vcpu_switch(struct vcpu *next)
{
    struct percpu *cpu = this_cpu();
    const struct percpu *was;

    if (cpu->vcpu) {
        cpu->vcpu->on = NULL;
        was = atomic_exchange(&actor_of(cpu->vcpu)->on, NULL);
        MUST((bool)(was == cpu));
    }
    cpu->vcpu = next;
    if (!next)
        return;
    was = atomic_exchange(&actor_of(next)->on, cpu);
    MUST((bool)!was);
    MUST(cpu_set_has(&next->d->cpus, cpu->id));
    next->on = cpu;
}

void port_lock_wait(struct lock *l, bool taken)
{
    while (!taken) {
        ipi_serve();
        sched_yield();
        taken = !atomic_exchange(&l->held, 1);
    }
}

static void halt(void)
{
    while (!atomic_load(&this_cpu()->mail) && !over)
        sched_yield();
    ipi_serve();
    if (over)
        pthread_exit(NULL);
}

/* --- guests --------------------------------------------------------------- */

static uint64_t dice(uint64_t n)
{
    return machine_dice(&seed, n);
}

static void send(struct actor *to)
{
    atomic_fetch_add(&events, 1);
    atomic_store(&to->pending, true);
    sched_wake(to->v);
}

/* As block() of sched_op.c. */
static void block(struct actor *a)
{
    if (sched_sleep(a->v, VCPU_BLOCKED) && atomic_load(&a->pending))
        sched_stay(a->v, VCPU_BLOCKED);
    else
        sched_request();
}

/* Down means down, whoever wakes it or wherever it was about to sleep. */
static void take_down_and_up(struct vcpu *v)
{
    const uint64_t until = clock_now_ns() + 5000;

    sched_down(v);
    while (clock_now_ns() < until)
        MUST((bool)(READ_ONCE(v->state) == VCPU_DOWN));
    sched_up(v);
}

/* vCPU 0 of a domain stays up, and ups those that it took down. */
static void act(struct actor *a)
{
    struct actor *other = &actors[dice(VCPUS)];
    const bool ends = atomic_load(&events) >= EVENTS;

    atomic_store(&a->pending, false);
    if (ends) {
        block(a);
        return;
    }
    switch (dice(8)) {
    case 0:
        sched_give_way();
        break;
    case 1:
        if (other->v->id && other->v->d == a->v->d && !a->v->id)
            take_down_and_up(other->v);
        break;
    case 2:
    case 3:
        block(a);
        break;
    default:
        send(other);
        break;
    }
}

/* --- processors ----------------------------------------------------------- */

static void *processor(void *id)
{
    machine_be((unsigned)(uintptr_t)id);
    seed = (uintptr_t)id + 1;
    for (;;) {
        uint32_t work;

        ipi_serve();
        work = this_cpu()->work;
        this_cpu()->work = 0;
        if (work || !current_vcpu()) /* else the guest just goes on */
            sched_before_guest(work & WORK_RESCHED);
        if (domain_runs(current_vcpu()->d)) /* else it computes until told */
            act(actor_of(current_vcpu()));
    }
    return NULL;
}

/* Who is looked at last may wake who was before. */
static bool each_sleeps(void)
{
    for (unsigned i = 0; i < VCPUS; i++)
        if (actors[i].v->state == VCPU_RUNNABLE ||
            atomic_load(&actors[i].pending))
            return false;
    return true;
}

/* Nobody runs or waits any more. */
static bool all_sleep(void)
{
    for (unsigned look = 0; look < 20; look++) {
        if (!each_sleeps())
            return false;
        usleep(50);
    }
    return true;
}

/* As the control job does it: none of them is loaded, or will be. */
static void stop_and_go(struct domain *d)
{
    const time_t from = time(NULL);

    hv_lock_get();
    domain_suspend(d);
    hv_lock_put();
    while (!READ_ONCE(d->suspended)) {
        if (time(NULL) > from + 20)
            fail_msg("a vCPU of a domain that is to stop runs on");
        sched_yield();
    }
    for (unsigned look = 0; look < 1000; look++)
        for (unsigned i = 0; i < d->nr_vcpus; i++)
            MUST((bool)!atomic_load(&actor_of(d->vcpu[i])->on));
    hv_lock_get();
    WRITE_ONCE(d->suspended, false);
    for (unsigned i = 0; i < d->nr_vcpus; i++)
        sched_resume(d->vcpu[i]);
    hv_lock_put();
    stops++;
}

static void wait_until_all_sleep(void)
{
    const time_t from = time(NULL);

    while (atomic_load(&events) < EVENTS || !all_sleep()) {
        if (time(NULL) > from + 100)
            fail_msg("after %lu events somebody sleeps with one, or waits",
                     (unsigned long)events);
        /* All may sleep before there were so many. */
        if (each_sleeps())
            send(&actors[dice(VCPUS)]);
        stop_and_go(machine_domain(2));
        usleep(100);
    }
}

/* However it was levelled: more than all processors gave nobody had. */
static void none_had_more_than_there_was(uint64_t ns)
{
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_in_range(actors[i].v->had, 0, THREADS * ns);
        assert_in_range(actors[i].v->d->had, 0, THREADS * ns);
    }
}

static void none_is_lost_or_on_two_processors(void **state)
{
    const uint64_t from = clock_now_ns();
    pthread_t thread[THREADS];

    (void)state;
    machine_make(2, 4);
    machine_run(NULL);
    machine_cpus(MACHINE_CPUS);
    machine_domain(1)->control = true;
    cpu_set_add(&machine_domain(2)->cpus, 1);
    cpu_set_add(&machine_domain(2)->cpus, 2);
    machine_be(THREADS);
    seed = 99;
    for (unsigned i = 0; i < VCPUS; i++) {
        struct vcpu *v = machine_domain(1 + i / 4)->vcpu[i % 4];

        actors[i].v = v;
        v->state = VCPU_DOWN;
        v->runstate = RUNSTATE_offline;
        sched_place(v);
        sched_up(v);
    }
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, processor, (void *)i);
    wait_until_all_sleep();
    over = true;
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (unsigned i = 0; i < MACHINE_CPUS; i++)
        assert_true(queue_empty(&queues[i]) && !queues[i].lock.held);
    assert_true(stops > 100);
    none_had_more_than_there_was(clock_now_ns() - from);
    machine_be(0);
    machine_cpus(1);
    machine_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_lost_or_on_two_processors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
