/* SPDX-License-Identifier: MIT */
/*
 * port.h: the only way out of mm/. Two implementations: hv/domain/port.c for
 * the machine and tests/mm/port.c for the host, where the TLB is simulated.
 * Besides these, mm/ calls memcpy, memset and bug(), nothing else.
 */
#pragma once

#include "base.h"

struct mm;
struct mm_domain;
struct mm_vcpu;
struct mm_owed;
struct tlb;

/*
 * Discharge a TLB obligation now: on return no CPU that may run `d` holds a
 * translation the value names. Called by owed.c only.
 * A full flush of all of them, whoever asked for it, also does d->tlb_epoch++.
 */
void port_tlb_discharge(struct mm_domain *d, const struct tlb *tlb);

/* The CPU that calls, a small number: which cache of the allocator's is its. */
unsigned port_cpu(void);

/* What the CPU that calls owes, of this machine's: mm/alloc/owed.h. */
struct mm_owed *port_owed(const struct mm *mm);

/*
 * v has another kernel root, and still a reference of the one before: if v runs
 * on this CPU the processor has left that on return, so that it may go.
 */
void port_load_root(struct mm_vcpu *v);

/* Should long work stop here and be continued later? */
bool port_preempt(void);
