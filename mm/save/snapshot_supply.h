/* SPDX-License-Identifier: MIT */
/*
 * snapshot_supply.h: the domain's supplied tables (mm/pv/supply.h): which of
 * them are still nothing but a superpage, or a 1 GiB page, in small, and what
 * stands for those that are not.
 */
#pragma once

#include "mm/save/snapshot.h"

struct snapshot_supplied {
    uint64_t mfn; /* the list is in ascending order of it */
    uint64_t as;  /* superpage: its first pfn; else SNAPSHOT_SUPPLIED + n */
    uint32_t level;
    uint32_t superpage;
};

/* While frames are looked at, in ascending order. */
enum err snapshot_supplied_add(struct snapshot *c, const struct frame *f);
/* One step each: tables of level 1, and then those of level 2. */
enum err snapshot_supplied_1(struct job *j);
enum err snapshot_supplied_2(struct job *j);
/* NULL: m is no supplied table. */
const struct snapshot_supplied *snapshot_supplied_find(const struct snapshot *c,
                                                       mfn_t m);
