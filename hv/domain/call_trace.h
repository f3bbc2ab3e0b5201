/* SPDX-License-Identifier: MIT */
/*
 * call_trace.h: the hypercalls of a domain that is traced, as they come: a ring
 * for each such domain, of which the control guest reads.
 *
 * Who is not traced pays nothing for it: a vCPU goes through the table that it
 * is given (vcpu.calls), and that of one which is traced leads, whatever the
 * number, to hv/entry/traced.c, which calls the handler and tells of it here.
 * An iret is one of C's then, not of hv/entry/fast.asm's.
 *
 * Invariant: the ring is bounded. When it is full the oldest go and are counted
 * as lost, so what is there are always the last.
 */
#pragma once

#include "flagstone/control.h"
#include "hv/domain/domain.h"

/* Both tables, before there is a domain. */
void call_trace_register(const void *plain, const void *traced);

/*
 * With hv_lock. ERR_NOMEM; again, or where there is none: of no effect. The
 * ring of who has gone is given back when another begins: there is one at most.
 */
enum err call_trace_begin(struct domain *d);
void call_trace_end(struct domain *d);

static inline bool call_trace_on(const struct domain *d)
{
    return READ_ONCE(d->calls);
}

/* v, the current one, has made this call; when and by whom is filled in. */
void call_trace_add(struct vcpu *v, struct flagstone_call *call);

struct call_trace_part {
    uint64_t first; /* the number of the first, counted since it was begun */
    uint64_t lost;  /* ever */
    unsigned n;
};
/*
 * The oldest that are there, at most so many; they stay. False: a domain of
 * this id is not traced. The ring of the last that has gone can still be read.
 */
bool call_trace_look(domid_t id, struct flagstone_call *out, unsigned n,
                     struct call_trace_part *part);
/* All before this number may go. */
void call_trace_forget(domid_t id, uint64_t before);
/* The ring of who has gone, if it is this one's; or of whoever it is. */
void call_trace_drop(domid_t id);
void call_trace_drop_any(void);
