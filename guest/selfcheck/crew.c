/* SPDX-License-Identifier: MIT */
/*
 * crew.c: as many vCPUs as there are processors, all at the same work, so that
 * each processor has one. What a check shares between them it says itself.
 */
#include "guest/selfcheck/selfcheck.h"

static unsigned met;

unsigned crew_size(void)
{
    static unsigned size;
    if (!size)
        size =
            machine.cpus_up ? MIN(machine.cpus_up, vcpu_count()) : vcpu_count();
    return size;
}

/* Whoever waits for one that is not running makes room for it. */
static bool wait_for(const unsigned *count, unsigned n)
{
    const uint64_t end = timer_now() + UINT64_C(1000000000);
    for (unsigned i = 1; __atomic_load_n(count, __ATOMIC_ACQUIRE) < n; i++) {
        if (i % 1024 == 0)
            hc_sched_op(SCHEDOP_yield, NULL);
        if (timer_now() > end)
            return false;
        __asm__ volatile("pause");
    }
    return true;
}

bool crew_meet(unsigned n)
{
    __atomic_fetch_add(&met, 1, __ATOMIC_ACQ_REL);
    return wait_for(&met, n * crew_size());
}

bool crew_run(vcpu_fn_t *fn, unsigned ms)
{
    bool all = true;
    __atomic_store_n(&met, 0, __ATOMIC_RELEASE);
    for (unsigned i = 1; i < crew_size(); i++)
        all = all && !vcpu_run(i, fn, (void *)(uint64_t)i);
    if (!all)
        return false;
    fn(NULL);
    for (unsigned i = 1; i < crew_size(); i++)
        all = vcpu_wait(i, ms) && all;
    return all;
}
