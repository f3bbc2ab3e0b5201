/* SPDX-License-Identifier: MIT */
/*
 * bare.h: a guest that has learnt its ways on bare machines: it stores to its
 * tables of levels 1 to 3 itself, by read-only and by writable addresses, takes
 * tables out and forgets them, uses them as data and as tables again, and wants
 * them writable at the wrong time. It draws what it does from dice or from a
 * fuzzer's bytes; two CPUs have it cached. What it stores where there is no
 * table is there, or it had a page fault.
 */
#pragma once

#include "scene.h"

#define BARE_POOL 6

struct bare {
    struct scene *s;
    struct dice dice;
    mfn_t pool[BARE_POOL];
    char what[120];
    uint64_t lapsed, emulated, plain, refused, wanted;
};

/* b->dice is set. */
void bare_make(struct bare *b);
/* One thing, and the audit. */
void bare_step(struct bare *b);
void bare_end(struct bare *b);
