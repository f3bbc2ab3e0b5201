/* SPDX-License-Identifier: MIT */
/* idle_work.c: see idle_work.h. */
#include "hv/sched/idle_work.h"

#include "hv/arch/lock.h"
#include "hv/arch/memory.h"
#include "hv/dev/clock.h"
#include "hv/domain/domain.h"
#include "hv/sched/time.h"
#include "mm/alloc/frame.h"
#include "mm/alloc/shared.h"

/*
 * A block takes a tenth of a millisecond, on an emulator some of them; so
 * little, of frames that are shared, takes a tenth of that.
 */
#define SCRUB_FRAMES 16
#define SCRUB_TIME   5000000u /* ns */
static bool time_to_scrub(void)
{
    return time_next() > clock_now_ns() + SCRUB_TIME;
}

/* Blocks looked at for frame words nobody needs, before each sleep. */
#define TRIM_LOOKS 16

/* One CPU at a time; another that has the lock has something better to do. */
static bool trim(void)
{
    bool done;

    if (!hv_lock_try())
        return false;
    done = frame_trim(&hv_mm, TRIM_LOOKS);
    hv_lock_put();
    return done;
}

/* The allocator has locks of its own. */
bool idle_work(void)
{
    return READ_ONCE(domain_ended) ||
           (time_to_scrub() &&
            (shared_scrub(&hv_mm, SCRUB_FRAMES) || alloc_scrub(&hv_mm, 1))) ||
           trim();
}
