/* SPDX-License-Identifier: MIT */
/*
 * tsc_offset.h: how far another processor's TSC is off ours, by questions and
 * answers. Pure.
 *
 * Each answer was read between two readings of ours: the other's is off by at
 * least as much as it is outside of these, and by no more than if it had been
 * read at the one end or the other. All answers together leave a range.
 */
#pragma once

#include "base.h"

struct tsc_offset {
    int64_t least, most; /* theirs less ours */
};

static inline struct tsc_offset tsc_offset_begin(void)
{
    return (struct tsc_offset){.least = INT64_MIN, .most = INT64_MAX};
}

static inline void tsc_offset_add(struct tsc_offset *o, uint64_t before,
                                  uint64_t theirs, uint64_t after)
{
    o->least = MAX(o->least, (int64_t)(theirs - after));
    o->most = MIN(o->most, (int64_t)(theirs - before));
}

/* Was each answer between its two? */
static inline bool tsc_offset_none(const struct tsc_offset *o)
{
    return o->least <= 0 && o->most >= 0;
}

/* What is likely: the middle. */
static inline int64_t tsc_offset_likely(const struct tsc_offset *o)
{
    return o->least + (o->most - o->least) / 2;
}
