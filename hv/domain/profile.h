/* SPDX-License-Identifier: MIT */
/*
 * profile.h: what guests enter the hypervisor for, how often, and how many
 * ticks of the TSC it takes: `profile` on the hypervisor's command line.
 *
 * Without it nothing is counted, and nothing is slower: with it, other entry
 * points are used that read the clock first, and the ways out are patched to
 * lead through one that reads it again (hv/entry/patch.h).
 *
 * And for how long a CPU takes no interrupt: from one entry to the next way
 * out, whoever goes on by it, the longest time for each kind of entry. That in
 * a build with LOCKDEP=1 (mm/base/lockdep.h), too.
 */
#pragma once

#include "hv/arch/cpu.h"
#include "hv/domain/domain.h"

/* Kinds of entries; hypercalls come first, by number. */
#define PROFILE_INNER 64u /* entries of a multicall, within its ticks */
enum profile_kind {
    PROFILE_UNKNOWN = 128, /* no such hypercall */
    PROFILE_SYSCALL,       /* of guest user mode, bounced */
    PROFILE_INTERRUPT,     /* timer and devices */
    PROFILE_PTWR,          /* stores to page tables */
    PROFILE_CPUID,
    PROFILE_MSR,
    PROFILE_PORT,
    PROFILE_CONTROL,   /* control and debug registers */
    PROFILE_EMULATION, /* other privileged instructions */
    PROFILE_IDLE,      /* no vCPU's: the CPU had nothing to do */
    PROFILE_VECTOR,    /* exceptions from here on, by vector */
    PROFILE_KINDS = PROFILE_VECTOR + 32
};

struct profile_line {
    uint64_t n, ticks;
};
_Static_assert(PROFILE_UNKNOWN == 2 * PROFILE_INNER, "by number, each way");
_Static_assert(PROFILE_KINDS * sizeof(struct profile_line) <= PAGE_SIZE,
               "a frame for each vCPU");

/* Are the ways in and out led past the clock? As it was at the first entry. */
extern bool profile_on;
/* Without interrupts, at most, in ticks. */
extern _Atomic uint64_t profile_longest[PROFILE_KINDS];

/* A frame for v's lines, if they are asked for. */
enum err profile_alloc(struct vcpu *v);
void profile_free(struct vcpu *v);

/* This entry turned out to be one of another kind. */
static inline void profile_as(unsigned kind)
{
    this_cpu()->profile.kind = kind;
}
/* The vCPU that entered does not go on: what comes is not on its account. */
void profile_leave(void);
/* This CPU takes interrupts; it took one, or has something to do. */
void profile_asleep(void);
void profile_woken(void);
/* An entry of a multicall took so long. */
void profile_inner(unsigned nr, uint64_t ticks);

/* The lines of all of d's vCPUs, the costliest first. */
void profile_report(const struct domain *d);
void profile_report_longest(void);
