/* SPDX-License-Identifier: MIT */
/*
 * exit.c: the slow path back to a guest: whatever was asked for while the
 * hypervisor ran is done here, in a loop, because doing it may ask for more.
 *
 * Invariant: no operation is under way, so nothing is owed (mm/alloc/owed.h).
 */
#include "hv/entry/exit.h"

#include "hv/arch/lock.h"
#include "hv/debug/dump.h"
#include "hv/domain/bounce.h"
#include "hv/domain/retry.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/sched.h"
#include "hv/sched/time.h"

/* The one that did it, or the first that comes by. */
static void dump_once(struct vcpu *v)
{
    struct domain *d = v->d;

    if (d->dumped || (d->culprit && d->culprit != v))
        return;
    d->dumped = true;
    dump_vcpu(v);
}

static void tell_of_crash(struct vcpu *v)
{
    hv_lock_get();
    dump_once(v);
    hv_lock_put();
}

void exit_work(void)
{
    struct percpu *cpu = this_cpu();

    ASSERT(cpu->owed.what == TLB_NOTHING);
    do {
        struct vcpu *v = cpu->vcpu;
        uint32_t work = cpu->work;

        cpu->work = 0;
        if ((work & (WORK_TIME | WORK_RESCHED)) == WORK_TIME)
            time_program(); /* or whoever is chosen has it set */
        if (v)
            retry_leave(v);
        if (v && READ_ONCE(v->d->end) == DOMAIN_CRASHED)
            tell_of_crash(v);
        sched_before_guest(work & WORK_RESCHED);
        time_refresh(cpu->vcpu);
        bounce_events(cpu->vcpu);
    } while (cpu->work);
    ASSERT(cpu->owed.what == TLB_NOTHING);
    lock_hook_none("held on the way to a guest");
}
