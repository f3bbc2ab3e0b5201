/* SPDX-License-Identifier: MIT */
/* lock.c: see lock.h, and mm/base/lock.h for what a lock is. */
#include "hv/arch/lock.h"

#include "hv/arch/ipi.h"
#include "hv/arch/x86.h"

struct lock hv_lock;

/* TSC ticks: some milliseconds; some tens of microseconds. */
#define CLAIM_AFTER (UINT64_C(1) << 25)
#define OVERDUE     100000u

static uint32_t claimant(void)
{
    return this_cpu()->id + 1;
}

static bool claimed_by_another(const struct lock *l)
{
    uint32_t by = atomic_load_explicit(&l->claim, memory_order_relaxed);

    return by && by != claimant();
}

static void claim(struct lock *l)
{
    uint32_t nobody = 0;

    (void)atomic_compare_exchange_strong_explicit(
        &l->claim, &nobody, claimant(), memory_order_relaxed,
        memory_order_relaxed);
}

void port_lock_claim(struct lock *l)
{
    claim(l);
}

static bool try(struct lock *l)
{
    return !claimed_by_another(l) &&
           !atomic_load_explicit(&l->held, memory_order_relaxed) &&
           !atomic_exchange_explicit(&l->held, 1, memory_order_acquire);
}

/* By who has it now. */
static void came_to_it(struct lock *l, uint64_t start)
{
    if (atomic_load_explicit(&l->claim, memory_order_relaxed) == claimant())
        atomic_store_explicit(&l->claim, 0, memory_order_relaxed);
    l->waits++;
    l->longest = MAX(l->longest, x86_rdtsc() - start);
}

void port_lock_wait(struct lock *l, bool taken)
{
    const uint64_t start = x86_rdtsc();

    atomic_fetch_add_explicit(&l->waiting, 1, memory_order_relaxed);
    while (!taken || claimed_by_another(l)) {
        if (taken)
            lock_let_go(l);
        ipi_serve();
        x86_pause();
        if (this_cpu()->has_hv_lock || x86_rdtsc() - start > CLAIM_AFTER)
            claim(l);
        taken = try(l);
    }
    atomic_fetch_sub_explicit(&l->waiting, 1, memory_order_relaxed);
    came_to_it(l, start);
}

static bool wanted(const struct lock *l)
{
    return atomic_load_explicit(&l->waiting, memory_order_relaxed);
}

bool lock_overdue(void)
{
    struct percpu *cpu = this_cpu();

    if (!(cpu->has_hv_lock && wanted(&hv_lock)) &&
        !(cpu->mm_lock && wanted(cpu->mm_lock))) {
        cpu->wanted_since = 0;
        return false;
    }
    if (!cpu->wanted_since)
        cpu->wanted_since = x86_rdtsc();
    return x86_rdtsc() - cpu->wanted_since > OVERDUE;
}
