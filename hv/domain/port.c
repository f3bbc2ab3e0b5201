/* SPDX-License-Identifier: MIT */
/*
 * port.c: the machine's implementation of mm/base/port.h.
 */
#include "mm/base/port.h"

#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"

/* What is no domain (hv/domain/domain.h) runs nowhere. */
void port_tlb_discharge(struct mm_domain *mmd, const struct tlb *tlb)
{
    if (mmd->id <= OWNER_DOMAIN_LAST)
        tlb_flush_domain(container_of(mmd, struct domain, mm), tlb);
}

unsigned port_cpu(void)
{
    return this_cpu()->id;
}

struct mm_owed *port_owed(const struct mm *mm)
{
    (void)mm;
    return &this_cpu()->owed;
}

/* In user mode it has the other root, which stays. */
void port_load_root(struct mm_vcpu *mmv)
{
    const struct vcpu *v = container_of(mmv, struct vcpu, mm);

    if (v == current_vcpu() && v->in_kernel)
        vcpu_load_root(v);
}

bool port_preempt(void)
{
    return cpu_preempt();
}
