/* SPDX-License-Identifier: MIT */
/* runstate.c: see runstate.h. */
#include "hv/sched/runstate.h"

#include "hv/dev/clock.h"
#include "hv/domain/guest.h"
#include "hv/domain/vcpu.h"

void runstate_set(struct vcpu *v, enum xen_runstate state)
{
    uint64_t now;

    if (v->runstate == state)
        return;
    now = clock_now_ns();
    v->d->running -= v->runstate == RUNSTATE_running;
    v->d->running += state == RUNSTATE_running;
    v->runstate_time[v->runstate] += now - v->runstate_entry;
    v->runstate_entry = now;
    v->runstate = state;
}

void runstate_waiting(struct vcpu *v)
{
    if (v->state == VCPU_RUNNABLE)
        runstate_set(v, RUNSTATE_runnable);
    else
        runstate_set(v, v->state == VCPU_DOWN ? RUNSTATE_offline
                                              : RUNSTATE_blocked);
}

void runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
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
static void write_area(const struct vcpu *v)
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

void runstate_publish(struct vcpu *v)
{
    bool kernel = v->in_kernel;

    if (!v->runstate_area)
        return;
    if (!kernel)
        vcpu_set_mode(v, true);
    write_area(v);
    if (!kernel)
        vcpu_set_mode(v, false);
}
