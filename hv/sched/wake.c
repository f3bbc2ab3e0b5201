/* SPDX-License-Identifier: MIT */
/*
 * wake.c: who may run and who may not, and the CPU that hears of it.
 *
 * Whoever wakes or kicks another vCPU waits for it most likely: one of its own
 * domain is run at once, if that is fair and no CPU is idle; for one of another
 * the current slice ends when WAKE_SLICE of it is over.
 *
 * No wake-up is lost, and no CPU rests while a vCPU waits that it may run:
 *   - who sleeps says so first (sched_sleep()), then looks whether what it
 *     waits for is there; who wakes it has put that there first, then looks;
 *   - who goes idle says so first (idle_cpus), then looks at all queues and at
 *     what it has loaded; who wakes changes those first, then looks for an idle
 *     CPU, and of several that do one tells it;
 *   - who is held is put back, or into the queue, under the lock under which
 *     who wakes it found it held.
 * tests/model/steal.pml has these three.
 */
#include "hv/sched/wake.h"

#include "hv/arch/cpu.h"
#include "hv/arch/ipi.h"
#include "hv/base/cmdline.h"
#include "hv/dev/clock.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/queue.h"
#include "hv/sched/runstate.h"
#include "hv/sched/sched.h"
#include "hv/sched/time.h"
#include "hv/sched/turn.h"

static struct cpu_mask idle_cpus; /* each looks for something to do, or rests */

static unsigned me(void)
{
    return this_cpu()->id;
}

/* --- idle CPUs ------------------------------------------------------------ */

/* False: it is not idle, or another has told it. */
static bool rouse(unsigned cpu)
{
    if (!cpu_mask_drop(&idle_cpus, cpu))
        return false;
    if (cpu != me())
        ipi_send(cpu_of(cpu), WORK_RESCHED);
    return true;
}

bool wake_offer(const struct domain *d, unsigned home)
{
    unsigned i;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    i = cpu_mask_next(&idle_cpus, 0, cpu_count);
    if (likely(i == cpu_count))
        return false;
    if ((cpu_set_has(&d->cpus, me()) && rouse(me())) || rouse(home))
        return true;
    for (; i < cpu_count; i = cpu_mask_next(&idle_cpus, i + 1, cpu_count))
        if (cpu_set_has(&d->cpus, i) && rouse(i))
            return true;
    return false;
}

void wake_idle_begin(void)
{
    cpu_mask_put(&idle_cpus, me());
}

bool wake_is_idle(unsigned cpu)
{
    return cpu_mask_has(&idle_cpus, cpu);
}

void wake_idle_end(void)
{
    (void)cpu_mask_drop(&idle_cpus, me()); /* it may have been told */
}

void wake_idle_that_may(void)
{
    for (unsigned i = cpu_mask_next(&idle_cpus, 0, cpu_count); i < cpu_count;
         i = cpu_mask_next(&idle_cpus, i + 1, cpu_count))
        if (queue_waits_for(i))
            (void)rouse(i); /* or it has heard by now */
}

/* --- who may run, and who may not ----------------------------------------- */

#define SLEEPS (BIT(VCPU_BLOCKED) | BIT(VCPU_POLLING))

/* A CPU that looked while v was between two queues has not seen it. */
static bool offer_again(const struct vcpu *v, unsigned home)
{
    if (wake_offer(v->d, home))
        return true;
    turn_contend(v->d);
    return false;
}

/*
 * If v's state is one of these it may run from now on. False: it waits, and no
 * CPU was idle.
 */
static bool may_run(struct vcpu *v, uint64_t from)
{
    struct queue *q;
    unsigned home;
    bool held;

    if (v->home != me())
        turn_charge_here();
    q = queue_lock_home(v);
    if (v->home == me())
        turn_charge(me());
    if (!(BIT(v->state) & from)) {
        queue_unlock(q);
        return true;
    }
    turn_wakes(v);
    WRITE_ONCE(v->state, VCPU_RUNNABLE);
    held = v->held;
    home = v->home;
    if (!held && !v->queued) {
        runstate_waiting(v, turn_my()->charged);
        if (likely(domain_runs(v->d))) /* or sched_forget() may be over */
            queue_put(q, v);
    }
    queue_unlock(q);
    if (held) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        (void)rouse(home); /* or it looks before it is idle */
        return true;
    }
    if (wake_offer(v->d, home))
        return true;
    turn_contend(v->d);
    return turn_cut_for(v, home) && offer_again(v, home);
}

/*
 * One vCPU of a guest has interrupted another, which waits for its turn. What
 * it has is put down to it as ever, and heed_kick() sees to it that others do
 * not wait for that: one that slept has its bonus in hand already.
 */
static void prefer(struct vcpu *v, bool slept)
{
    const struct vcpu *by = current_vcpu();
    struct turn *t = turn_my();

    if (!by || by->d != v->d)
        return;
    WRITE_ONCE(t->kicked, v);
    t->kick_lead = slept ? 0 : options.timeslice * 1000000;
    sched_request();
}

void sched_up(struct vcpu *v)
{
    if (v->state != VCPU_DOWN)
        return;
    (void)may_run(v,
                  BIT(VCPU_DOWN)); /* nobody is preferred to whoever ups it */
    time_arm(v);
}

/* What it waited for is gone with its channels: it looks for itself. */
void sched_resume(struct vcpu *v)
{
    (void)may_run(v, SLEEPS | BIT(VCPU_RUNNABLE)); /* as above */
}

/* What it was sent meanwhile has woken it, only not put it into a queue. */
void sched_unpause(struct vcpu *v)
{
    (void)may_run(v, BIT(VCPU_RUNNABLE)); /* as above */
}

void sched_down(struct vcpu *v)
{
    struct queue *q = queue_lock_home(v);
    const unsigned home = v->home;
    const bool held = v->held;

    WRITE_ONCE(v->state, VCPU_DOWN);
    if (v->queued)
        queue_remove(q, v);
    if (!held)
        runstate_waiting(v, clock_now_ns());
    queue_unlock(q);
    time_arm(v);
    if (v == current_vcpu())
        sched_request();
    else if (held)
        ipi_send(cpu_of(home), WORK_RESCHED);
}

bool sched_sleep(struct vcpu *v, enum vcpu_state how)
{
    enum vcpu_state runs = VCPU_RUNNABLE;

    return __atomic_compare_exchange_n(&v->state, &runs, how, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void sched_stay(struct vcpu *v, enum vcpu_state how)
{
    (void)__atomic_compare_exchange_n(&v->state, &how, VCPU_RUNNABLE, false,
                                      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

bool sched_held(struct vcpu *v)
{
    struct queue *q = queue_lock_home(v);
    const bool held = v->held;

    queue_unlock(q);
    return held;
}

/* It runs, or waits; the CPU that has it looks whether it runs on as before. */
static void kick(struct vcpu *v)
{
    struct queue *q = queue_lock_home(v);
    const bool held = v->held, waits = v->queued;
    const unsigned home = v->home;

    queue_unlock(q);
    if (waits)
        prefer(v, false);
    else if (held && home != me())
        ipi_send(cpu_of(home), WORK_LOOK);
}

void sched_wake(struct vcpu *v)
{
    if (BIT(__atomic_load_n(&v->state, __ATOMIC_SEQ_CST)) & SLEEPS) {
        if (!may_run(v, SLEEPS))
            prefer(v, true);
    } else if (v != current_vcpu()) {
        kick(v);
    }
}
