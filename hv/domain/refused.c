/* SPDX-License-Identifier: MIT */
/* refused.c: see refused.h. */
#include "hv/domain/refused.h"

#include "hv/base/log.h"

/* Nobody takes so many faults at an address, each after another was refused,
 * who knows what to do about it. */
#define MOST 1000

static void tell_once(struct domain *d)
{
    if (!__atomic_exchange_n(&d->refused_told, true, __ATOMIC_RELAXED))
        log_say("d%u %s: a large page was refused: what it maps is no whole "
                "block of its memory",
                d->id, d->name);
}

void refused_fault(struct vcpu *v, uint64_t va)
{
    struct vcpu_refused *r = &v->refused;
    struct domain *d = v->d;
    const uint64_t now = READ_ONCE(d->mm.super_refused);

    if (d->shown.pse == SHOWN_PSE_OFF || now == r->seen)
        return;
    tell_once(d);
    *r = (struct vcpu_refused){now, va, va == r->va ? r->times + 1 : 1};
    if (r->times == MOST)
        domain_crash(d,
                     "vCPU %u faults at %lx for ever: it is given a large page "
                     "that is no whole block, which is refused",
                     v->id, va);
}
