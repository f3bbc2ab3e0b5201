/* SPDX-License-Identifier: MIT */
/*
 * resync.h: a TSC that may change its speed, or stop while the processor
 * sleeps, is compared with a reference now and then, and the scale put right.
 * Pure.
 *
 * Invariant: by the new scale it is never earlier than by the old one, at the
 * TSC of the look and after; what is fast is slowed down, what has lost time is
 * put forward. The scale begins a second before that: who subtracts its base
 * from the TSC of a CPU that lags, as guests do, has no number below 0.
 */
#pragma once

#include "hv/dev/scale.h"

struct resync {
    uint64_t hz, mask; /* of the reference */
    uint64_t khz;      /* the TSC's, as believed */
    uint64_t seen_khz; /* and as measured the last time */
    uint64_t ticks;    /* of the reference, since ns_start */
    uint64_t ns_start;
    uint64_t last_tsc;
    uint32_t last_ref;
};

/* hz and mask: the reference's; khz: what the TSC is taken for. */
void resync_begin(struct resync *s, uint64_t hz, uint64_t mask, uint64_t khz,
                  uint64_t ns, uint64_t tsc, uint32_t ref);

struct resynced {
    bool changed; /* else all is well, and there is no other scale */
    struct clock_scale scale;
    uint64_t khz; /* what the TSC is taken for now */
    int64_t off;  /* ns by which it was late */
};
/* The two were read at the same moment. */
struct resynced resync_step(struct resync *s, const struct clock_scale *now,
                            uint64_t tsc, uint32_t ref);
