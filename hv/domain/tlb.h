/* SPDX-License-Identifier: MIT */
/*
 * tlb.h: flushing; who owes it, and when it is due, is mm/alloc/owed.h's.
 *
 * Invariant: the TLB of a CPU holds translations of one domain only, the one
 * in percpu.tlb, beside the hypervisor's own; domain.tlb_cpus counts the CPUs
 * of which that is the domain. So nothing has to be done on any other CPU. The
 * word is changed by its own CPU or, while that rests, by whoever spares it a
 * flush; a domain's epoch only by who has the domain's memory lock.
 */
#pragma once

#include "hv/arch/cpu.h"
#include "hv/arch/x86.h"
#include "hv/domain/domain.h"
#include "mm/base/port.h"
#include "mm/base/tlb.h"

/*
 * This CPU's, everything, global entries too. By who has the memory lock of the
 * domain whose translations it has.
 */
void tlb_flush_all(void);

static inline void tlb_flush_page(uint64_t va)
{
    x86_invlpg(va);
}

/*
 * The same wherever there may be translations of d's; all have, on return. By
 * who has d's memory lock.
 */
void tlb_flush_domain(struct domain *d, const struct tlb *tlb);

/*
 * A vCPU of d runs next. Unless this CPU's TLB is d's already, tlb_enter()
 * comes before d's tables are loaded, and the CPU has nobody's: a processor
 * walks those it has whenever it likes, so none that others may change without
 * asking it to flush. Once they are loaded, tlb_entered(): forget whatever
 * another domain left, or, if the vCPU was on another CPU last, d's own: there
 * it may have flushed what is still here.
 */
static inline bool tlb_is_of(const struct domain *d)
{
    return atomic_load(&this_cpu()->tlb) == (uintptr_t)d;
}
void tlb_enter(struct domain *d);
void tlb_entered(struct domain *d);

/*
 * This CPU has nobody's tables loaded, from now on: what its TLB has need not
 * be flushed. And it is about to have some again, maybe after tlb_enter().
 */
#define TLB_RESTING ((uintptr_t)1)
void tlb_rest(void);
bool tlb_rests(void);
void tlb_resume(void);

/* d, which runs nowhere, is going away: no CPU is to remember it. */
void tlb_forget(const struct domain *d);
