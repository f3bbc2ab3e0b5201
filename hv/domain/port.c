/* SPDX-License-Identifier: MIT */
/*
 * port.c: the machine's implementation of mm/base/port.h.
 */
#include "mm/base/port.h"

#include "hv/domain/tlb.h"

/* What is no domain (hv/domain/domain.h) runs nowhere. */
void port_tlb_discharge(struct mm_domain *mmd, const struct tlb *tlb)
{
    if (mmd->id <= OWNER_DOMAIN_LAST)
        tlb_flush_domain(container_of(mmd, struct domain, mm), tlb);
}

struct mm_owed *port_owed(const struct mm *mm)
{
    (void)mm;
    return &this_cpu()->owed;
}

bool port_preempt(void)
{
    return cpu_preempt();
}
