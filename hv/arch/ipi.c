/* SPDX-License-Identifier: MIT */
/* ipi.c: see ipi.h. */
#include "hv/arch/ipi.h"

#include <stdatomic.h>

#include "hv/arch/lapic.h"
#include "hv/arch/x86.h"

/* The flush that is under way, and how many have still to do it. */
static struct {
    struct tlb tlb;
    _Atomic uint32_t left;
} flush;

void ipi_send(struct percpu *to, uint32_t what)
{
    ASSERT(to != this_cpu());
    if (!atomic_fetch_or_explicit(&to->mail, what, memory_order_acq_rel))
        lapic_send(to->apic_id, IPI_VECTOR);
}

static void flush_for_another(void)
{
    if (flush.tlb.what == TLB_PAGE)
        x86_invlpg(flush.tlb.va);
    else
        x86_flush_all();
    atomic_fetch_sub_explicit(&flush.left, 1, memory_order_release);
}

void ipi_serve(void)
{
    struct percpu *cpu = this_cpu();
    uint32_t what;

    if (!atomic_load_explicit(&cpu->mail, memory_order_relaxed))
        return;
    what = atomic_exchange_explicit(&cpu->mail, 0, memory_order_acq_rel);
    if (what & IPI_FLUSH)
        flush_for_another();
    cpu->work |= what & ~IPI_FLUSH;
}

void ipi_interrupt(void)
{
    lapic_eoi();
    ipi_serve();
}

void ipi_flush_begin(const struct tlb *tlb)
{
    flush.tlb = *tlb;
    atomic_store_explicit(&flush.left, 0, memory_order_relaxed);
}

void ipi_flush(struct percpu *to)
{
    atomic_fetch_add_explicit(&flush.left, 1, memory_order_relaxed);
    ipi_send(to, IPI_FLUSH);
}

void ipi_flush_wait(void)
{
    while (atomic_load_explicit(&flush.left, memory_order_acquire))
        x86_pause();
}
