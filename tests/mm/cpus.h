/* SPDX-License-Identifier: MIT */
/*
 * cpus.h: the CPUs of a machine, each a thread of the host: the port of mm/
 * for those. A TLB is its CPU's own (simtlb.h), and a translation lives until
 * that CPU flushes it: a shootdown is a request in its mailbox, which it serves
 * where a processor could take the interrupt: in a guest, that is between two
 * deeds, and where it waits for a lock or for others' flushes. Until then it
 * goes on with what it has, so a flush that is missing is seen.
 *
 * Wherever it leaves mm/, and at each basic block of mm/ if that is compiled
 * to say so, it is late at times, and its processor looks ahead: walks the
 * tables it has loaded.
 */
#pragma once

#include "world.h"

#define CPUS_MOST 4

/* What hv_lock is to the machine: domains as such, who runs where. */
extern struct lock cpus_hv_lock;

struct cpus_count {
    uint64_t asked, served; /* shootdowns of others, and for them */
    uint64_t waits;         /* for a lock */
    uint64_t ahead;         /* walks nobody asked for */
};

/* n threads, each a CPU that does `body`; to the end of all. */
void cpus_run(unsigned n, uint64_t seed, void (*body)(unsigned cpu));
struct cpus_count cpus_counts(void);
/* Of the CPU that calls: */
unsigned cpus_self(void);
struct dice *cpus_dice(void);
/* It runs v of d: others' translations are flushed before. */
void cpus_enter(struct mm_domain *d, struct mm_vcpu *v);
/* It runs nobody; what is cached stays. */
void cpus_leave(void);
/* The root that the processor has loaded. */
mfn_t cpus_root(void);
/* Does somebody wait for its flush just now? */
bool cpus_wanted(void);
/* A point of service, and a moment for others. */
void cpus_serve(void);
void cpus_rest(void);
/* Long work stops after so many looks, of these at random; 0: it does not. */
void cpus_preempt(unsigned most);
/* Until all CPUs have come here; the last does `quiet` meanwhile. */
void cpus_meet(void (*quiet)(void));
/* An address that guests use, of few, so that they meet. */
uint64_t cpus_va(struct dice *d);
/* The test has failed: there is no way on. */
noreturn_fn void cpus_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
