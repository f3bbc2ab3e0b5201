/* SPDX-License-Identifier: MIT */
/*
 * The scheduler on several processors in a time of the test's own: its choice,
 * its timers, the mail between CPUs and the way out to a guest are the real
 * ones, and each CPU has a stack. What one does under the lock is one step;
 * mail takes a while. After each step all that is counted and linked is right,
 * no vCPU is lost or where it may not be, and no CPU rests while a vCPU waits.
 */
#include <string.h>
#include <ucontext.h>

#include "hv/arch/idt.h"
#include "hv/arch/ipi.h"
#include "hv/arch/lapic.h"
#include "hv/arch/watch.h"
#include "hv/arch/x86.h"
#include "hv/debug/dump.h"
#include "hv/dev/apic.h"
#include "hv/dev/clock.h"
#include "hv/domain/bounce.h"
#include "hv/domain/tlb.h"
#include "hv/entry/exit.h"
#include "hv/sched/care.h"
#include "hv/sched/event.h"
#include "hv/sched/runstate.h"
#include "hv/sched/watchdog.h"
#include "mm/alloc/frame.h"
#include "mm/alloc/shared.h"
#include "tests/hv/machine.h"

static void halt(void);
static void look_round(void);
#define x86_sti_hlt_cli halt
#define x86_sti_nop_cli look_round
#include "hv/sched/sched.c"

#define US    UINT64_C(1000)
#define MS    UINT64_C(1000000)
#define NEVER (~UINT64_C(0))

#define DOMAIN_SIZE 8u

struct options options = {.timeslice = 30};
static const struct clock_scale scale = {.mul = BIT(31)};
const struct clock_scale *clock_scale = &scale;
unsigned clock_generation;
struct cpu_features cpu_features;

bool clock_resync(void)
{
    return false;
}

static uint64_t now = 1000, seed;
static void (*timer_interrupt)(void);

/* --- processors ----------------------------------------------------------- */

enum place {
    GUEST,
    HALTED,
    LOOKING, /* idle, with useful work */
};

static struct processor {
    ucontext_t at;
    uint8_t stack[1 << 16];
    enum place place;
    uint64_t mail_at, timer_at; /* when it takes that interrupt, or NEVER */
    void (*next)(void);         /* what it does next */
} processors[MACHINE_CPUS];
static ucontext_t simulation;

static struct processor *processor(void)
{
    return &processors[this_cpu()->id];
}

/* Until something happens to this CPU. */
static void wait_here(enum place place)
{
    struct processor *p = processor();

    assert_int_equal(hv_lock.held, 0);
    p->place = place;
    swapcontext(&p->at, &simulation);
    p->next();
}

static void halt(void)
{
    wait_here(HALTED);
}

static void look_round(void)
{
    wait_here(LOOKING);
}

/* As entry.asm has it. */
static void live(void)
{
    for (;;) {
        exit_work();
        do {
            wait_here(GUEST);
        } while (!this_cpu()->work);
    }
}

static void step(unsigned id, void (*what)(void))
{
    processors[id].next = what;
    machine_be(id);
    swapcontext(&simulation, &processors[id].at);
}

static void boot(unsigned id)
{
    struct processor *p = &processors[id];

    getcontext(&p->at);
    p->at.uc_stack.ss_sp = p->stack;
    p->at.uc_stack.ss_size = sizeof(p->stack);
    makecontext(&p->at, live, 0);
    p->mail_at = NEVER;
    step(id, NULL);
}

/* --- what the hypervisor wants of others ---------------------------------- */

uint64_t clock_now_ns(void)
{
    return now;
}

uint64_t clock_wall_base(void)
{
    return 0;
}

void apic_timer_set(uint64_t at)
{
    processor()->timer_at = at ? at : NEVER;
}

void idt_set_handler(unsigned vector, void (*fn)(void))
{
    assert_int_equal(vector, LAPIC_TIMER_VECTOR);
    timer_interrupt = fn;
}

void watch_answer(void)
{
}

void lapic_eoi(void)
{
}

void lapic_send(uint32_t apic_id, unsigned vector)
{
    assert_int_equal(vector, IPI_VECTOR);
    processors[apic_id].mail_at = now + machine_dice(&seed, 3 * US);
}

void care_tick(uint64_t at)
{
    (void)at;
}
void care_round(void)
{
}

void watchdog_tick(uint64_t at)
{
    (void)at;
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

void bounce_events(struct vcpu *v)
{
    assert_true(queue_can_run(v));
}

void dump_vcpu(struct vcpu *v)
{
    fail_msg("vCPU %u has crashed", v->id);
}

void vcpu_switch(struct vcpu *next)
{
    assert_true(!next || !next->on);
    machine_run(next);
}

void vcpu_rest(void)
{
    this_cpu()->tlb |= TLB_RESTING;
}

void vcpu_resume(const struct vcpu *v)
{
    assert_ptr_equal(v, current_vcpu());
    this_cpu()->tlb &= ~TLB_RESTING;
}

void vcpu_set_mode(struct vcpu *v, bool kernel)
{
    v->in_kernel = kernel;
}

uint64_t alloc_scrub(struct mm *mm, uint64_t n)
{
    (void)mm;
    return n - n;
}

uint64_t shared_scrub(struct mm *mm, uint64_t n)
{
    (void)mm;
    return n - n;
}

uint64_t frame_trim(struct mm *mm, uint64_t n)
{
    (void)mm;
    return n - n;
}

/* One turn is enough for what may go at all. */
bool domain_reap(void)
{
    for (struct domain *d = domain_list; d; d = d->next) {
        if (d->end == DOMAIN_ALIVE || d->held || d->mm.dying)
            continue;
        for (unsigned i = 0; i < d->nr_vcpus; i++) {
            sched_forget(d->vcpu[i]);
            time_disarm(d->vcpu[i]);
        }
        d->mm.dying = true;
        domain_ended--;
        return true;
    }
    return false;
}

/* --- guests --------------------------------------------------------------- */

enum manner {
    HOG,     /* computes */
    SLEEPER, /* computes a little, sleeps */
    PARTNER, /* computes a little, wakes the next vCPU, blocks */
    YIELDER, /* computes a little, lets others go first */
    WALKER,  /* anything of that, for any time, and takes others down and up */
};

static struct actor {
    enum manner manner;
    struct vcpu *v;
    uint64_t busy, sleep;
    uint64_t left;                 /* of busy, before it does what it does */
    uint64_t woken_at, had, worst; /* measured: time, wait after waking */
} actors[32];
static unsigned nr_actors;
static struct vcpu *controller_told;

/* NULL: it never came up. */
static struct actor *actor_of(const struct vcpu *v)
{
    for (unsigned i = 0; i < nr_actors; i++)
        if (actors[i].v == v)
            return &actors[i];
    return NULL;
}

static bool waits(const struct vcpu *v)
{
    return v->state == VCPU_BLOCKED || v->state == VCPU_POLLING;
}

static void wake(struct actor *a)
{
    if (waits(a->v) && domain_runs(a->v->d))
        a->woken_at = now;
    if (domain_runs(a->v->d))
        sched_wake(a->v);
}

void event_virq(struct vcpu *v, unsigned virq)
{
    assert_int_equal(virq, VIRQ_TIMER);
    wake(actor_of(v));
}

static void block(struct actor *a, uint64_t sleep)
{
    if (sleep)
        a->v->timer_single = now + sleep;
    time_arm(a->v);
    (void)sched_sleep(a->v, VCPU_BLOCKED); /* or it was taken down */
    sched_request();
}

static uint64_t dice(uint64_t n)
{
    return machine_dice(&seed, n);
}

/* As VCPUOP_down: one of its domain stays up. */
static void take_down(struct vcpu *v)
{
    for (unsigned i = 0; i < v->d->nr_vcpus; i++) {
        const struct vcpu *o = v->d->vcpu[i];

        if (o != v && o->state != VCPU_DOWN) {
            sched_down(v);
            return;
        }
    }
}

static void walk(struct actor *a)
{
    struct actor *other = &actors[dice(nr_actors)];

    a->busy = 1 + dice(dice(4) ? 100 * US : 50 * MS);
    switch (dice(8)) {
    case 0:
        sched_give_way();
        break;
    case 1:
        take_down(other->v);
        break;
    case 2:
        sched_up(other->v);
        break;
    case 3:
    case 4:
        wake(other);
        break;
    default:
        block(a, 1 + dice(dice(2) ? 20 * US : 20 * MS));
        break;
    }
    a->left = a->busy;
}

/* The current vCPU has computed as long as it wanted, and calls. */
static void call(void)
{
    struct actor *a = actor_of(current_vcpu());

    a->left = a->busy;
    switch (a->manner) {
    case HOG:
        break;
    case SLEEPER:
        block(a, a->sleep);
        break;
    case PARTNER:
        block(a, 0);
        wake(&actors[(a - actors) ^ 1]);
        break;
    case YIELDER:
        sched_give_way();
        break;
    case WALKER:
        walk(a);
        break;
    }
}

/* --- what happens --------------------------------------------------------- */

static void take_timer(void)
{
    processor()->timer_at = NEVER;
    timer_interrupt();
}

static void take_mail(void)
{
    processor()->mail_at = NEVER;
    ipi_interrupt();
}

static void go_on(void)
{
}

static struct actor *guest_of(unsigned id)
{
    return processors[id].place == GUEST ? actor_of(cpu_of(id)->vcpu) : NULL;
}

/* When the next thing happens to CPU id, and what. */
static uint64_t next_of(unsigned id, void (**what)(void))
{
    const struct processor *p = &processors[id];
    const struct actor *a = guest_of(id);
    uint64_t at = p->mail_at;

    *what = take_mail;
    if (p->timer_at < at) {
        at = p->timer_at;
        *what = take_timer;
    }
    if (a && now + a->left < at) {
        at = now + a->left;
        *what = call;
    }
    if (p->place == LOOKING && now + US < at) {
        at = now + US;
        *what = go_on;
    }
    return MAX(at, now);
}

static void pass(uint64_t until)
{
    for (unsigned i = 0; i < cpu_count; i++) {
        struct actor *a = guest_of(i);

        if (!a)
            continue;
        if (a->woken_at) {
            a->worst = MAX(a->worst, now - a->woken_at);
            a->woken_at = 0;
        }
        a->had += until - now;
        a->left -= MIN(a->left, until - now);
    }
    now = until;
}

/* --- what has to hold after each step ------------------------------------- */

static bool mail_is_under_way(void)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (processors[i].mail_at != NEVER)
            return true;
    return false;
}

static void check_vcpu(const struct vcpu *v)
{
    assert_true(!v->on || v->on->vcpu == v);
    assert_int_equal(v->held, v->on != NULL);
    assert_true(!v->held || v->home == v->on->id);
    assert_false(v->held && v->queued);
    assert_true(v->on || v->runstate != RUNSTATE_running);
    if (actor_of(v))
        assert_true(cpu_set_has(&v->d->cpus, v->home));
    if (queue_can_run(v) && actor_of(v))
        assert_true(v->on || v->queued);
}

static void check_domain(const struct domain *d)
{
    unsigned loaded = 0, queued = 0;

    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        check_vcpu(d->vcpu[i]);
        loaded += d->vcpu[i]->on != NULL;
        queued += d->vcpu[i]->queued;
    }
    assert_int_equal(d->held, loaded);
    assert_int_equal(d->waiting, queued);
    assert_false(d->suspended && loaded);
}

/* All that are queued are in the queue of their home, once. */
static void check_queue(unsigned id)
{
    const struct queue *q = &queues[id];
    const struct vcpu *last = NULL;
    unsigned nr[2] = {0};

    assert_int_equal(q->lock.held, 0);
    for (const struct vcpu *v = q->first; v; last = v, v = v->run_next) {
        assert_true(v->queued && v->home == id && v->run_prev == last);
        assert_true(v->d->had >= q->least);
        nr[cpu_set_says(&v->d->cpus)]++;
    }
    assert_ptr_equal(q->last, last);
    assert_int_equal(q->nr[0], nr[0]);
    assert_int_equal(q->nr[1], nr[1]);
    for (const struct domain *d = domain_list; d; d = d->next)
        for (unsigned i = 0; i < d->nr_vcpus; i++)
            if (d->vcpu[i]->queued && d->vcpu[i]->home == id)
                nr[cpu_set_says(&d->cpus)]--;
    assert_int_equal(nr[0] | nr[1], 0);
    assert_int_equal(queue_next(id) == id, !queue_empty(q));
}

/* For that CPU. */
static bool somebody_waits(unsigned id)
{
    for (unsigned i = 0; i < nr_actors; i++)
        if (actors[i].v->queued && queue_can_run(actors[i].v) &&
            cpu_set_has(&actors[i].v->d->cpus, id))
            return true;
    return false;
}

static void check_cpu(unsigned id, bool settled)
{
    const bool wanted = somebody_waits(id);
    const struct processor *p = &processors[id];
    const struct vcpu *v = cpu_of(id)->vcpu;

    assert_true(!v || v->on == cpu_of(id));
    assert_true(!wake_is_idle(id) || p->place != GUEST);
    assert_int_equal(cpu_of(id)->tlb & TLB_RESTING, p->place != GUEST);
    if (p->place == GUEST) {
        assert_int_equal(v->runstate, RUNSTATE_running);
        assert_true(queue_can_run(v) || p->mail_at != NEVER);
        if (settled && wanted)
            assert_true(p->timer_at <= MAX(now, turns[id].slice_end));
    } else if (settled && p->place == HALTED) {
        assert_false(wanted);
        assert_false(v && queue_can_run(v));
    }
}

static void check(void)
{
    const bool settled = !mail_is_under_way();

    assert_int_equal(hv_lock.held, 0);
    for (const struct domain *d = domain_list; d; d = d->next)
        check_domain(d);
    for (unsigned i = 0; i < cpu_count; i++) {
        check_queue(i);
        check_cpu(i, settled);
    }
}

static void play(uint64_t duration)
{
    const uint64_t end = now + duration;

    while (now < end) {
        void (*what)(void) = NULL, (*w)(void);
        unsigned first = (unsigned)dice(cpu_count), who = 0;
        uint64_t at = NEVER;

        /* Of what comes at the same time, anything is first. */
        for (unsigned i = 0; i < cpu_count; i++) {
            unsigned id = (first + i) % cpu_count;
            uint64_t t = next_of(id, &w);

            if (t < at) {
                at = t;
                who = id;
                what = w;
            }
        }
        assert_non_null(what); /* or all would sleep for ever */
        pass(at);
        step(who, what);
        check();
        /* It has looked at all queues before it rests. */
        if (processors[who].place == HALTED)
            assert_false(somebody_waits(who));
    }
}

/* --- before and after ------------------------------------------------------
 */

static struct vcpu *appearing;

static void bring_up(void)
{
    sched_up(appearing);
}

/* vCPUs of it that came up. */
static unsigned used_of(const struct domain *d)
{
    unsigned used = 0;

    for (unsigned i = 0; i < nr_actors; i++)
        used += actors[i].v->d == d;
    return used;
}

static struct actor *appear(unsigned domain, enum manner m, uint64_t busy,
                            uint64_t sleep)
{
    struct domain *d = machine_domain(domain);
    struct actor *a = &actors[nr_actors];

    *a = (struct actor){m, d->vcpu[used_of(d)], busy, sleep, busy, 0, 0, 0};
    nr_actors++;
    appearing = a->v;
    sched_place(a->v);
    step((unsigned)dice(cpu_count), bring_up);
    check();
    return a;
}

/* The control guest hears of domains that stop. */
static void changed(struct domain *d)
{
    (void)d;
    if (controller_told)
        wake(actor_of(controller_told));
}

static void make(unsigned cpus)
{
    static struct domain_hooks hooks = {.changed = changed};
    static bool registered;

    if (!registered)
        domain_register(&hooks);
    registered = true;
    machine_make(5, DOMAIN_SIZE);
    machine_run(NULL);
    machine_cpus(cpus);
    for (struct domain *d = domain_list; d; d = d->next)
        for (unsigned i = 0; i < d->nr_vcpus; i++) {
            d->vcpu[i]->state = VCPU_DOWN;
            d->vcpu[i]->runstate = RUNSTATE_offline;
            d->vcpu[i]->runstate_entry = now;
        }
    memset(turns, 0, sizeof(turns));
    for (unsigned i = 0; i < cpus; i++)
        turns[i].charged = now;
    hv_lock = (struct lock){0};
    domain_ended = 0;
    nr_actors = 0;
    controller_told = NULL;
    seed = 1;
    time_init();
    for (unsigned i = 0; i < cpus; i++)
        boot(i);
}

static int two(void **state)
{
    (void)state;
    make(2);
    return 0;
}

static int four(void **state)
{
    (void)state;
    make(4);
    return 0;
}

static int end(void **state)
{
    (void)state;
    machine_be(0);
    for (unsigned i = 0; i < nr_actors; i++) {
        time_disarm(actors[i].v);
        sched_forget(actors[i].v);
    }
    machine_cpus(1);
    machine_end();
    return 0;
}

/* --- shares ----------------------------------------------------------------
 */

static void assert_share(const struct actor *a, uint64_t want, uint64_t off)
{
    if (a->had + off < want || a->had > want + off)
        fail_msg("vCPU %td had %lu us of %lu", a - actors, a->had / US,
                 want / US);
}

static void forget_had(void)
{
    for (unsigned i = 0; i < nr_actors; i++)
        actors[i].had = actors[i].worst = 0;
}

static void one_more_than_there_are_cpus(void **state)
{
    const unsigned n = cpu_count + 1;

    (void)state;
    for (unsigned i = 0; i < n; i++)
        appear(1 + i, HOG, 1000000 * MS, 0);
    play(6000 * MS);
    for (unsigned i = 0; i < n; i++)
        assert_share(&actors[i], 6000 * MS * cpu_count / n, 70 * MS);
}

/* One more than there are CPUs, beside those who had one each until now. */
static void one_more_gets_as_much(void)
{
    forget_had();
    appear(1 + cpu_count, HOG, 1000000 * MS, 0);
    play(5000 * MS);
    for (unsigned i = 0; i <= cpu_count; i++)
        assert_share(&actors[i], 5000 * MS * cpu_count / (cpu_count + 1),
                     100 * MS);
}

/* However long those who were there before had had a CPU each. */
static void who_comes_late_gets_as_much(void **state)
{
    (void)state;
    for (unsigned i = 0; i < cpu_count; i++)
        appear(1 + i, HOG, 1000000 * MS, 0);
    play(5000 * MS);
    one_more_gets_as_much();
}

/* Nor does it matter that they began one after the other. */
static void who_began_later_has_no_more_in_hand(void **state)
{
    (void)state;
    for (unsigned i = 0; i < cpu_count; i++) {
        appear(1 + i, HOG, 1000000 * MS, 0);
        play(4000 * MS);
    }
    one_more_gets_as_much();
}

/* Nor has who could use no more a claim on what others used meanwhile. */
static void who_had_all_it_wanted_is_owed_nothing(void **state)
{
    uint64_t had[2] = {0};

    (void)state;
    appear(2, HOG, 1000000 * MS, 0);
    for (unsigned i = 0; i < 6; i++)
        appear(1, HOG, 1000000 * MS, 0);
    play(8000 * MS);
    forget_had();
    for (unsigned i = 0; i < 5; i++)
        appear(2, HOG, 1000000 * MS, 0);
    play(2000 * MS);
    for (unsigned i = 0; i < nr_actors; i++)
        had[actors[i].v->d->id - 1] += actors[i].had;
    assert_in_range(had[0], 1000 * MS * cpu_count - 120 * MS,
                    1000 * MS * cpu_count + 120 * MS);
}

static void many_vcpus_get_no_more_than_few(void **state)
{
    uint64_t sum = 0;

    (void)state;
    for (unsigned i = 0; i < cpu_count; i++)
        appear(2, HOG, 1000000 * MS, 0);
    for (unsigned i = 0; i < 8; i++)
        appear(1, HOG, 7 * MS, 0);
    play(6000 * MS);
    for (unsigned i = 0; i < cpu_count; i++)
        sum += actors[i].had;
    assert_in_range(sum, 3000 * MS * cpu_count - 150 * MS,
                    3000 * MS * cpu_count + 150 * MS);
    for (unsigned i = cpu_count + 1; i < nr_actors; i++)
        assert_share(&actors[i], actors[cpu_count].had, 70 * MS);
}

static void with_a_cpu_for_each_nobody_waits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < cpu_count; i++)
        appear(1 + i % 2, i ? HOG : SLEEPER, 300 * US, 2 * MS);
    play(3000 * MS);
    assert_true(actors[0].worst <= 4 * US);
    for (unsigned i = 1; i < cpu_count; i++)
        assert_share(&actors[i], 3000 * MS, MS);
}

/* --- where -----------------------------------------------------------------
 */

static void pin(unsigned domain, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        cpu_set_add(&machine_domain(domain)->cpus, i);
}

/* Others have what is left, and of one another's CPUs nobody takes any. */
static void who_is_pinned_shares_those_cpus(void **state)
{
    (void)state;
    pin(1, 0, 1);
    pin(3, cpu_count - 1, cpu_count);
    for (unsigned i = 0; i < 3; i++)
        appear(1, HOG, 1000000 * MS, 0);
    appear(3, HOG, 1000000 * MS, 0);
    appear(3, SLEEPER, 300 * US, 2 * MS);
    play(3000 * MS);
    for (unsigned i = 0; i < 3; i++)
        assert_share(&actors[i], 1000 * MS, 40 * MS);
    assert_true(actors[3].had > 2500 * MS);
    assert_true(actors[4].worst <= WAKE_SLICE + 10 * US);
}

/* What one has alone on another CPU is no measure of those who share this. */
static void who_comes_late_to_a_pinned_cpu_gets_as_much(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 5; i++)
        pin(i, i == 1, i == 1 ? 2 : 1);
    appear(1, HOG, 1000000 * MS, 0);
    appear(2, HOG, 1000000 * MS, 0);
    appear(3, HOG, 1000000 * MS, 0);
    play(20000 * MS);
    appear(4, SLEEPER, 500 * US, 5 * MS);
    play(100 * MS);
    appear(5, HOG, 1000000 * MS, 0);
    forget_had();
    play(3000 * MS);
    assert_share(&actors[0], 3000 * MS, MS);
    assert_share(&actors[4], actors[1].had, 100 * MS);
    assert_share(&actors[4], actors[2].had, 100 * MS);
    assert_true(actors[4].had > 850 * MS);
}

static unsigned moves(uint64_t duration)
{
    const uint64_t until = now + duration;
    unsigned home[ARRAY_SIZE(actors)], n = 0;

    while (now < until) {
        for (unsigned i = 0; i < nr_actors; i++)
            home[i] = actors[i].v->home;
        play(MS);
        for (unsigned i = 0; i < nr_actors; i++)
            n += actors[i].v->home != home[i];
    }
    return n;
}

/* Of a hundred turns on each CPU few are somebody's who comes from another. */
static void as_many_on_each_stay_at_home(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * cpu_count; i++)
        appear(1 + i % 4, HOG, 1000000 * MS, 0);
    play(500 * MS);
    assert_true(moves(3000 * MS) <= 20 * cpu_count);
}

static void wait_at(unsigned domain, unsigned id, unsigned home)
{
    struct vcpu *v = machine_domain(domain)->vcpu[id];

    v->state = VCPU_RUNNABLE;
    v->home = home;
    queue_put(queue_lock(home), v);
    queue_unlock(&queues[home]);
}

/* Of those that may run here; and from any that has one of these. */
static void the_fullest_is_stolen_from(void **state)
{
    const struct vcpu *v;

    (void)state;
    machine_be(0);
    pin(3, 1, 4);
    wait_at(1, 0, 1);
    for (unsigned i = 0; i < 2; i++)
        wait_at(2, i, 2);
    for (unsigned i = 0; i < 3; i++)
        wait_at(3, i, 3); /* which may not run here */
    assert_int_equal(queue_fullest(0), 3);
    v = steal_any();
    assert_true(v && v->d->id == 1); /* not the fullest: any will do */
    assert_true(v->held && !v->queued && v->home == 0);
    for (unsigned i = 0; i < 3; i++)
        sched_forget(machine_domain(3)->vcpu[i]);
    wait_at(1, 1, 1);
    v = steal_any();
    assert_true(v && v->d->id == 2);
    for (unsigned d = 1; d <= 2; d++)
        for (unsigned i = 0; i < 2; i++)
            sched_forget(machine_domain(d)->vcpu[i]);
    assert_null(steal_any());
}

/* It has its CPU: who wakes it need not leave another. */
static struct actor *woken;

static void wake_and_look(void)
{
    wake(woken);
    assert_false(turns[this_cpu()->id].requested);
    assert_null(turns[this_cpu()->id].kicked);
}

static void who_wakes_one_for_an_idle_cpu_goes_on(void **state)
{
    unsigned loaded = 0, offered = 0;
    struct actor *a;

    (void)state;
    a = appear(1, HOG, 5 * US, 0); /* a moment is so long */
    woken = appear(1, SLEEPER, 10 * US, 1000000 * MS);
    for (unsigned i = 0; i < cpu_count - 1; i++)
        appear(2, SLEEPER, 10 * US, (2 + i) * MS); /* it has its CPU between */
    for (unsigned round = 0; round < 200; round++) {
        bool idle = false;

        play(dice(2) ? 100 * US : MS + dice(5 * MS));
        for (unsigned i = 0; i < cpu_count; i++)
            idle |= i != a->v->home && wake_is_idle(i);
        if (woken->v->state != VCPU_BLOCKED || !idle)
            continue;
        *(woken->v->held ? &loaded : &offered) += 1;
        step(a->v->home, wake_and_look);
        play(20 * US);
        assert_ptr_equal(a->v->on->vcpu, a->v);
    }
    if (loaded < 10 || offered < 10)
        fail_msg("%u times it was loaded, %u times not", loaded, offered);
}

/* --- who sleeps ------------------------------------------------------------
 */

static void a_sleeper_is_served_soon(void **state)
{
    struct actor *a;

    (void)state;
    for (unsigned i = 0; i < cpu_count; i++)
        appear(1 + i % 3, HOG, 1000000 * MS, 0);
    appear(4, HOG, 5 * MS, 0);
    a = appear(5, SLEEPER, 200 * US, 10 * MS);
    play(5000 * MS);
    assert_true(a->worst <= WAKE_SLICE + 10 * US);
    assert_true(a->had > 5000 / 12 * 200 * US);
}

static void partners_go_on(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * cpu_count; i++)
        appear(1 + i / 2, PARTNER, 50 * US, 0);
    play(1000 * MS);
    for (unsigned i = 0; i < nr_actors; i++)
        assert_true(actors[i].had > 100 * MS);
}

static void a_yielder_lets_others_go_first(void **state)
{
    (void)state;
    appear(1, YIELDER, 20 * US, 0);
    for (unsigned i = 0; i < cpu_count; i++)
        appear(2, HOG, 9 * MS, 0);
    play(2000 * MS);
    assert_true(actors[0].had < 40 * MS && actors[0].had > 100 * US);
}

/* --- domains that stop ------------------------------------------------------
 */

static struct domain *subject;

static void suspend(void)
{
    hv_lock_get();
    domain_suspend(subject);
    hv_lock_put();
}

static void resume(void)
{
    hv_lock_get();
    subject->suspended = false;
    for (unsigned i = 0; i < subject->nr_vcpus; i++)
        sched_resume(subject->vcpu[i]);
    hv_lock_put();
}

static void destroy(void)
{
    hv_lock_get();
    domain_shutdown(subject, DOMAIN_DESTROYED, 0);
    hv_lock_put();
}

static void with_controller(void)
{
    machine_domain(1)->control = true;
    controller_told = appear(1, SLEEPER, 10 * US, 300 * MS)->v;
}

static void one_that_is_suspended_stops_soon(void **state)
{
    (void)state;
    with_controller();
    subject = machine_domain(2);
    for (unsigned i = 0; i < 6; i++)
        appear(2 + i % 2, i < 4 ? WALKER : HOG, 40 * US, 0);
    for (unsigned round = 0; round < 300; round++) {
        play(dice(20 * MS));
        step((unsigned)dice(cpu_count), suspend);
        play(10 * US);
        assert_true(subject->suspended);
        assert_true(actors[0].worst <= 20 * US + WAKE_SLICE);
        play(dice(10 * MS));
        step((unsigned)dice(cpu_count), resume);
    }
}

/* Alone: its CPUs have nothing to do, but for whom it wakes by stopping. */
static void the_last_to_stop_wakes_the_controller(void **state)
{
    (void)state;
    with_controller();
    subject = machine_domain(2);
    for (unsigned i = 0; i < cpu_count; i++)
        appear(2, HOG, 1000000 * MS, 0);
    for (unsigned round = 0; round < 50; round++) {
        play(1 + dice(30 * MS));
        actors[0].worst = 0;
        step((unsigned)dice(cpu_count), suspend);
        play(20 * US);
        assert_true(subject->suspended);
        play(MS);
        assert_true(actors[0].worst <= 10 * US);
        step((unsigned)dice(cpu_count), resume);
    }
}

static void one_that_is_destroyed_is_reaped(void **state)
{
    (void)state;
    with_controller();
    for (unsigned i = 0; i < 8; i++)
        appear(2 + i % 2, WALKER, 40 * US, 0);
    play(100 * MS);
    subject = machine_domain(2);
    step((unsigned)dice(cpu_count), destroy);
    play(10 * MS);
    assert_int_equal(domain_ended, 0);
    assert_true(subject->mm.dying);
    play(100 * MS);
}

/* --- anything ---------------------------------------------------------------
 */

#define WALKS 100

static void walks_of_all_manners(void **state)
{
    const unsigned cpus = cpu_count;

    for (unsigned walk_no = 1; walk_no <= WALKS; walk_no++) {
        end(state);
        make(cpus);
        seed = walk_no;
        for (unsigned i = 0, n = 2 + (unsigned)dice(12); i < n; i++) {
            enum manner m = (enum manner)dice(5);
            unsigned domain = 1 + (unsigned)dice(4);

            if (used_of(machine_domain(domain)) == DOMAIN_SIZE)
                continue;

            if (machine_domain(domain)->vcpu[0]->state == VCPU_DOWN && !dice(3))
                pin(domain, (unsigned)dice(cpus), cpus);
            appear(domain, m == PARTNER ? WALKER : m, 1 + dice(3 * MS),
                   1 + dice(9 * MS));
        }
        play(300 * MS);
    }
}

#define on_two(f)                                                              \
    {                                                                          \
#f " (2)", f, two, end, NULL                                           \
    }
#define on_four(f)                                                             \
    {                                                                          \
#f " (4)", f, four, end, NULL                                          \
    }
#define on_both(f) on_two(f), on_four(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        on_both(one_more_than_there_are_cpus),
        on_both(who_comes_late_gets_as_much),
        on_both(who_began_later_has_no_more_in_hand),
        on_both(who_had_all_it_wanted_is_owed_nothing),
        on_both(many_vcpus_get_no_more_than_few),
        on_both(with_a_cpu_for_each_nobody_waits),
        on_both(who_is_pinned_shares_those_cpus),
        on_both(who_comes_late_to_a_pinned_cpu_gets_as_much),
        on_both(as_many_on_each_stay_at_home),
        on_four(the_fullest_is_stolen_from),
        on_two(who_wakes_one_for_an_idle_cpu_goes_on),
        on_both(a_sleeper_is_served_soon),
        on_both(partners_go_on),
        on_both(a_yielder_lets_others_go_first),
        on_both(one_that_is_suspended_stops_soon),
        on_both(the_last_to_stop_wakes_the_controller),
        on_both(one_that_is_destroyed_is_reaped),
        on_both(walks_of_all_manners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
