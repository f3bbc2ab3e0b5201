/* SPDX-License-Identifier: MIT */
/*
 * The scheduler in a time of the test's own, under guests of all manners:
 * those that never stop, that sleep, that wake each other, that yield, and
 * that try to get more than their share. Nobody starves, those who compute
 * get the same, and who sleeps is served soon.
 */
#include <string.h>

#include "hv/arch/x86.h"
#include "hv/dev/clock.h"
#include "hv/sched/runstate.h"
#include "mm/alloc/frame.h"
#include "mm/alloc/shared.h"
#include "tests/hv/machine.h"

static void wait_for_interrupt(void);
#define x86_sti_hlt_cli wait_for_interrupt
#define x86_sti_nop_cli wait_for_interrupt
#include "hv/sched/sched.c"

/* --- what sched.c wants of others ----------------------------------------- */

struct options options = {.timeslice = 30};
static uint64_t now, switches;

uint64_t clock_now_ns(void)
{
    return now;
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

void vcpu_switch(struct vcpu *next)
{
    switches++;
    machine_run(next);
}

void vcpu_rest(void)
{
}

void vcpu_resume(const struct vcpu *v)
{
    assert_ptr_equal(v, current_vcpu());
}

void vcpu_set_mode(struct vcpu *v, bool kernel)
{
    v->in_kernel = kernel;
}

void time_program(void)
{
}

void time_fire(void)
{
}

void time_arm(struct vcpu *v)
{
    (void)v;
}

uint64_t time_next(void)
{
    return turn_my()->reap_end;
}

uint64_t alloc_scrub(struct mm *mm, uint64_t n)
{
    (void)mm;
    (void)n;
    return 0;
}

uint64_t shared_scrub(struct mm *mm, uint64_t n)
{
    (void)mm;
    (void)n;
    return 0;
}

uint64_t frame_trim(struct mm *mm, uint64_t n)
{
    (void)mm;
    (void)n;
    return 0;
}

void ipi_serve(void)
{
}

/*
 * How long the reaper has worked in all, and at one go; and after what time it
 * stops for a message, of which others send as many as they can. 0: for none.
 */
static uint64_t reaped, reap_run, reap_longest, reap_mail;

/* As one that asks port_preempt(): until the timer goes, or work is there. */
bool domain_reap(void)
{
    static uint64_t last;
    uint64_t until = sched_slice_end();

    assert_int_not_equal(domain_ended, 0);
    assert_false(this_cpu()->work & WORK_RESCHED);
    assert_true(until > now); /* none at all would be the console's tick */
    if (reap_mail)
        until = MIN(until, now + reap_mail);
    reap_run = (now == last ? reap_run : 0) + until - now;
    reap_longest = MAX(reap_longest, reap_run);
    reaped += until - now;
    last = now = until;
    return true;
}

/* --- guests --------------------------------------------------------------- */

#define US 1000u
#define MS 1000000u

enum manner {
    HOG,     /* computes */
    SLEEPER, /* computes a little, sleeps */
    PARTNER, /* computes a little, wakes the next vCPU, blocks */
    YIELDER, /* computes a little, lets others go first */
    NAPPER,  /* sleeps just before its slice ends, for as short as it can */
    KICKER,  /* computes, and interrupts the next vCPU all the time */
};

struct actor {
    enum manner manner;
    uint64_t busy, sleep;          /* how long */
    uint64_t left;                 /* of busy, before it does what it does */
    uint64_t wake_at;              /* while it sleeps */
    uint64_t woken_at, had, worst; /* measured: time, wait after waking */
};

static struct actor actors[DOMAIN_VCPUS * 4];
static struct vcpu *cast[DOMAIN_VCPUS * 4];
static unsigned nr_actors;
static uint64_t slept; /* the processor */

static void wake_sleepers(void)
{
    for (unsigned i = 0; i < nr_actors; i++) {
        struct actor *a = &actors[i];

        if (!a->wake_at || a->wake_at > now)
            continue;
        a->wake_at = 0;
        a->woken_at = now;
        sched_wake(cast[i]);
    }
}

static uint64_t next_wake(void)
{
    uint64_t at = ~UINT64_C(0);

    for (unsigned i = 0; i < nr_actors; i++)
        if (actors[i].wake_at)
            at = MIN(at, actors[i].wake_at);
    return at;
}

static void wait_for_interrupt(void)
{
    uint64_t at = next_wake();

    assert_true(at != ~UINT64_C(0)); /* or it would sleep for ever */
    slept += at - now;
    now = at;
    wake_sleepers();
}

static void block(struct vcpu *v)
{
    assert_true(sched_sleep(v, VCPU_BLOCKED));
    sched_request();
}

/* It has computed as long as it wanted. */
static void act(unsigned i)
{
    struct actor *a = &actors[i];

    a->left = a->busy;
    switch (a->manner) {
    case HOG:
        break;
    case SLEEPER:
    case NAPPER:
        a->wake_at = now + a->sleep;
        block(cast[i]);
        break;
    case PARTNER:
        block(cast[i]);
        sched_wake(cast[i ^ 1]);
        actors[i ^ 1].woken_at = now;
        break;
    case YIELDER:
        sched_give_way();
        break;
    case KICKER:
        sched_wake(cast[i ^ 1]);
        break;
    }
}

static unsigned actor_of(const struct vcpu *v)
{
    unsigned i = 0;

    while (cast[i] != v)
        i++;
    return i;
}

/* The current vCPU runs until something happens. */
static void run_current(void)
{
    unsigned i = actor_of(current_vcpu());
    struct actor *a = &actors[i];
    uint64_t until = MIN(now + a->left, next_wake()), slice = sched_slice_end();

    if (a->woken_at) {
        a->worst = MAX(a->worst, now - a->woken_at);
        a->woken_at = 0;
    }
    if (slice)
        until = MIN(until, MAX(slice, now));
    a->had += until - now;
    a->left -= until - now;
    now = until;
    wake_sleepers();
    if (slice && now >= slice)
        sched_tick(now);
    if (!a->left)
        act(i);
}

static void play(uint64_t duration)
{
    uint64_t end = now + duration;

    while (now < end) {
        sched_before_guest(false);
        run_current();
    }
}

static void appear(unsigned domain, enum manner m, uint64_t busy,
                   uint64_t sleep)
{
    struct domain *d = machine_domain(domain);
    static unsigned used[8];
    struct vcpu *v;

    if (nr_actors == 0)
        memset(used, 0, sizeof(used));
    v = d->vcpu[used[domain]++];
    actors[nr_actors] = (struct actor){m, busy, sleep, busy, 0, 0, 0, 0};
    cast[nr_actors++] = v;
    v->state = VCPU_DOWN;
    v->runstate = RUNSTATE_offline;
    v->runstate_entry = now;
    sched_up(v);
}

static int start(void **state)
{
    (void)state;
    machine_make(4, DOMAIN_VCPUS);
    machine_run(NULL);
    memset(turns, 0, sizeof(turns));
    hv_lock = (struct lock){0};
    now = turns[0].charged = 1000;
    switches = slept = nr_actors = 0;
    domain_ended = 0;
    reaped = reap_run = reap_longest = reap_mail = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < nr_actors; i++)
        sched_forget(cast[i]);
    machine_end();
    return 0;
}

/* --- that computing is shared alike --------------------------------------- */

static void assert_share(unsigned i, uint64_t want, uint64_t off)
{
    if (actors[i].had + off < want || actors[i].had > want + off)
        fail_msg("vCPU %u had %lu us of %lu", i, actors[i].had / US, want / US);
}

static void those_who_compute_get_the_same(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        appear(1 + i % 3, HOG, 7 * MS, 0);
    play(6000 * (uint64_t)MS);
    /* Two of domain 1, two of domain 2, one of domain 3. */
    for (unsigned i = 0; i < 5; i++)
        assert_share(i, (i == 2 ? 2000 : 1000) * (uint64_t)MS, 46 * MS);
    /* By whole slices, not by bits. */
    assert_in_range(switches, 6000 / 31, 6000 / 29 + 2);
}

static void many_vcpus_get_no_more_than_one(void **state)
{
    uint64_t sum = 0;

    (void)state;
    for (unsigned i = 0; i < DOMAIN_VCPUS; i++)
        appear(1, i % 2 ? HOG : i % 4 ? SLEEPER : YIELDER, 3 * MS, MS);
    appear(2, HOG, 7 * MS, 0);
    play(8000 * (uint64_t)MS);
    for (unsigned i = 0; i < DOMAIN_VCPUS; i++)
        sum += actors[i].had;
    assert_share(DOMAIN_VCPUS, 4000 * (uint64_t)MS, 80 * MS);
    assert_in_range(sum, 3920 * (uint64_t)MS, 4080 * (uint64_t)MS);
    /* And among its own those who compute get the same. */
    for (unsigned i = 1; i < DOMAIN_VCPUS; i += 2)
        assert_share(i, actors[1].had, 62 * MS);
}

/* What is done for a domain, whoever runs. */
static void run_errand(struct domain *d, uint64_t ns)
{
    struct domain *outer = sched_errand_begin(d);

    now += ns;
    sched_errand_end(outer);
}

/*
 * A flooder that computes besides has 600 us of each ms done for it, as long
 * as it is not far over its share: who only computes does not pay for that.
 */
static void an_errand_is_put_down_to_whom_it_is_for(void **state)
{
    uint64_t begin = now, done = 0;

    (void)state;
    appear(1, HOG, 400 * US, 0);
    appear(2, HOG, 400 * US, 0);
    while (now < begin + 8000 * (uint64_t)MS) {
        play(400 * US);
        if (machine_domain(2)->had > machine_domain(1)->had + 30 * MS)
            continue;
        run_errand(machine_domain(2), 600 * US);
        done += 600 * US;
    }
    assert_true(done > 2000 * (uint64_t)MS);
    assert_share(0, 4000 * (uint64_t)MS, 80 * MS);
    assert_in_range(actors[1].had + done, 3920 * (uint64_t)MS,
                    4080 * (uint64_t)MS);
}

/* What is drawn or sent in the midst of an errand is another's. */
static void an_errand_in_another_leaves_the_rest_to_that(void **state)
{
    struct domain *one, *other, *outer;
    uint64_t one_had, other_had;

    (void)state;
    appear(1, HOG, 400 * US, 0);
    appear(2, HOG, 400 * US, 0);
    appear(3, HOG, 400 * US, 0);
    play(100 * MS);
    one = machine_domain(2);
    other = machine_domain(3);
    one_had = one->had;
    other_had = other->had;
    outer = sched_errand_begin(one);
    run_errand(other, 3 * US);
    now += 500 * US;
    sched_errand_end(outer);
    assert_int_equal(other->had - other_had, 3 * US);
    assert_int_equal(one->had - one_had, 500 * US);
}

static void alone_one_is_not_disturbed(void **state)
{
    (void)state;
    appear(1, HOG, 100 * MS, 0);
    play(10000 * (uint64_t)MS);
    assert_int_equal(switches, 1);
    assert_int_equal(sched_slice_end(), 0);
}

static void who_comes_late_does_not_make_up_for_it(void **state)
{
    (void)state;
    appear(1, HOG, 7 * MS, 0);
    play(5000 * (uint64_t)MS);
    actors[0].had = 0;
    appear(2, HOG, 7 * MS, 0);
    play(1000 * (uint64_t)MS);
    assert_share(0, 500 * MS, 40 * MS);
    assert_share(1, 500 * MS, 40 * MS);
}

/* --- that who sleeps is served soon --------------------------------------- */

static void a_sleeper_waits_little_for_those_who_compute(void **state)
{
    (void)state;
    appear(1, HOG, 9 * MS, 0);
    appear(2, HOG, 8 * MS, 0);
    appear(3, SLEEPER, 200 * US, 10 * MS);
    play(5000 * (uint64_t)MS);
    assert_true(actors[2].worst <= WAKE_SLICE);
    assert_true(actors[2].had > 5000 / 11 * 200 * US);
    assert_share(0, actors[1].had, 40 * MS);
}

static void many_sleepers_leave_the_processor_idle(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++)
        appear(1 + i % 4, SLEEPER, 50 * US, (20 + i) * MS);
    play(3000 * (uint64_t)MS);
    for (unsigned i = 0; i < 12; i++)
        assert_true(actors[i].worst <= 12 * 50 * US);
    assert_true(slept > 2800 * (uint64_t)MS);
}

/* --- that nobody gets more than others by tricks -------------------------- */

static void partners_do_not_starve_others(void **state)
{
    (void)state;
    appear(1, PARTNER, 100 * US, 0);
    appear(1, PARTNER, 100 * US, 0);
    block(cast[1]); /* it begins when it is woken */
    appear(2, HOG, 5 * MS, 0);
    play(4000 * (uint64_t)MS);
    /* Of two that never run both, each could claim a third, or one a half. */
    assert_true(actors[2].had >= 4000 / 3 * (uint64_t)MS);
    assert_true(actors[0].had + actors[1].had >= 4000 / 3 * (uint64_t)MS);
}

static void a_short_nap_wins_nothing(void **state)
{
    (void)state;
    appear(1, HOG, 5 * MS, 0);
    appear(2, NAPPER, 29 * MS, 10 * US);
    appear(3, NAPPER, 900 * US, 10 * US);
    play(6000 * (uint64_t)MS);
    for (unsigned i = 0; i < 3; i++)
        assert_true(actors[i].had >= 1800 * (uint64_t)MS);
    assert_true(actors[0].had <= 2200 * (uint64_t)MS);
}

static void kicking_another_is_no_way_to_run_for_ever(void **state)
{
    (void)state;
    appear(1, KICKER, 50 * US, 0);
    appear(1, KICKER, 50 * US, 0);
    appear(2, HOG, 5 * MS, 0);
    appear(3, HOG, 5 * MS, 0);
    play(4000 * (uint64_t)MS);
    for (unsigned i = 0; i < 4; i++)
        assert_share(i, (i < 2 ? 667 : 1333) * (uint64_t)MS, 70 * MS);
}

/*
 * A guest that interrupts a vCPU of its own waits for that one, not for all
 * the others; but those who have had far less may go first.
 */
static void who_is_kicked_by_its_like_is_next(void **state)
{
    unsigned own = 0, heeded = 0, other = 0, heeded_other = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        appear(i < 2 ? 1 : i, HOG, 5 * MS, 0);
    for (unsigned round = 0; round < 200; round++) {
        unsigned i;

        play(10 * MS);
        i = actor_of(current_vcpu());
        sched_wake(cast[i ^ 1]);
        play(WAKE_SLICE + 1);
        *(i < 2 ? &own : &other) += 1;
        *(i < 2 ? &heeded : &heeded_other) += current_vcpu() == cast[i ^ 1];
        play(37 * MS);
    }
    assert_true(heeded > own / 2);
    assert_true(heeded_other < other / 8); /* by chance */
}

/* The slice that was cut for one who waits is passed on, and ends as it would.
 */
static void kicks_keep_nobody_waiting(void **state)
{
    (void)state;
    appear(1, KICKER, 50 * US, 0);
    appear(1, KICKER, 50 * US, 0);
    appear(2, SLEEPER, 200 * US, 10 * MS);
    play(3000 * (uint64_t)MS);
    assert_true(actors[2].worst <= WAKE_SLICE + 50 * US);
}

/* However long the one that wakes it has run: both wait for an answer. */
static void who_is_woken_by_its_like_runs_at_once(void **state)
{
    (void)state;
    appear(1, HOG, 5 * MS, 0);
    appear(1, HOG, 5 * MS, 0);
    for (unsigned round = 0; round < 200; round++) {
        unsigned i;

        play(3 * MS + round * 100 * US);
        i = actor_of(current_vcpu());
        block(cast[i ^ 1]);
        play(11 * MS); /* which is more than it may have in hand */
        sched_wake(cast[i ^ 1]);
        sched_before_guest(false);
        assert_ptr_equal(current_vcpu(), cast[i ^ 1]);
        block(cast[i ^ 1]);
        sched_before_guest(false);
        sched_wake(cast[i ^ 1]); /* the slice has hardly begun */
        sched_before_guest(false);
        assert_ptr_equal(current_vcpu(), cast[i ^ 1]);
    }
}

static void yielding_lets_the_others_go_first(void **state)
{
    (void)state;
    appear(1, YIELDER, 20 * US, 0);
    appear(2, HOG, 5 * MS, 0);
    appear(3, HOG, 5 * MS, 0);
    play(1000 * (uint64_t)MS);
    assert_true(actors[0].had < 10 * MS);
    assert_true(actors[0].had > 100 * US);
    assert_share(1, actors[2].had, 40 * MS);
}

static void with_nobody_else_a_yielder_goes_on(void **state)
{
    (void)state;
    appear(1, YIELDER, 20 * US, 0);
    play(100 * MS);
    assert_int_equal(switches, 1);
    assert_true(actors[0].had >= 99 * MS);
}

/* --- runstates ------------------------------------------------------------ */

static void every_nanosecond_is_accounted_for(void **state)
{
    uint64_t begin = now, running = 0;

    (void)state;
    appear(1, SLEEPER, 300 * US, 3 * MS);
    appear(1, HOG, 5 * MS, 0);
    appear(2, YIELDER, 70 * US, 0);
    appear(3, SLEEPER, 20 * US, 40 * MS);
    play(700 * MS);
    for (unsigned i = 0; i < nr_actors; i++) {
        struct vcpu_runstate_info r;
        uint64_t sum = 0;

        runstate_get(cast[i], &r);
        for (unsigned k = 0; k < 4; k++)
            sum += r.time[k];
        assert_int_equal(sum, now - begin);
        assert_int_equal(r.time[RUNSTATE_running], actors[i].had);
        assert_int_equal(r.time[RUNSTATE_offline], 0);
        running += r.time[RUNSTATE_running];
    }
    assert_int_equal(running + slept, now - begin);
}

/* What another CPU has said last may be a bit later than it is here. */
static void a_later_stamp_of_another_cpu_is_no_age(void **state)
{
    struct vcpu_runstate_info r;

    (void)state;
    appear(1, HOG, 5 * MS, 0);
    play(10 * MS);
    cast[0]->runstate_entry = now + 100;
    runstate_get(cast[0], &r);
    assert_int_equal(r.time[RUNSTATE_running], cast[0]->runstate_time[0]);
    runstate_set(cast[0], RUNSTATE_blocked, now);
    assert_int_equal(cast[0]->runstate_time[0], r.time[RUNSTATE_running]);
    assert_int_equal(cast[0]->runstate_entry, now + 100); /* nor goes it back */
}

/* Readers see from the flag that an update is under way (ABI 2.9). */
static void the_runstate_area_is_written(void **state)
{
    struct vcpu_runstate_info area = {.state = -1};

    (void)state;
    appear(1, HOG, 5 * MS, 0);
    appear(2, HOG, 5 * MS, 0);
    cast[0]->runstate_area = (uintptr_t)&area;
    cast[0]->d->vm_assist = BIT(VMASST_TYPE_runstate_update_flag);
    play(200 * MS);
    assert_int_equal(area.state, RUNSTATE_running);
    assert_int_equal(area.state_entry_time & XEN_RUNSTATE_UPDATE, 0);
    assert_true(area.time[RUNSTATE_runnable] >= 60 * MS);
    /* It says how things stood when the vCPU began to run. */
    assert_int_equal(area.time[0] + area.time[1] + area.time[2] + area.time[3],
                     area.state_entry_time - 1000);
    machine_bad_from = (uintptr_t)&area;
    machine_bad_to = machine_bad_from + sizeof(area);
    cast[0]->d->vm_assist = 0;
    area.state = 77;
    play(200 * MS); /* what cannot be written is not written */
    assert_int_equal(area.state, 77);
}

/* --- ends ----------------------------------------------------------------- */

/*
 * Who computes, sleeps or asks for others all the time: the reaper has a turn
 * between two of theirs, no more, none of them pays for it, and all are served.
 */
static void the_reaper_takes_its_turns(void)
{
    uint64_t running = 0, begin = now;

    appear(1, HOG, 7 * MS, 0);
    appear(2, HOG, 5 * MS, 0);
    appear(3, SLEEPER, 200 * US, 10 * MS);
    play(100 * MS);
    domain_ended = 1;
    sched_request();
    play(1000 * (uint64_t)MS);
    assert_true(reap_longest <= REAP_TURN);
    assert_in_range(reaped, 300 * MS, 600 * MS);
    assert_true(actors[2].worst <= WAKE_SLICE + REAP_TURN);
    assert_share(0, actors[1].had, 40 * MS);
    for (unsigned i = 0; i < nr_actors; i++) {
        struct vcpu_runstate_info r;

        runstate_get(cast[i], &r);
        assert_int_equal(r.time[RUNSTATE_running], actors[i].had);
        running += actors[i].had;
    }
    assert_int_equal(running + slept + reaped, now - begin);
}

static void the_reaper_takes_turns(void **state)
{
    (void)state;
    the_reaper_takes_its_turns();
}

/* As many as without: or a guest could keep what another had from all. */
static void messages_do_not_end_its_turns(void **state)
{
    (void)state;
    reap_mail = 10 * US;
    the_reaper_takes_its_turns();
}

static void who_is_down_or_ended_does_not_run(void **state)
{
    (void)state;
    appear(1, HOG, 5 * MS, 0);
    appear(2, HOG, 5 * MS, 0);
    appear(3, HOG, 5 * MS, 0);
    play(100 * MS);
    sched_down(cast[0]);
    cast[1]->d->end = DOMAIN_POWEROFF;
    sched_request();
    actors[0].had = actors[1].had = 0;
    play(100 * MS);
    assert_int_equal(actors[0].had, 0);
    assert_int_equal(actors[1].had, 0);
    sched_wake(cast[0]); /* an event does not raise it */
    cast[2]->state = VCPU_BLOCKED;
    sched_up(cast[2]); /* it is up already, and still blocked */
    assert_int_equal(cast[2]->state, VCPU_BLOCKED);
    sched_wake(cast[2]);
    play(100 * MS);
    assert_int_equal(actors[0].had, 0);
    sched_up(cast[0]);
    play(300 * MS);
    assert_share(0, 150 * MS, 40 * MS);
    sched_forget(cast[0]);
    sched_forget(cast[0]);
    assert_false(cast[0]->queued);
}

/* A vCPU that is current when it wakes again was never away. */
static void waking_the_current_one_keeps_it(void **state)
{
    (void)state;
    appear(1, SLEEPER, 100 * US, 100 * US);
    play(100 * MS);
    assert_int_equal(switches, 1);
    assert_in_range(actors[0].had, 49 * MS, 51 * MS);
}

#define simulated(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        simulated(those_who_compute_get_the_same),
        simulated(many_vcpus_get_no_more_than_one),
        simulated(an_errand_is_put_down_to_whom_it_is_for),
        simulated(an_errand_in_another_leaves_the_rest_to_that),
        simulated(alone_one_is_not_disturbed),
        simulated(who_comes_late_does_not_make_up_for_it),
        simulated(a_sleeper_waits_little_for_those_who_compute),
        simulated(many_sleepers_leave_the_processor_idle),
        simulated(partners_do_not_starve_others),
        simulated(a_short_nap_wins_nothing),
        simulated(kicking_another_is_no_way_to_run_for_ever),
        simulated(who_is_kicked_by_its_like_is_next),
        simulated(kicks_keep_nobody_waiting),
        simulated(who_is_woken_by_its_like_runs_at_once),
        simulated(yielding_lets_the_others_go_first),
        simulated(with_nobody_else_a_yielder_goes_on),
        simulated(every_nanosecond_is_accounted_for),
        simulated(a_later_stamp_of_another_cpu_is_no_age),
        simulated(the_runstate_area_is_written),
        simulated(the_reaper_takes_turns),
        simulated(messages_do_not_end_its_turns),
        simulated(who_is_down_or_ended_does_not_run),
        simulated(waking_the_current_one_keeps_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
