/* SPDX-License-Identifier: MIT */
/* ipi.c: see ipi.h. */
#include "hv/arch/ipi.h"

#include <stdatomic.h>

#include "hv/arch/lapic.h"
#include "hv/arch/watch.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "mm/base/lock_hook.h"

void ipi_send(struct percpu *to, uint32_t what)
{
    ASSERT(to != this_cpu());
    if (!atomic_fetch_or_explicit(&to->mail, what, memory_order_acq_rel))
        lapic_send(to->apic_id, IPI_VECTOR);
}

/* --- flushes ------------------------------------------------------------- */

static void flush_for(struct percpu *from)
{
    if (from->flush.what == TLB_PAGE) {
        if (!selftest_is(SELFTEST_LOST_FLUSH))
            x86_invlpg(from->flush.va);
    } else if (from->flush.what != TLB_NOTHING) {
        x86_flush_all();
    }
    atomic_fetch_sub_explicit(&from->flush_left, 1, memory_order_release);
}

static void flush_for_others(struct percpu *cpu)
{
    for (unsigned word = 0; word * 64 < cpu_count; word++) {
        uint64_t who = atomic_exchange_explicit(&cpu->flush_for[word], 0,
                                                memory_order_acquire);

        for (; who; who &= who - 1)
            flush_for(cpu_of(word * 64 + (unsigned)__builtin_ctzll(who)));
    }
}

void ipi_flush_begin(const struct tlb *tlb)
{
    this_cpu()->flush = *tlb;
}

void ipi_flush(struct percpu *to)
{
    struct percpu *cpu = this_cpu();

    atomic_fetch_add_explicit(&cpu->flush_left, 1, memory_order_relaxed);
    atomic_fetch_or_explicit(&to->flush_for[cpu->id / 64], BIT(cpu->id % 64),
                             memory_order_release);
    ipi_send(to, IPI_FLUSH);
}

void ipi_flush_wait(void)
{
    const struct percpu *cpu = this_cpu();

    lock_hook_no_spin("held while other processors are waited for");
    while (atomic_load_explicit(&cpu->flush_left, memory_order_acquire)) {
        ipi_serve(); /* those may wait for us */
        x86_pause();
    }
}

void ipi_quiesce(void)
{
    ipi_flush_begin(&(struct tlb){.what = TLB_NOTHING});
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_of(i) != this_cpu())
            ipi_flush(cpu_of(i));
    ipi_flush_wait();
}

/* --- the mailbox --------------------------------------------------------- */

void ipi_serve(void)
{
    struct percpu *cpu = this_cpu();
    uint32_t what;

    if (!atomic_load_explicit(&cpu->mail, memory_order_relaxed))
        return;
    what = atomic_exchange_explicit(&cpu->mail, 0, memory_order_acq_rel);
    if (what & IPI_FLUSH)
        flush_for_others(cpu);
    if (what & IPI_ALIVE)
        watch_answer();
    cpu->work |= what & ~(IPI_FLUSH | IPI_ALIVE);
}

void ipi_interrupt(void)
{
    lapic_eoi();
    ipi_serve();
}
