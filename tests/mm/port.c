/* SPDX-License-Identifier: MIT */
/* port.c: see port.h and mm/base/port.h. */
#include "port.h"

#include <stdio.h>
#include <stdlib.h>

#include "mm/base/tlb.h"
#include "simtlb.h"

static uint64_t preempt_in, preempt_again, preempts, flushes;
static bool is_deaf;
void (*host_before_flush)(struct mm_domain *d);
void (*host_at_look)(void);
void (*host_at_root)(struct mm_vcpu *v);
const struct host_cpus *host_cpus;

noreturn_fn void bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

void host_preempt_at(uint64_t n)
{
    preempt_in = n;
    preempt_again = 0;
    preempts = 0;
}

void host_preempt_every(uint64_t n)
{
    host_preempt_at(n);
    preempt_again = n;
}

uint64_t host_preempts(void)
{
    return preempts;
}

void port_load_root(struct mm_vcpu *v)
{
    if (host_cpus && host_cpus->load_root)
        host_cpus->load_root(v);
    if (host_at_root)
        host_at_root(v);
}

unsigned port_cpu(void)
{
    return host_cpus ? host_cpus->cpu() : 0;
}

/* Where there is one actor, it would wait for itself. */
void port_lock_wait(struct lock *l, bool taken)
{
    if (host_cpus && host_cpus->lock_wait) {
        host_cpus->lock_wait(l, taken);
        return;
    }
    bug(__FILE__, __LINE__, "a lock is taken twice");
}

void port_lock_claim(struct lock *l)
{
    (void)l; /* threads are given their turns by somebody else */
}

struct mm_owed *port_owed(const struct mm *mm)
{
    return host_cpus ? host_cpus->owed() : mm->owed;
}

bool port_preempt(void)
{
    if (host_cpus && host_cpus->preempt)
        return host_cpus->preempt();
    preempts++;
    if (host_at_look)
        host_at_look();
    if (preempt_in == 0 || --preempt_in > 0)
        return false;
    preempt_in = preempt_again;
    return true;
}

void host_deaf(bool deaf)
{
    is_deaf = deaf;
}

uint64_t host_flushes(void)
{
    return flushes;
}

void port_tlb_discharge(struct mm_domain *d, const struct tlb *tlb)
{
    if (host_cpus && host_cpus->discharge) {
        host_cpus->discharge(d, tlb);
        return;
    }
    if (host_before_flush)
        host_before_flush(d);
    if (tlb->what == TLB_FULL) {
        d->tlb_epoch++;
        flushes++;
    }
    if (is_deaf)
        return;
    if (tlb->what == TLB_FULL)
        simtlb_flush_all();
    else if (tlb->what == TLB_PAGE)
        simtlb_flush_page(tlb->va);
}
