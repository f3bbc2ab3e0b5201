/* SPDX-License-Identifier: MIT */
/*
 * profile.h: what guests enter the hypervisor for, how often, and how many
 * ticks of the TSC it takes: `profile` on the hypervisor's command line.
 *
 * Without it nothing is counted, and nothing is slower: with it, other entry
 * points are used that read the clock first, and the ways out are patched to
 * lead through one that reads it again (hv/entry/patch.h).
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
    PROFILE_VECTOR,    /* exceptions from here on, by vector */
    PROFILE_KINDS = PROFILE_VECTOR + 32
};

struct profile_line {
    uint64_t n, ticks;
};
_Static_assert(PROFILE_UNKNOWN == 2 * PROFILE_INNER, "by number, each way");
_Static_assert(PROFILE_KINDS * sizeof(struct profile_line) <= PAGE_SIZE,
               "a frame for each vCPU");

/* Set before the first entry, and not changed. */
extern bool profile_on;

/* A frame for v's lines while profile_on. */
enum err profile_alloc(struct vcpu *v);
void profile_free(struct vcpu *v);

/* This entry turned out to be one of another kind. */
static inline void profile_as(unsigned kind)
{
    this_cpu()->profile.kind = kind;
}
/* The vCPU that entered does not go on: what comes is not on its account. */
void profile_leave(void);
/* An entry of a multicall took so long. */
void profile_inner(unsigned nr, uint64_t ticks);

/* The lines of all of d's vCPUs, the costliest first. */
void profile_report(const struct domain *d);
