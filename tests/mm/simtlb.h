/* SPDX-License-Identifier: MIT */
/*
 * simtlb.h: the address translation of the machine's CPUs, as a guest could
 * abuse it: translations, and upper-level entries of interrupted walks, stay
 * cached until they are flushed (SDM vol. 3, 4.10), even over a CR3 load.
 *
 * The rule checked: whatever a guest can still reach through what is cached
 * is its own; whatever it can still write to has no exclusive type; and no
 * cached walk goes on in memory that somebody may have written to. Nor is one
 * address cached in two sizes (mm/pv/resize.h).
 */
#pragma once

#include "mm/alloc/mm.h"

struct grant_handle;

#define SIMTLB_CPUS   2  /* of one actor, who chooses among them */
#define SIMTLB_MOST   4  /* of several, each a CPU: cpus.h */
#define SIMTLB_LEAVES 48 /* translations each can hold */

/* Forget everything, whoever's: a new machine. */
void simtlb_reset(void);
void simtlb_flush_all(void);
void simtlb_flush_page(uint64_t va);
/* Of one CPU, which calls: what is cached there is its own. */
void simtlb_flush_on(unsigned cpu);
void simtlb_flush_page_on(unsigned cpu, uint64_t va);

/*
 * The frame that va is in for the guest d on `cpu` on root, by what is cached
 * or else by its tables; MFN_NONE: it faults. Fills the caches, sets accessed
 * and dirty bits.
 */
mfn_t simtlb_translate(struct mm_domain *d, unsigned cpu, mfn_t root,
                       uint64_t va, bool write);

/*
 * The guest d, running on `cpu` on root, touches va: where in memory that
 * is, or NULL if it faults.
 */
void *simtlb_access(struct mm_domain *d, unsigned cpu, mfn_t root, uint64_t va,
                    bool write);

/*
 * It looks at va before anybody asks, as instructions are fetched ahead, and
 * whatever is cached there already.
 */
void simtlb_fetch(struct mm_domain *d, unsigned cpu, mfn_t root, uint64_t va);

/* The handle by which d may reach a frame that is not its own, or NULL. */
const struct grant_handle *simtlb_granted(const struct mm_domain *d, mfn_t m,
                                          bool write);

/* To be asked when a guest may run: NULL, or what it could do wrong. */
const char *simtlb_check(const struct mm *mm);
/* The same of one CPU that calls, with the lock of the domain it runs. */
const char *simtlb_check_on(const struct mm *mm, unsigned cpu);
/* An address of the nth translation cached on CPU 0; 0: that is unused. */
uint64_t simtlb_cached_va(unsigned n);
uint64_t simtlb_cached_va_on(unsigned cpu, unsigned n);
/* Cached translations and upper-level entries there are. */
unsigned simtlb_cached(void);
