/* SPDX-License-Identifier: MIT */
/*
 * retry.h: a page fault that is nobody's: another vCPU's operation has an entry
 * absent for a moment (mm/pv/absent.h). By the count of those moments: if it is
 * not what this vCPU saw last, there was or is one, and the access may have met
 * it. When that is over the access is made again; a fault that comes again
 * while the count stays is the guest's own.
 *
 * Invariant: who waits here serves its mailbox, because the other waits for its
 * flush. It may have any lock but a spin; if it is the memory lock of the
 * vCPU's domain, the count is even and there is nothing to wait for.
 */
#pragma once

#include "hv/domain/vcpu.h"

/* The vCPU's own fault: true, it is to go on where it was. */
bool retry_fault(struct vcpu *v);
/*
 * The same of the hypervisor's access to its memory, a limited number of times
 * until it next goes to a guest: a domain that has nothing else to do cannot
 * keep a processor in the hypervisor.
 */
bool retry_access(struct vcpu *v);
/* It goes to the guest, on the slow path: retry_access() has seen to that. */
static inline void retry_leave(struct vcpu *v)
{
    v->retries = 0;
}
