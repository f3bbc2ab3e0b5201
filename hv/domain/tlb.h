/* SPDX-License-Identifier: MIT */
/*
 * tlb.h: flushing; who owes it, and when it is due, is mm/alloc/owed.h's.
 *
 * Invariant: the TLB of a CPU holds translations of one domain only, the one
 * in this_cpu()->tlb, beside the hypervisor's own; so nothing has to be done
 * for any other domain.
 */
#pragma once

#include "hv/arch/cpu.h"
#include "hv/arch/x86.h"
#include "hv/domain/domain.h"
#include "mm/base/port.h"

/* Everything, global entries too. */
void tlb_flush_all(void);

static inline void tlb_flush_page(uint64_t va)
{
    x86_invlpg(va);
}

/* The vCPUs of d run next: forget whatever another domain left. */
static inline void tlb_enter(struct domain *d)
{
    struct percpu *cpu = this_cpu();

    if (cpu->tlb != d) {
        cpu->tlb = d;
        tlb_flush_all();
    }
}

/* d is going away, or must not be remembered. */
void tlb_forget(const struct domain *d);
