/* SPDX-License-Identifier: MIT */
/* refused.c: see refused.h. */
#include "hv/domain/refused.h"

#include "hv/arch/lock.h"
#include "hv/base/log.h"

/*
 * So many faults of a vCPU at one address, each right after it was refused
 * another page, are for ever: each comes twice (mm/pv/absent.h), and no more
 * than a few are somebody else's.
 */
#define MOST    200
#define BETWEEN 6

static void tell_once(struct domain *d)
{
    bool got;

    if (__atomic_exchange_n(&d->refused_told, true, __ATOMIC_RELAXED))
        return;
    got = hv_lock_get_once();
    log_say("d%u %s: a large page was refused: what it maps is no whole block "
            "of its memory",
            d->id, d->name);
    hv_lock_put_back(got);
}

void refused_fault(struct vcpu *v, uint64_t va)
{
    struct vcpu_refused *r = &v->refused;
    const uint64_t now = v->mm.super_refused;
    const bool again = va == r->va && v->faults - r->faults <= BETWEEN;

    if (v->d->shown.pse != SHOWN_PSE_NOW || now == r->seen)
        return;
    tell_once(v->d);
    r->times = again ? r->times + 1 : 1;
    r->seen = now;
    r->va = va;
    r->faults = v->faults;
    if (r->times == MOST)
        domain_crash(v->d,
                     "vCPU %u faults at %lx for ever: it is given a large page "
                     "that is no whole block, which is refused",
                     v->id, va);
}
