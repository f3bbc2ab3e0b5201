/* SPDX-License-Identifier: MIT */
/*
 * bounce.h: making the guest's kernel run a handler of its own: exceptions,
 * events, system calls, failed returns. All are for the current vCPU, but for
 * what says otherwise.
 */
#pragma once

#include "hv/arch/x86.h"
#include "hv/domain/domain.h"

#define BOUNCE_NO_ERROR (~UINT64_C(0))

/* A processor exception; error BOUNCE_NO_ERROR where the vector has none. */
void bounce_exception(struct vcpu *v, unsigned vector, uint64_t error);
/* #PF at va; US in error becomes the guest's idea of user mode. */
void bounce_page_fault(struct vcpu *v, uint64_t va, uint64_t error);
/* INT n, after RIP was moved behind it; false: the guest does not permit it. */
bool bounce_soft_interrupt(struct vcpu *v, unsigned vector);
/* A system call; t is one of v->callbacks, with an address. */
void bounce_callback(struct vcpu *v, const struct trap_info *t);
/* Would v, of any domain, take an NMI now? */
static inline bool bounce_nmi_wanted(const struct vcpu *v)
{
    return READ_ONCE(v->nmi_pending) && v->traps[VEC_NMI].address && !v->in_nmi;
}
/* An event upcall or a pending NMI, if one is wanted now. */
void bounce_events(struct vcpu *v);
/* Selectors that could not be loaded (ABI fact 2.9). */
void bounce_failsafe(struct vcpu *v, const uint64_t sel[4]);

/* From fast.asm: the frame could not be written. */
void bounce_bad_stack(void);

#define BOUNCE_SLOW_NMI    1u /* in one: the vCPU's own, while it runs */
#define BOUNCE_SLOW_IOPL   2u /* virtual IOPL: as its domain has it */
#define BOUNCE_SLOW_TRACED 4u /* its hypercalls are, as its domain's are */
/* v->slow of the current vCPU, or of one that is loaded nowhere. */
void bounce_set_slow(struct vcpu *v);
/* d->vm_assist is another: the IOPL's part of all, whatever they do. */
void bounce_assists_changed(const struct domain *d);
/* That part of it, whatever v does. */
void bounce_set_traced(struct vcpu *v, bool on);
