/* SPDX-License-Identifier: MIT */
/* runstate.c: see runstate.h. */
#include "hv/sched/runstate.h"

#include "hv/dev/clock.h"
#include "hv/domain/guest.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/queue.h"

/* On another CPU it may have been a bit later already. */
static uint64_t since(const struct vcpu *v, uint64_t now)
{
    return now > v->runstate_entry ? now - v->runstate_entry : 0;
}

void runstate_set(struct vcpu *v, enum xen_runstate state, uint64_t now)
{
    const uint64_t spent = since(v, now);

    if (v->runstate == state)
        return;
    v->runstate_time[v->runstate] += spent;
    v->runstate_entry += spent;
    v->runstate = state;
}

void runstate_waiting(struct vcpu *v, uint64_t now)
{
    enum xen_runstate state = RUNSTATE_blocked;

    if (v->state == VCPU_RUNNABLE)
        state = RUNSTATE_runnable;
    else if (v->state == VCPU_DOWN)
        state = RUNSTATE_offline;
    runstate_set(v, state, now);
}

void runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
    struct queue *q = queue_lock_home(v);

    *out = (struct vcpu_runstate_info){
        .state = (int32_t)v->runstate,
        .state_entry_time = v->runstate_entry,
    };
    for (unsigned i = 0; i < ARRAY_SIZE(out->time); i++)
        out->time[i] = v->runstate_time[i];
    out->time[v->runstate] += since(v, clock_now_ns());
    queue_unlock(q);
}

/*
 * An area that cannot be written is not written. With the flag asked for,
 * readers see from the entry time that an update is under way.
 */
static void write_area(const struct vcpu *v, uint64_t va)
{
    const uint64_t entry =
        va + offsetof(struct vcpu_runstate_info, state_entry_time);
    struct vcpu_runstate_info r = {
        .state = (int32_t)v->runstate,
        .state_entry_time = v->runstate_entry,
    };
    const bool flag = v->d->vm_assist & BIT(VMASST_TYPE_runstate_update_flag);

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

void runstate_publish(struct vcpu *v)
{
    const uint64_t va = READ_ONCE(v->runstate_area); /* others may set it */
    const bool kernel = v->in_kernel;

    if (!va)
        return;
    if (!kernel)
        vcpu_set_mode(v, true);
    write_area(v, va);
    if (!kernel)
        vcpu_set_mode(v, false);
}
