/* SPDX-License-Identifier: MIT */
/*
 * port.c: the machine's implementation of mm/base/port.h.
 */
#include "mm/base/port.h"

#include "hv/domain/tlb.h"

void port_tlb_discharge(struct mm_domain *mmd, const struct tlb *tlb)
{
    const struct domain *d = container_of(mmd, struct domain, mm);

    if (this_cpu()->tlb != d)
        return; /* hv/domain/tlb.h: nothing of d's can be in it */
    if (tlb->what == TLB_FULL)
        tlb_flush_all();
    else if (tlb->what == TLB_PAGE)
        tlb_flush_page(tlb->va);
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
