/* SPDX-License-Identifier: MIT */
/* tlb.c: see tlb.h. */
#include "hv/domain/tlb.h"

#include "hv/arch/ipi.h"
#include "hv/arch/memory.h"

static bool only_here(const struct domain *d)
{
    return d->tlb_cpus == 1;
}

void tlb_flush_all(void)
{
    struct domain *d = this_cpu()->tlb;

    x86_flush_all();
    if (d && only_here(d))
        d->mm.tlb_epoch++;
}

static void leave(struct percpu *cpu)
{
    if (cpu->tlb)
        cpu->tlb->tlb_cpus--;
    cpu->tlb = NULL;
}

void tlb_enter_slow(struct domain *d)
{
    struct percpu *cpu = this_cpu();

    leave(cpu);
    cpu->tlb = d;
    d->tlb_cpus++;
    tlb_flush_all();
}

/* Who rests has nobody's tables, and flushes before it has somebody's again. */
static void flush_others(const struct domain *d, const struct tlb *tlb)
{
    ipi_flush_begin(tlb);
    for (unsigned i = 0; i < cpu_count; i++) {
        struct percpu *cpu = cpu_of(i);

        if (cpu->tlb != d || cpu == this_cpu())
            continue;
        if (cpu->resting)
            leave(cpu);
        else
            ipi_flush(cpu);
    }
    ipi_flush_wait();
}

void tlb_flush_domain(struct domain *d, const struct tlb *tlb)
{
    const bool here = this_cpu()->tlb == d;

    if (d->tlb_cpus > here)
        flush_others(d, tlb);
    if (here && tlb->what == TLB_PAGE)
        tlb_flush_page(tlb->va);
    if (tlb->what != TLB_FULL)
        return;
    if (here)
        x86_flush_all();
    d->mm.tlb_epoch++;
}

void cpu_discharge(void)
{
    (void)mm_discharge(&hv_mm);
}

void tlb_forget(const struct domain *d)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_of(i)->tlb == d)
            leave(cpu_of(i));
}
