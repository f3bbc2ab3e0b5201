/* SPDX-License-Identifier: MIT */
/*
 * owed.h: what a CPU owes for the operation it carries out: translations that
 * have to be flushed before anybody relies on their being gone, and memory
 * that was freed and waits for that.
 *
 * Invariants: there is one of these for each CPU (port_owed()), and it is of
 * one domain at a time; it is empty when an operation begins and when it has
 * ended. While it is not, the hypervisor touches no memory by a guest's
 * address: whoever does so discharges first (hv/arch/cpu.h). A frame or block
 * that was freed is on no list, in no map and in no count of free memory until
 * what is owed has been discharged: nobody can be given it, the hypervisor
 * neither. Whoever finds no memory discharges and looks again.
 */
#pragma once

#include "mm/base/tlb.h"

struct mm;
struct mm_domain;

#define MM_FREED 64 /* more than that, and it is discharged in between */

struct mm_owed {
    enum tlb_what what;  /* first: assembly looks at it; TLB_NOTHING: nothing */
    uint32_t nr;         /* freed; 0 if nothing is owed */
    uint64_t va;         /* with TLB_PAGE */
    struct mm_domain *d; /* whose translations, and whose memory it was */
    uint64_t freed[MM_FREED]; /* mfn of a frame; of a block, with OWED_BLOCK */
};
#define OWED_BLOCK BIT(63)
_Static_assert(offsetof(struct mm_owed, what) == 0 &&
                   sizeof(enum tlb_what) == sizeof(uint32_t),
               "assembly looks at the first four bytes");

/*
 * Flush what this CPU owes, if anything, and put on offer what was freed.
 * true: there was something.
 */
bool mm_discharge(struct mm *mm);
