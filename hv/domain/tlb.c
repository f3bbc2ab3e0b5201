/* SPDX-License-Identifier: MIT */
/* tlb.c: see tlb.h. */
#include "hv/domain/tlb.h"

#include "hv/arch/ipi.h"
#include "hv/arch/memory.h"

/* --- whose a TLB is ------------------------------------------------------ */

static struct domain *domain_in(uintptr_t word)
{
    return (struct domain *)(word & ~TLB_RESTING);
}

static uintptr_t word_of(const struct percpu *cpu)
{
    return atomic_load_explicit(&cpu->tlb, memory_order_acquire);
}

/*
 * The domain's translations in a TLB that are no use to anybody: of a CPU that
 * rests, and has none of its tables, or of one that never runs it again. false:
 * it has changed its mind.
 */
static bool forget(struct percpu *cpu, uintptr_t word)
{
    if (!atomic_compare_exchange_strong(&cpu->tlb, &word, word & TLB_RESTING))
        return false;
    atomic_fetch_sub(&domain_in(word)->tlb_cpus, 1);
    return true;
}

void tlb_rest(void)
{
    atomic_fetch_or(&this_cpu()->tlb, TLB_RESTING);
}

bool tlb_rests(void)
{
    return word_of(this_cpu()) & TLB_RESTING;
}

void tlb_resume(void)
{
    atomic_fetch_and(&this_cpu()->tlb, ~TLB_RESTING);
}

/* --- flushing this one --------------------------------------------------- */

void tlb_flush_all(void)
{
    struct domain *d = domain_in(word_of(this_cpu()));
    const bool only_here = d && atomic_load(&d->tlb_cpus) == 1;

    x86_flush_all();
    if (only_here)
        d->mm.tlb_epoch++;
}

void tlb_enter(struct domain *d)
{
    struct domain *was;

    was = domain_in(atomic_exchange(&this_cpu()->tlb, (uintptr_t)d));
    if (was)
        atomic_fetch_sub(&was->tlb_cpus, 1);
    atomic_fetch_add(&d->tlb_cpus, 1);
}

/* It counts as an epoch unless d is busy with its memory. */
void tlb_entered(struct domain *d)
{
    if (!lock_try(&d->mm.lock)) {
        x86_flush_all();
        return;
    }
    tlb_flush_all();
    lock_put(&d->mm.lock);
}

/* --- and others' --------------------------------------------------------- */

/* Who rests has nobody's tables, and flushes before it has somebody's again. */
static void flush_other(const struct domain *d, struct percpu *cpu)
{
    for (uintptr_t word = word_of(cpu); domain_in(word) == d;
         word = word_of(cpu)) {
        if (!(word & TLB_RESTING)) {
            ipi_flush(cpu);
            return;
        }
        if (forget(cpu, word))
            return;
    }
}

static void flush_others(const struct domain *d, const struct tlb *tlb)
{
    ipi_flush_begin(tlb);
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_of(i) != this_cpu())
            flush_other(d, cpu_of(i));
    ipi_flush_wait();
}

/*
 * The tables were changed before: a CPU that is not seen here to have the
 * domain enters it afterwards, and finds them changed.
 */
void tlb_flush_domain(struct domain *d, const struct tlb *tlb)
{
    const bool here = domain_in(word_of(this_cpu())) == d;

    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&d->tlb_cpus) > here)
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
    for (unsigned i = 0; i < cpu_count; i++) {
        uintptr_t word = word_of(cpu_of(i));

        while (domain_in(word) == d && !forget(cpu_of(i), word))
            word = word_of(cpu_of(i));
    }
}
