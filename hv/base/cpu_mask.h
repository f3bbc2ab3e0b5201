/* SPDX-License-Identifier: MIT */
/*
 * cpu_mask.h: some of the processors, by their ids, that several change at
 * once. Each change, and a look after it, are in one order for all of them.
 */
#pragma once

#include "hv/base/cpu_set.h"

struct cpu_mask {
    uint64_t word[CPU_MAX / 64];
};

static inline bool cpu_mask_has(const struct cpu_mask *m, unsigned id)
{
    return __atomic_load_n(&m->word[id / 64], __ATOMIC_SEQ_CST) & BIT(id % 64);
}

static inline void cpu_mask_put(struct cpu_mask *m, unsigned id)
{
    __atomic_fetch_or(&m->word[id / 64], BIT(id % 64), __ATOMIC_SEQ_CST);
}

/* Was it there? Of several that ask, one is told so. */
static inline bool cpu_mask_drop(struct cpu_mask *m, unsigned id)
{
    return cpu_mask_has(m, id) &&
           __atomic_fetch_and(&m->word[id / 64], ~BIT(id % 64),
                              __ATOMIC_SEQ_CST) &
               BIT(id % 64);
}

/* The lowest from there on that is below end; end: none. */
static inline unsigned cpu_mask_next(const struct cpu_mask *m, unsigned from,
                                     unsigned end)
{
    for (; from < end; from = (from / 64 + 1) * 64) {
        const uint64_t w =
            __atomic_load_n(&m->word[from / 64], __ATOMIC_SEQ_CST) >> from % 64;

        if (w)
            return MIN(from + (unsigned)__builtin_ctzll(w), end);
    }
    return end;
}
