/* SPDX-License-Identifier: MIT */
/*
 * reach.h: the hypervisor's own accesses to a guest's memory by the guest's
 * address. They go through the simulated TLB as the guest's do, stale
 * translations included.
 *
 * The rule checked: the frame such an access gets to is the guest's, and none
 * with an exclusive type is written to. Not one that was freed, though nobody
 * has it yet: that is the business of other CPUs, which do not wait.
 */
#pragma once

#include "mm/alloc/mm.h"

enum reach {
    REACH_FAULT,
    REACH_OWN,
    REACH_OWED,    /* freed, and waits for what is owed */
    REACH_OFFERED, /* free, to be had by anybody */
    REACH_HV,
    REACH_OTHERS, /* or not memory at all */
    REACH_TABLE,  /* to be written to: its own page or descriptor table */
};

/* What is m to d? */
enum reach reach_frame(const struct mm_domain *d, mfn_t m, bool write);
/* What is at va for d on this CPU, running on root. */
enum reach reach_at(struct mm_domain *d, unsigned cpu, mfn_t root, uint64_t va,
                    bool write);

/*
 * As the hypervisor does, on CPU 0: what is owed is discharged first. Where it
 * is, or NULL: it faults, or reach_wrong() says from now on what is wrong.
 */
void *reach(struct mm_domain *d, mfn_t root, uint64_t va, bool write);
/* The same where what is owed was discharged, or should have been. */
void *reach_now(struct mm_domain *d, mfn_t root, uint64_t va, bool write);
/* NULL, or what was reached first that must not be, since it was asked. */
const char *reach_wrong(void);
/* A hypervisor that does not discharge: only to prove that this is found. */
void reach_hasty(bool hasty);
