/* SPDX-License-Identifier: MIT */
/*
 * downgrade_ring.h: how a domain is told what became of its memory: a ring page
 * of its own and VIRQ_FLAGSTONE.
 *
 * Invariant: while a domain has a ring and is not suspended, the hypervisor
 * holds a writable reference to the page: it is the domain's and no page table.
 * What is in the page is the guest's to spoil, and nobody else suffers by it.
 */
#pragma once

#include "flagstone/flagstone.h"
#include "hv/domain/domain.h"

/* MFN_NONE: no ring any more. ERR_INVAL: not a page it may write to. */
enum err downgrade_ring_set(struct domain *d, mfn_t m);
/*
 * d is suspended: the page is let go of, but not forgotten; d runs again: it
 * is held again, where downgrade_mfn says by now, if it can be.
 */
void downgrade_ring_suspend(struct domain *d);
void downgrade_ring_resume(struct domain *d);
/* One event; counted as lost where there is no ring, or no room in it. */
void downgrade_ring_put(struct domain *d, enum flagstone_event_type type,
                        pfn_t pfn, uint32_t count, mfn_t m);
/*
 * What v was about has failed: if it was refused a large entry, as a domain
 * with pse= may not notice, the event says so. No lock but hv_lock is held.
 */
void downgrade_ring_refused(struct vcpu *v);
/* VIRQ_FLAGSTONE, now or as soon as the guest binds it. */
void downgrade_ring_notify(struct domain *d);
/* The guest has just bound VIRQ_FLAGSTONE; or look whether it has. */
void downgrade_ring_bound(struct domain *d);
/* It was restored or relocated: the event says so, the ranges follow. */
void downgrade_ring_announce(struct domain *d);

/* The nth of d's ranges, as the interface has it; false: there are fewer. */
bool downgrade_ring_range(const struct domain *d, uint64_t n,
                          struct flagstone_range *out);
uint64_t downgrade_ring_ranges(const struct domain *d); /* how many there are */
