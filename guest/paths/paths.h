/* SPDX-License-Identifier: MIT */
/*
 * paths.h: what the parts of guest/paths share: how a figure is taken, and the
 * memory that is mapped and given back for it.
 *
 * A figure is of a row (the same names as guest/bench has) and of a way: how
 * the operation was asked for. The way "cold" is the first time since the guest
 * was started; all others are the least of several rounds.
 */
#pragma once

#include "guest/lib/guest.h"

#define PATH_BLOCKS 4u
#define PATH_WINDOW UINT64_C(0xffffd00000000000) /* ours to map */
#define PATH_COLD   "cold"

/* Does the operation n times; in one hypercall, if the way says so. */
typedef void path_fn_t(unsigned n);

void path_start(void);
/* Of one or more operations that took so many ticks. */
void path_row(const char *row, const char *way, uint64_t ticks, unsigned per);
void path_cold(const char *row, path_fn_t *fn, unsigned n);
/* How long n take: the least of some rounds. */
uint64_t path_least(path_fn_t *fn, unsigned n);
void path_warm(const char *row, const char *way, path_fn_t *fn, unsigned n);
/* The ticks since `start`, without what it takes to look at the clock. */
uint64_t path_since(uint64_t start);
/* What a figure is of has to have been done. */
void path_must(bool done, const char *what);

/* Room for n bytes at an odd address, in two pages. */
void *path_odd(size_t n);
/* Frame i of 512, of all blocks by turns, backwards. */
extern pfn_t path_block[PATH_BLOCKS];
extern pfn_t path_cut; /* one more, of which frames are given back */
pfn_t path_mixed(unsigned i);

/* The same hypercall, or several, by one multicall. */
#define PATH_CALLS 16u
extern struct multicall_entry path_calls[PATH_CALLS];
void path_multicall(unsigned n);

void path_null(void);
void path_flushes(void);
void path_tables(void);
void path_pins(void);
void path_super(void);
void path_traps(void);
void path_reserve_cold(void);
void path_reserve(void);
void path_shared(void);
