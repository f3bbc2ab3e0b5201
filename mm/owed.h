/* SPDX-License-Identifier: MIT */
/*
 * owed.h: what a CPU owes for the operation it carries out: translations that
 * have to be flushed before anybody relies on their being gone.
 *
 * Invariants: there is one of these for each CPU, in mm.owed, and it is of one
 * domain at a time; it is empty when an operation begins and when it has
 * ended. While it is not, the hypervisor touches no memory by a guest's
 * address: whoever does so discharges first (hv/guest.h).
 */
#pragma once

#include "mm/tlb.h"

struct mm;
struct mm_domain;

struct mm_owed {
    enum tlb_what what;  /* first: assembly looks at it; TLB_NOTHING: nothing */
    uint64_t va;         /* with TLB_PAGE */
    struct mm_domain *d; /* whose translations */
};

/* Flush what this CPU owes, if anything. */
void mm_discharge(struct mm *mm);
