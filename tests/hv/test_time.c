/* SPDX-License-Identifier: MIT */
/*
 * The timers of many vCPUs on one machine timer, in a time that is the
 * test's own: each fires when it is due, neither earlier nor later nor twice,
 * and the machine's timer is always set for whatever comes first.
 */
#include <string.h>

#include "hv/arch/idt.h"
#include "hv/arch/ipi.h"
#include "hv/arch/lapic.h"
#include "hv/base/log.h"
#include "hv/base/print.h"
#include "hv/dev/apic.h"
#include "hv/dev/clock.h"
#include "hv/sched/care.h"
#include "hv/sched/event.h"
#include "hv/sched/sched.h"
#include "hv/sched/time.h"
#include "hv/sched/watchdog.h"
#include "tests/hv/machine.h"

#define VCPUS 7

/* --- what time.c wants of others ------------------------------------------ */

static uint64_t now = 1000, machine_timer, slice_end, ticks, text_left;
static unsigned timer_sets, told;
static void (*interrupt)(void);
static unsigned virqs[VCPUS], wakes[VCPUS];
static const struct clock_scale scale = {
    .tsc_base = 12345, .mul = 0x80000000u, .shift = 1};
const struct clock_scale *clock_scale = &scale;
unsigned clock_generation;
struct cpu_features cpu_features;
bool another_scale;

bool clock_resync(void)
{
    clock_generation += another_scale;
    return another_scale;
}

uint64_t clock_now_ns(void)
{
    return now;
}

uint64_t clock_wall_base(void)
{
    return UINT64_C(0x1234567890);
}

void lapic_eoi(void)
{
}

void apic_timer_set(uint64_t deadline_ns)
{
    machine_timer = deadline_ns;
    timer_sets++;
}

void ipi_send(struct percpu *to, uint32_t what)
{
    assert_int_equal(to->id, 1);
    told |= what;
}

void idt_set_handler(unsigned vector, void (*fn)(void))
{
    assert_int_equal(vector, LAPIC_TIMER_VECTOR);
    interrupt = fn;
}

static bool tick_of_client(void)
{
    ticks++;
    return text_left && text_left--;
}

uint64_t sched_slice_end(void)
{
    return slice_end;
}

void care_tick(uint64_t at)
{
    (void)at;
}
void care_round(void)
{
}

static struct domain *errand;

struct domain *sched_errand_begin(struct domain *d)
{
    assert_null(errand);
    errand = d;
    return NULL;
}

void sched_errand_end(struct domain *outer)
{
    assert_non_null(errand);
    errand = outer;
}

static uint64_t line_due;
static unsigned line_calls;

static uint64_t due_of_client(void)
{
    return line_due;
}

static void at_due(void)
{
    line_calls++;
    line_due = 0;
}

void sched_tick(uint64_t t)
{
    assert_int_equal(t, now);
    if (slice_end && t >= slice_end)
        slice_end = 0;
}

void sched_wake(struct vcpu *v)
{
    wakes[v->id]++;
    v->state = VCPU_RUNNABLE;
}

void event_virq(struct vcpu *v, unsigned virq)
{
    assert_int_equal(virq, VIRQ_TIMER);
    virqs[v->id]++;
}

static char said[200];

void log_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_vformat(said, sizeof(said), fmt, ap);
    va_end(ap);
}

/* --- time goes by --------------------------------------------------------- */

static struct domain *d;

static void register_once(void)
{
    static struct time_client client = {tick_of_client, due_of_client, at_due,
                                        NULL};
    static bool done;

    if (!done)
        time_register(&client);
    done = true;
}

static int start(void **state)
{
    (void)state;
    machine_make(1, VCPUS);
    d = machine_domain(1);
    memset(virqs, 0, sizeof(virqs));
    memset(wakes, 0, sizeof(wakes));
    slice_end = 0;
    register_once();
    time_init();
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VCPUS; i++)
        time_disarm(d->vcpu[i]);
    machine_end();
    return 0;
}

static void fire(void)
{
    machine_timer = 0; /* it is spent */
    interrupt();
}

/* The interrupt comes when the machine's timer says, or a little later. */
static void pass_until(uint64_t when, uint64_t late)
{
    assert_true(machine_timer != 0); /* the console's tick at least */
    while (machine_timer <= when) {
        now = MAX(now, machine_timer) + late;
        fire();
        assert_true(machine_timer > now);
        assert_int_equal(machine_timer, time_next());
    }
    now = MAX(now, when);
}

static void a_single_shot_fires_once_and_on_time(void **state)
{
    struct vcpu *v = d->vcpu[0];
    uint64_t at = now + 12345;

    (void)state;
    v->timer_single = at;
    time_arm(v);
    assert_int_equal(machine_timer, at);
    pass_until(at - 1, 0);
    assert_int_equal(virqs[0], 0);
    pass_until(at, 0);
    assert_int_equal(virqs[0], 1);
    assert_int_equal(v->timer_single, 0);
    pass_until(at + 100000000, 0);
    assert_int_equal(virqs[0], 1);
}

/* As the hypercall does. */
static void set_timer(uint64_t when)
{
    current_vcpu()->timer_single = when;
    time_arm(current_vcpu());
}

static void set_timer_op_sets_replaces_and_stops(void **state)
{
    uint64_t tick = machine_timer;

    (void)state;
    set_timer(now + 500);
    assert_int_equal(machine_timer, now + 500);
    set_timer(now + 300);
    assert_int_equal(machine_timer, now + 300);
    set_timer(0);
    assert_int_equal(machine_timer, tick);
    set_timer(now - 1); /* has passed */
    assert_int_equal(machine_timer, now - 1);
    pass_until(now, 0);
    assert_int_equal(virqs[0], 1);
}

/* A storm of interrupts would be the worst answer to such numbers. */
static void far_deadlines_do_no_harm(void **state)
{
    static const uint64_t far[] = {~UINT64_C(0), BIT(63), BIT(63) - 1,
                                   ~UINT64_C(0) - 1};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(far); i++) {
        uint64_t before = ticks;

        set_timer(far[i]);
        pass_until(now + 1000000000, 0);
        assert_int_equal(virqs[0], 0);
        assert_true(ticks - before <= 51);
    }
}

static void a_periodic_timer_keeps_its_phase(void **state)
{
    struct vcpu *v = d->vcpu[2];
    uint64_t first = now + 1000000;

    (void)state;
    v->periodic_period = 1000000;
    v->timer_periodic = first;
    time_arm(v);
    for (unsigned i = 0; i < 50; i++) {
        pass_until(first + i * 1000000, 999);
        assert_int_equal(virqs[2], i + 1);
        assert_int_equal(v->timer_periodic, first + (i + 1) * 1000000);
    }
    /* Much too late: once, not once for each that was missed. */
    now += 10500000;
    fire();
    assert_int_equal(virqs[2], 51);
    assert_int_equal(v->timer_periodic, now + 1000000);
}

/* A counter rounds, and another clock than ours drives it. */
static void an_early_interrupt_is_set_again(void **state)
{
    (void)state;
    set_timer(now + 500);
    now += 499;
    fire();
    assert_int_equal(virqs[0], 0);
    assert_int_equal(machine_timer, now + 1);
    pass_until(now + 1, 0);
    assert_int_equal(virqs[0], 1);
}

static void all_that_is_due_fires_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VCPUS; i++) {
        d->vcpu[i]->timer_single = now + 100 + i / 2;
        time_arm(d->vcpu[i]);
    }
    now += 1000;
    fire();
    for (unsigned i = 0; i < VCPUS; i++)
        assert_int_equal(virqs[i], 1);
}

static void a_poll_ends_at_its_deadline(void **state)
{
    struct vcpu *v = d->vcpu[1];

    (void)state;
    v->state = VCPU_POLLING;
    v->poll_deadline = now + 777;
    time_arm(v);
    pass_until(now + 776, 0);
    assert_int_equal(wakes[1], 0);
    pass_until(now + 1, 0);
    assert_int_equal(wakes[1], 1);
    assert_int_equal(virqs[1], 0);
    assert_int_equal(v->poll_deadline, 0);
}

/* Set before it is up, a timer waits until it is; down again, it is silent. */
static void who_is_down_has_no_timer(void **state)
{
    struct vcpu *v = d->vcpu[3];
    uint64_t tick = machine_timer, period = 1000000;

    (void)state;
    v->state = VCPU_DOWN;
    v->periodic_period = period;
    v->timer_periodic = now + period;
    time_arm(v);
    assert_int_equal(machine_timer, tick);
    pass_until(now + 30 * period, 0);
    assert_int_equal(virqs[3], 0);
    v->state = VCPU_RUNNABLE;
    time_arm(v);
    pass_until(now + 10 * period, 0);
    assert_in_range(virqs[3], 10, 11);
    v->state = VCPU_DOWN;
    time_arm(v);
    pass_until(now + 10 * period, 0);
    assert_in_range(virqs[3], 10, 11);
}

/* A line that interrupts for nothing is asked when it should have room. */
static void the_line_is_served_when_it_is_due(void **state)
{
    (void)state;
    line_calls = 0;
    line_due = now + 1000;
    time_program();
    assert_int_equal(machine_timer, line_due);
    pass_until(now + 1000, 0);
    assert_int_equal(line_calls, 1);
}

static void a_slice_ends_in_time(void **state)
{
    uint64_t tick = machine_timer;

    (void)state;
    slice_end = now + 5000;
    time_program();
    assert_int_equal(machine_timer, slice_end);
    pass_until(now + 5000, 0);
    assert_int_equal(slice_end, 0);
    assert_int_equal(machine_timer, tick);
}

static void the_console_is_looked_at(void **state)
{
    uint64_t before = ticks;

    (void)state;
    pass_until(now + 1000000000, 0);
    assert_in_range(ticks - before, 49, 51);
}

/* A guest that writes much is shown soon, not in one piece. */
static void console_text_that_waits_is_soon_shown(void **state)
{
    uint64_t before = ticks;

    (void)state;
    text_left = 5;
    pass_until(now + 50000000, 0);
    assert_int_equal(text_left, 0);
    assert_in_range(ticks - before, 6, 8);
}

#define SECOND UINT64_C(1000000000)

static void a_watchdog_bites_who_leaves_it_alone(void **state)
{
    (void)state;
    assert_int_equal(watchdog_set(d, 1, 5), -XEN_EINVAL); /* not yet */
    assert_int_equal(watchdog_set(d, 0, 2), 1);
    assert_int_equal(watchdog_set(d, 0, 3), 2);
    assert_int_equal(watchdog_set(d, 0, 1), -XEN_ENOSPC);
    assert_int_equal(watchdog_set(d, 3, 1), -XEN_EINVAL);
    assert_int_equal(watchdog_set(d, UINT32_MAX, 1), -XEN_EINVAL);
    pass_until(now + SECOND, 0);
    assert_int_equal(watchdog_set(d, 1, UINT32_MAX), 0);
    pass_until(now + SECOND + SECOND / 2, 0);
    assert_int_equal(d->end, DOMAIN_ALIVE);
    assert_int_equal(watchdog_set(d, 2, 0), 0); /* just in time */
    assert_int_equal(watchdog_set(d, 2, 0), -XEN_EINVAL);
    pass_until(now + 9 * SECOND, 0);
    assert_int_equal(d->end, DOMAIN_ALIVE);
    assert_int_equal(watchdog_set(d, 0, 1), 2);
    pass_until(now + SECOND - 1, 0);
    assert_int_equal(d->end, DOMAIN_ALIVE);
    pass_until(now + 30000000, 0);
    assert_int_equal(d->end, DOMAIN_CRASHED);
    assert_non_null(strstr(said, "did not reset its watchdog 2 in time"));
}

/* Who is paused cannot reset it, and has as long as before when it goes on. */
static void a_watchdog_stands_still_while_its_domain_is_paused(void **state)
{
    (void)state;
    assert_int_equal(watchdog_set(d, 0, 2), 1);
    pass_until(now + SECOND, 0);
    d->paused = true;
    pass_until(now + 9 * SECOND, 0);
    assert_int_equal(d->end, DOMAIN_ALIVE);
    d->paused = false;
    watchdog_delay(d, 9 * SECOND);
    pass_until(now + SECOND - 1, 0);
    assert_int_equal(d->end, DOMAIN_ALIVE);
    assert_int_equal(d->watchdog[1], 0);
    pass_until(now + 30000000, 0);
    assert_int_equal(d->end, DOMAIN_CRASHED);
}

/* The deadline is the same, but not its TSC. */
static void with_another_scale_the_timer_is_set_anew(void **state)
{
    unsigned before = timer_sets;

    (void)state;
    time_program();
    assert_int_equal(timer_sets, before);
    clock_generation++;
    time_program();
    assert_int_equal(timer_sets, before + 1);
    time_program();
    assert_int_equal(timer_sets, before + 1);
}

static void of_another_scale_all_are_told(void **state)
{
    (void)state;
    machine_cpus(2);
    told = 0;
    pass_until(now + 2 * SECOND, 0);
    assert_int_equal(told, 0);
    another_scale = true;
    pass_until(now + 2 * SECOND, 0);
    another_scale = false;
    assert_int_equal(told, WORK_LOOK | WORK_TIME);
    assert_true(this_cpu()->work & WORK_LOOK);
    machine_cpus(1);
}

/* --- many at once, against plain bookkeeping ------------------------------ */

struct expected {
    uint64_t single, periodic, period, poll;
    unsigned virqs, wakes;
};

static struct expected want[VCPUS];

static void expect_until(uint64_t to)
{
    for (unsigned i = 0; i < VCPUS; i++) {
        struct expected *e = &want[i];

        /* Two that are due in one instant are one interrupt: count instants. */
        for (;;) {
            uint64_t at = ~UINT64_C(0);

            if (e->single)
                at = MIN(at, e->single);
            if (e->periodic)
                at = MIN(at, e->periodic);
            if (at > to)
                break;
            e->virqs++;
            if (e->single == at)
                e->single = 0;
            if (e->periodic == at)
                e->periodic += e->period;
        }
        if (e->poll && e->poll <= to) {
            e->poll = 0;
            e->wakes++;
        }
    }
}

static void change(uint64_t *seed)
{
    unsigned i = (unsigned)machine_dice(seed, VCPUS);
    struct vcpu *v = d->vcpu[i];
    struct expected *e = &want[i];
    uint64_t at = now + 1 + machine_dice(seed, 30000000);

    switch (machine_dice(seed, 6)) {
    case 0:
    case 1:
        v->timer_single = e->single = at;
        break;
    case 2:
        v->periodic_period = e->period = 1000000 + machine_dice(seed, 9000000);
        v->timer_periodic = e->periodic = now + e->period;
        break;
    case 3:
        v->periodic_period = v->timer_periodic = e->periodic = 0;
        break;
    case 4:
        v->state = VCPU_POLLING;
        v->poll_deadline = e->poll = at;
        break;
    default:
        v->timer_single = v->timer_periodic = v->poll_deadline = 0;
        e->single = e->periodic = e->poll = 0;
        time_disarm(v);
        return;
    }
    time_arm(v);
}

static void many_timers_all_keep_time(void **state)
{
    uint64_t seed = 88172645463325252u;
    unsigned fired = 0;

    (void)state;
    memset(want, 0, sizeof(want));
    for (unsigned step = 0; step < 20000; step++) {
        uint64_t to = now + machine_dice(&seed, 4000000);

        change(&seed);
        expect_until(to);
        pass_until(to, 0);
        for (unsigned i = 0; i < VCPUS; i++) {
            assert_int_equal(virqs[i], want[i].virqs);
            assert_int_equal(wakes[i], want[i].wakes);
        }
    }
    for (unsigned i = 0; i < VCPUS; i++)
        fired += virqs[i] + wakes[i];
    assert_true(fired > 10000);
}

/* --- what guests read ----------------------------------------------------- */

static void the_clock_is_published_by_versions(void **state)
{
    struct vcpu *v = d->vcpu[3];
    const struct vcpu_time_info *t = &v->info->time;

    (void)state;
    v->info->time.version = 0xffffffffu; /* as a hostile guest left it */
    time_info_init(v);
    assert_int_equal(t->version % 2, 0);
    assert_int_equal(t->tsc_timestamp, 12345);
    assert_int_equal(t->system_time, 0);
    assert_int_equal(t->tsc_to_system_mul, 0x80000000u);
    assert_int_equal(t->tsc_shift, 1);
    v->info->time.version = 6;
    time_info_init(v);
    assert_int_equal(t->version, 8);
    time_shared_init(d);
    assert_int_equal(d->shared->wc_version % 2, 0);
    assert_int_equal(d->shared->wc_sec, 0x34567890);
    assert_int_equal(d->shared->wc_sec_hi, 0x12);
}

#define timed(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        timed(a_single_shot_fires_once_and_on_time),
        timed(set_timer_op_sets_replaces_and_stops),
        timed(far_deadlines_do_no_harm),
        timed(a_periodic_timer_keeps_its_phase),
        timed(an_early_interrupt_is_set_again),
        timed(all_that_is_due_fires_at_once),
        timed(a_poll_ends_at_its_deadline),
        timed(who_is_down_has_no_timer),
        timed(the_line_is_served_when_it_is_due),
        timed(a_slice_ends_in_time),
        timed(the_console_is_looked_at),
        timed(console_text_that_waits_is_soon_shown),
        timed(a_watchdog_bites_who_leaves_it_alone),
        timed(a_watchdog_stands_still_while_its_domain_is_paused),
        timed(with_another_scale_the_timer_is_set_anew),
        timed(of_another_scale_all_are_told),
        timed(many_timers_all_keep_time),
        timed(the_clock_is_published_by_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
