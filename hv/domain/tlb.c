/* SPDX-License-Identifier: MIT */
/*
 * tlb.c: flushing. Switching PGE off and on drops every translation, global
 * ones included (SDM vol. 3, 4.10.4.1), and with PCIDs unused all others too.
 */
#include "hv/domain/tlb.h"

#include "hv/arch/memory.h"

void tlb_flush_all(void)
{
    struct domain *d = this_cpu()->tlb;
    uint64_t cr4 = x86_read_cr4();

    x86_write_cr4(cr4 & ~CR4_PGE);
    x86_write_cr4(cr4);
    if (d)
        d->mm.tlb_epoch++;
}

void cpu_discharge(void)
{
    (void)mm_discharge(&hv_mm);
}

void tlb_forget(const struct domain *d)
{
    struct percpu *cpu = this_cpu();

    if (cpu->tlb == d) {
        tlb_flush_all();
        cpu->tlb = NULL;
    }
}
