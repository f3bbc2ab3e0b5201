/* SPDX-License-Identifier: MIT */
/* lock.c: see lock.h. */
#include "hv/arch/lock.h"

#include "hv/arch/ipi.h"
#include "hv/arch/x86.h"

struct lock hv_lock;

/* Its holder's. */
struct lock_stats lock_stats;
static uint64_t wanted_since; /* TSC; 0: it has not looked, or nobody waited */

/* TSC ticks: some milliseconds; some tens of microseconds. */
#define CLAIM_AFTER (UINT64_C(1) << 25)
#define OVERDUE     100000u

static uint32_t claimant(void)
{
    return this_cpu()->id + 1;
}

static bool claimed_by_another(void)
{
    uint32_t by = atomic_load_explicit(&hv_lock.claim, memory_order_relaxed);

    return by && by != claimant();
}

static void claim(void)
{
    uint32_t nobody = 0;

    (void)atomic_compare_exchange_strong_explicit(
        &hv_lock.claim, &nobody, claimant(), memory_order_relaxed,
        memory_order_relaxed);
}

static bool try(void)
{
    return !claimed_by_another() &&
           !atomic_load_explicit(&hv_lock.held, memory_order_relaxed) &&
           !atomic_exchange_explicit(&hv_lock.held, 1, memory_order_acquire);
}

/* Of who has it now. */
static void came_to_it(uint64_t start)
{
    if (atomic_load_explicit(&hv_lock.claim, memory_order_relaxed) ==
        claimant())
        atomic_store_explicit(&hv_lock.claim, 0, memory_order_relaxed);
    wanted_since = 0;
    lock_stats.waits++;
    lock_stats.longest = MAX(lock_stats.longest, x86_rdtsc() - start);
}

void lock_wait(bool taken)
{
    const uint64_t start = x86_rdtsc();

    atomic_fetch_add_explicit(&hv_lock.waiting, 1, memory_order_relaxed);
    while (!taken || claimed_by_another()) {
        if (taken)
            lock_put();
        ipi_serve();
        x86_pause();
        if (x86_rdtsc() - start > CLAIM_AFTER)
            claim();
        taken = try();
    }
    atomic_fetch_sub_explicit(&hv_lock.waiting, 1, memory_order_relaxed);
    came_to_it(start);
}

bool lock_overdue(void)
{
    if (!atomic_load_explicit(&hv_lock.waiting, memory_order_relaxed)) {
        wanted_since = 0;
        return false;
    }
    if (!wanted_since)
        wanted_since = x86_rdtsc();
    return x86_rdtsc() - wanted_since > OVERDUE;
}

void lock_take(void)
{
    lock_get();
}
