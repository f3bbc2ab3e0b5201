/* SPDX-License-Identifier: MIT */
/* lock.c: see lock.h. */
#include "hv/arch/lock.h"

#include "hv/arch/ipi.h"
#include "hv/arch/x86.h"

struct lock hv_lock;
struct lock_stats lock_stats; /* its holder's */

void lock_wait(uint32_t number)
{
    const uint64_t start = x86_rdtsc();

    while (atomic_load_explicit(&hv_lock.serving, memory_order_acquire) !=
           number) {
        ipi_serve();
        x86_pause();
    }
    lock_stats.waits++;
    lock_stats.longest = MAX(lock_stats.longest, x86_rdtsc() - start);
}

/* TSC ticks: some tens of microseconds. */
#define OVERDUE 100000u

bool lock_overdue(void)
{
    static uint32_t number; /* of the hold in which somebody first waited, */
    static uint64_t since;  /* and when that was seen */
    uint32_t now = atomic_load_explicit(&hv_lock.serving, memory_order_relaxed);

    if (!lock_wanted())
        return false;
    if (number != now) {
        number = now;
        since = x86_rdtsc();
    }
    return x86_rdtsc() - since > OVERDUE;
}

void lock_take(void)
{
    lock_get();
}
