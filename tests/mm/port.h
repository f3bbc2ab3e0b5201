/* SPDX-License-Identifier: MIT */
/*
 * port.h: the host's side of mm/base/port.h: preemption when the test says so,
 * and a TLB (simtlb.h) that forgets only what it is told to forget.
 */
#pragma once

#include "mm/alloc/mm.h"
#include "mm/base/port.h"

/* The nth port_preempt() from now says yes, once; 0: none does. */
void host_preempt_at(uint64_t n);
/* Every nth does, until one of these is called again. */
void host_preempt_every(uint64_t n);
/* How often it was asked since: so a test can go through all of them. */
uint64_t host_preempts(void);

/* What only ends something, and may be interrupted as often as it likes. */
#define HOST_END(call)                                                         \
    do {                                                                       \
    } while ((call) == ERR_RESTART)

/* Full flushes that were discharged so far. */
uint64_t host_flushes(void);
/*
 * A machine whose TLBs do not hear of flushes: only to prove that the checks
 * built on the simulated TLB can fail.
 */
void host_deaf(bool deaf);

/* Called where other CPUs' accesses matter most: before a flush is done. */
extern void (*host_before_flush)(struct mm_domain *d);
/* Called at each look at the clock. */
extern void (*host_at_look)(void);
/* Where the processor goes from one root to another. */
extern void (*host_at_root)(struct mm_vcpu *v);

/*
 * Several actors, threads of the host (cpus.h): which of them calls, and what
 * it owes; and what else is not as above, or NULL.
 */
struct host_cpus {
    unsigned (*cpu)(void);
    struct mm_owed *(*owed)(void);
    void (*discharge)(struct mm_domain *d, const struct tlb *tlb);
    void (*lock_wait)(struct lock *l, bool taken);
    bool (*preempt)(void);
    void (*load_root)(struct mm_vcpu *v);
};
extern const struct host_cpus *host_cpus; /* NULL: one actor */
