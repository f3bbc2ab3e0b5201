/* SPDX-License-Identifier: MIT */
/* idle_work.c: see idle_work.h. */
#include "hv/sched/idle_work.h"

#include "hv/arch/lock.h"
#include "hv/arch/memory.h"
#include "hv/base/string.h"
#include "hv/dev/clock.h"
#include "hv/domain/domain.h"
#include "hv/sched/time.h"
#include "mm/alloc/frame.h"
#include "mm/alloc/shared.h"

/*
 * A block takes a tenth of a millisecond, on an emulator some of them; so
 * little, of frames that are shared, takes a tenth of that. What it does take
 * is the mean of the last ones, and at first what a page says: a guest that
 * sleeps for a few milliseconds at a time must not keep all from being
 * scrubbed.
 */
#define SCRUB_FRAMES 16
#define SCRUB_TIME   UINT64_C(5000000) /* ns, at most */
static _Atomic uint64_t scrub_ns, block_ns;

/* One that took very long, since this processor was somebody else's meanwhile,
 * is not to keep all others from being tried. */
static void note_block_ns(uint64_t ns)
{
    const uint64_t mean = atomic_load_explicit(&block_ns, memory_order_relaxed);

    atomic_store_explicit(&block_ns,
                          mean ? (7 * mean + MIN(ns, 2 * mean)) / 8 : ns,
                          memory_order_relaxed);
}

/* The least of some times: the first also brings the page in. */
static void try_page(void)
{
    static uint8_t page[PAGE_SIZE];
    uint64_t least = SCRUB_TIME;

    for (unsigned i = 0; i < 4; i++) {
        const uint64_t start = clock_now_ns();

        memset(page, 0, sizeof(page));
        least = MIN(least, clock_now_ns() - start);
    }
    note_block_ns((least + 1) * BLOCK_FRAMES);
}

static bool time_to_scrub(void)
{
    uint64_t needed = atomic_load_explicit(&block_ns, memory_order_relaxed);

    if (unlikely(!needed))
        try_page();
    needed = atomic_load_explicit(&block_ns, memory_order_relaxed);
    return time_next() > clock_now_ns() + MIN(needed + needed / 4, SCRUB_TIME);
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

uint64_t idle_scrub_ns(void)
{
    return atomic_load_explicit(&scrub_ns, memory_order_relaxed);
}

static bool scrub_block(void)
{
    const uint64_t start = clock_now_ns();
    const bool done = alloc_scrub(&hv_mm, 1);
    const uint64_t ns = clock_now_ns() - start;

    if (done) {
        atomic_fetch_add_explicit(&scrub_ns, ns, memory_order_relaxed);
        note_block_ns(MAX(ns, UINT64_C(1)));
    }
    return done;
}

/* The allocator has locks of its own. */
bool idle_work(void)
{
    return READ_ONCE(domain_ended) ||
           (time_to_scrub() &&
            (shared_scrub(&hv_mm, SCRUB_FRAMES) || scrub_block())) ||
           trim();
}
