/* SPDX-License-Identifier: MIT */
/*
 * exit.c: the slow path back to a guest: whatever was asked for while the
 * hypervisor ran is done here, in a loop, because doing it may ask for more.
 *
 * Invariant: no operation is under way, so nothing is owed (mm/alloc/owed.h).
 */
#include "hv/entry/exit.h"

#include "hv/debug/dump.h"
#include "hv/domain/bounce.h"
#include "hv/domain/vcpu.h"

void exit_work(void)
{
    struct percpu *cpu = this_cpu();

    ASSERT(cpu->owed.what == TLB_NOTHING);
    do {
        struct vcpu *v = cpu->vcpu;

        cpu->work = 0;
        if (v && v->d->end == DOMAIN_CRASHED && !v->d->dumped) {
            v->d->dumped = true;
            dump_vcpu(v);
        }
        sched_before_guest();
        bounce_events(cpu->vcpu);
    } while (cpu->work);
    ASSERT(cpu->owed.what == TLB_NOTHING);
}
