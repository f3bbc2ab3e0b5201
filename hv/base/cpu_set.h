/* SPDX-License-Identifier: MIT */
/* cpu_set.h: some of the processors, by their ids (hv/arch/cpu.h). */
#pragma once

#include "base.h"

#define CPU_MAX 256u

/* Zeroes: nobody said which, all of them. */
struct cpu_set {
    uint64_t word[CPU_MAX / 64];
};

static inline void cpu_set_add(struct cpu_set *s, unsigned id)
{
    s->word[id / 64] |= BIT(id % 64);
}

static inline bool cpu_set_says(const struct cpu_set *s)
{
    return s->word[0] | s->word[1] | s->word[2] | s->word[3];
}
_Static_assert(ARRAY_SIZE(((struct cpu_set *)0)->word) == 4, "all are asked");

static inline bool cpu_set_has(const struct cpu_set *s, unsigned id)
{
    return (s->word[id / 64] & BIT(id % 64)) || !cpu_set_says(s);
}
