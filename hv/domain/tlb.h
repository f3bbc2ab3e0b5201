/* SPDX-License-Identifier: MIT */
/*
 * tlb.h: flushing; who owes it, and when it is due, is mm/alloc/owed.h's.
 *
 * Invariant: the TLB of a CPU holds translations of one domain only, the one
 * in percpu.tlb, beside the hypervisor's own; domain.tlb_cpus counts the CPUs
 * of which that is the domain. So nothing has to be done on any other CPU.
 */
#pragma once

#include "hv/arch/cpu.h"
#include "hv/arch/x86.h"
#include "hv/domain/domain.h"
#include "mm/base/port.h"
#include "mm/base/tlb.h"

/* This CPU's, everything, global entries too. */
void tlb_flush_all(void);

static inline void tlb_flush_page(uint64_t va)
{
    x86_invlpg(va);
}

/* The same wherever there may be translations of d's; all have, on return. */
void tlb_flush_domain(struct domain *d, const struct tlb *tlb);

/*
 * A vCPU of d runs next: forget whatever another domain left, or, if it was on
 * another CPU last, d's own: there it may have flushed what is still here.
 */
void tlb_enter_slow(struct domain *d);
static inline void tlb_enter(struct domain *d, bool moved)
{
    if (unlikely(this_cpu()->tlb != d))
        tlb_enter_slow(d);
    else if (unlikely(moved))
        tlb_flush_all();
}

/* d, which runs nowhere, is going away: no CPU is to remember it. */
void tlb_forget(const struct domain *d);
