/* SPDX-License-Identifier: MIT */
/*
 * sched.c: a queue of the vCPUs that could run but do not. Whoever wakes goes
 * to its front and waits for no more than WAKE_SLICE, so that a guest that
 * waits for something is served soon; it runs no longer than that before it
 * goes to the end, so waking often is no way to run always.
 *
 * Invariant: v->queued says whether v is in the queue; what is taken out of
 * the queue and cannot run is simply dropped.
 */
#include "hv/sched.h"

#include "hv/clock.h"
#include "hv/cmdline.h"
#include "hv/cpu.h"
#include "hv/guest.h"
#include "hv/lifecycle.h"
#include "hv/memory.h"
#include "hv/report.h"
#include "hv/time.h"
#include "hv/vcpu.h"
#include "hv/x86.h"
#include "xen/vcpu.h"

#define WAKE_SLICE 1000000u /* ns */
#define SCRUB_TIME 5000000u

static struct vcpu *head, *tail;
static bool requested;
static uint64_t slice_start, slice_end; /* of the current vCPU */

static bool can_run(const struct vcpu *v)
{
    return v->state == VCPU_RUNNABLE && v->d->end == DOMAIN_ALIVE;
}

/* --- the queue ----------------------------------------------------------- */

static void push_back(struct vcpu *v)
{
    if (v->queued)
        return;
    v->queued = true;
    v->run_next = NULL;
    if (tail)
        tail->run_next = v;
    else
        head = v;
    tail = v;
}

static void push_front(struct vcpu *v)
{
    if (v->queued)
        return;
    v->queued = true;
    v->run_next = head;
    head = v;
    if (!tail)
        tail = v;
}

void sched_forget(struct vcpu *v)
{
    struct vcpu **p = &head, *last = NULL;

    if (!v->queued)
        return;
    while (*p != v) {
        last = *p;
        p = &last->run_next;
    }
    *p = v->run_next;
    if (tail == v)
        tail = last;
    v->queued = false;
}

static struct vcpu *pop(void)
{
    while (head) {
        struct vcpu *v = head;

        sched_forget(v);
        if (can_run(v))
            return v;
    }
    return NULL;
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
    (void)!guest_write64(entry, r.state_entry_time & ~XEN_RUNSTATE_UPDATE);
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

void sched_request(void)
{
    requested = true;
    cpu_work(WORK_RESCHED);
}

static void may_run(struct vcpu *v)
{
    v->state = VCPU_RUNNABLE;
    if (v == current_vcpu())
        return;
    runstate_waiting(v);
    push_front(v);
    v->woken = true;
    slice_end = MIN(slice_end, slice_start + WAKE_SLICE);
    time_program();
}

void sched_up(struct vcpu *v)
{
    if (v->state == VCPU_DOWN)
        may_run(v);
}

void sched_down(struct vcpu *v)
{
    v->state = VCPU_DOWN;
    if (v == current_vcpu())
        sched_request();
    else
        runstate_waiting(v);
}

void sched_wake(struct vcpu *v)
{
    if (v->state != VCPU_BLOCKED && v->state != VCPU_POLLING)
        return;
    if (v->poll_deadline) {
        v->poll_deadline = 0;
        time_arm(v);
    }
    may_run(v);
}

/* Is there anything else to do than to go on with the current vCPU? */
static bool others_wait(void)
{
    return head || domain_ended;
}

uint64_t sched_slice_end(void)
{
    const struct vcpu *v = current_vcpu();

    /* While idle nobody's slice runs: an end in the past would be a storm. */
    return v && can_run(v) && others_wait() ? slice_end : 0;
}

void sched_tick(uint64_t now)
{
    if (others_wait() && now >= slice_end)
        sched_request();
}

/* --- the choice ---------------------------------------------------------- */

static void run(struct vcpu *next)
{
    bool brief = next->woken || domain_ended;

    next->woken = false;
    slice_start = clock_now_ns();
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

/* prev goes to the end of the queue if it could go on. */
static struct vcpu *choose(struct vcpu *prev)
{
    struct vcpu *next = pop();

    if (!next && prev && can_run(prev))
        return prev;
    if (next && prev && can_run(prev))
        push_back(prev);
    if (prev)
        runstate_waiting(prev);
    return next;
}

/* A block takes a tenth of a millisecond, on an emulator some of them. */
static bool time_to_scrub(void)
{
    return time_next() > clock_now_ns() + SCRUB_TIME;
}

/* Useful work first; then sleep until an interrupt. */
static void idle(void)
{
    if (domain_ended || (time_to_scrub() && alloc_scrub(&hv_mm, 1)))
        x86_sti_nop_cli();
    else
        x86_sti_hlt_cli();
}

static void let_go_of_request(void)
{
    requested = false;
    this_cpu()->work &= ~WORK_RESCHED;
}

void sched_before_guest(void)
{
    struct vcpu *v = current_vcpu();

    if (likely(!requested && v && can_run(v)))
        return;
    for (;;) {
        let_go_of_request();
        if (domain_ended)
            domain_reap();
        v = choose(current_vcpu());
        if (v)
            break;
        if (!domain_list)
            report_and_power_off();
        idle();
    }
    run(v);
}
