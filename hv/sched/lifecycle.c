/* SPDX-License-Identifier: MIT */
/*
 * lifecycle.c: how domains come and go.
 *
 * Invariant: what domain_create() has begun domain_destroy() can take apart,
 * however far it came.
 */
#include "hv/sched/lifecycle.h"

#include "hv/arch/ipi.h"
#include "hv/arch/layout.h"
#include "hv/arch/memory.h"
#include "hv/arch/panic.h"
#include "hv/base/print.h"
#include "hv/dev/clock.h"
#include "hv/domain/seg.h"
#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/claims.h"
#include "hv/sched/event.h"
#include "hv/sched/sched.h"
#include "hv/sched/time.h"
#include "mm/alloc/dmem.h"
#include "xen/vcpu.h"

enum { DOMAIN_ORDER = 0, VCPU_ORDER = 1 };
_Static_assert(sizeof(struct domain) <= PAGE_SIZE, "DOMAIN_ORDER");
_Static_assert(sizeof(struct vcpu) <= 2 * PAGE_SIZE, "VCPU_ORDER");

static domid_t last_id; /* 0 would be Xen's control domain */

/* Identifiers are not used again before all others were. */
static domid_t new_id(void)
{
    do
        last_id = last_id < OWNER_DOMAIN_LAST ? last_id + 1 : 1;
    while (domain_find(last_id));
    return last_id;
}

static enum err add_vcpu(struct domain *d, unsigned id)
{
    struct vcpu *v;
    mfn_t m;
    enum err rc = alloc_hv_get(&hv_mm, VCPU_ORDER, &m);

    if (rc)
        return rc;
    v = mm_frame_ptr(&hv_mm, m);
    v->d = d;
    v->id = id;
    v->state = VCPU_DOWN;
    v->info = &d->shared->vcpu_info[id];
    v->info_mfn = MFN_NONE;
    v->runstate = RUNSTATE_offline;
    v->runstate_entry = clock_now_ns();
    sched_place(v);
    dmem_vcpu_init(&d->mm, &v->mm);
    d->vcpu[id] = v;
    d->nr_vcpus = id + 1;
    time_info_init(v);
    return vcpu_alloc(v);
}

/* A guest starts with events masked on every vCPU (ABI fact 2.8). */
static enum err make_shared(struct domain *d)
{
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &d->mm, NULL);
    rc = dmem_fixed_get(&op, &d->shared_mfn);
    mm_op_end(&op);
    if (rc)
        return rc;
    d->shared = mm_frame_ptr(d->mm.mm, d->shared_mfn);
    for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        d->shared->vcpu_info[i].evtchn_upcall_mask = 1;
    return ERR_NONE;
}

static enum err fill(struct domain *d, unsigned nr_vcpus)
{
    enum err rc = make_shared(d);

    if (rc)
        return rc;
    time_shared_init(d);
    for (unsigned i = 0; i < nr_vcpus && !rc; i++)
        rc = add_vcpu(d, i);
    for (const struct domain_hooks *h = domain_hooks; h && !rc; h = h->next)
        if (h->create)
            rc = h->create(d);
    return rc;
}

enum err domain_create(const struct domain_config *c, const struct shown *shown,
                       struct domain **out)
{
    struct domain *d;
    mfn_t m;
    enum err rc = alloc_hv_get(&hv_mm, DOMAIN_ORDER, &m);

    if (rc)
        return rc;
    d = mm_frame_ptr(&hv_mm, m);
    d->id = d->mm.id = new_id();
    d->mm.max_pages = d->maxmem_ever = c->maxmem >> PAGE_SHIFT;
    d->mm.superpages = c->superpages;
    d->mm.relinquish = c->relinquish;
    d->nr_pages = d->target = c->mem >> PAGE_SHIFT;
    d->control = c->control;
    d->cpus = c->cpus;
    d->shown = *shown;
    d->mm.large_shown = shown->pse != SHOWN_PSE_OFF;
    d->xcr0 = shown_xcr0(shown);
    d->out.terminal = c->control || c->terminal;
    d->shared_mfn = d->console_mfn = d->store_mfn = MFN_NONE;
    d->start_mfn = d->downgrade_mfn = MFN_NONE;
    print_format(d->name, sizeof(d->name), "%s", c->name);
    dmem_domain_init(&hv_mm, &d->mm);
    event_init(d);
    d->promised = d->mm.claim = claims_take(d->name);
    domain_list_add(d);
    rc = fill(d, c->vcpus);
    if (rc)
        while (domain_destroy(d) == ERR_RESTART)
            ipi_serve(); /* who has a reference may wait for a flush */
    else
        *out = d;
    return rc;
}

void domain_start(struct domain *d)
{
    d->started = true;
    sched_up(d->vcpu[0]);
}

/* --- going ------------------------------------------------------------- */

/*
 * Nobody may run it, wake it or look something up for it from here on: who
 * could wake it goes first, then what that may have put into a queue.
 */
static void stop(struct domain *d)
{
    event_end(d);
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        time_disarm(d->vcpu[i]);
        sched_forget(d->vcpu[i]);
        seg_forget(d->vcpu[i]);
    }
    tlb_forget(d);
}

static enum err give_back_memory(struct domain *d)
{
    struct mm_vcpu none = {.deferred = MFN_NONE};
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &d->mm, d->vcpu[0] ? &d->vcpu[0]->mm : &none);
    rc = dmem_domain_destroy(&op);
    mm_op_end(&op);
    return rc;
}

static void free_object(void *object, unsigned order)
{
    alloc_hv_put(&hv_mm, mfn_of_maddr(maddr_of_direct(object)), order);
}

/* What others may just be looking at goes when they have looked. */
static void free_all(struct domain *d)
{
    ipi_quiesce();
    if (!d->started && domain_controller())
        claims_return(d->name, d->promised);
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        vcpu_free(d->vcpu[i]);
        free_object(d->vcpu[i], VCPU_ORDER);
    }
    for (unsigned i = 0; i < EVTCHN_BUCKETS; i++)
        if (d->evtchn[i])
            free_object(d->evtchn[i], 0);
    for (const struct domain_hooks *h = domain_hooks; h; h = h->next)
        if (h->free)
            h->free(d);
    domain_list_remove(d);
    free_object(d, DOMAIN_ORDER);
}

/*
 * Its memory goes under its memory lock, and is dying before the first of it
 * does: an operation that another domain began on it is over by then, and one
 * that is begun finds it so, whatever references there are. They are waited for
 * when the memory has gone: each is put before its hypercall ends, which waits
 * for memory locks and flushes only, so for nothing that is done here.
 */
enum err domain_destroy(struct domain *d)
{
    enum err rc = ERR_NONE;

    if (d->stage == DOMAIN_WHOLE) {
        domain_set_stage(d, DOMAIN_GOING);
        stop(d);
    }
    if (d->stage == DOMAIN_GOING)
        rc = give_back_memory(d);
    if (rc)
        return rc;
    domain_set_stage(d, DOMAIN_BARE);
    if (!domain_unused(d))
        return ERR_RESTART;
    free_all(d);
    return ERR_NONE;
}

/* The one that is half gone, or NULL. */
static struct domain *half_gone(void)
{
    struct domain *d = domain_list;

    while (d && !(d->end != DOMAIN_ALIVE && d->stage != DOMAIN_WHOLE))
        d = d->next;
    return d;
}

static bool may_go(struct domain *d)
{
    for (const struct domain_hooks *h = domain_hooks; h; h = h->next)
        if (h->may_go && !h->may_go(d))
            return false;
    return true;
}

/* Nobody waits for another's last words. */
static struct domain *first_that_may_go(void)
{
    struct domain *d = domain_list;

    while (d && !(d->end != DOMAIN_ALIVE && !atomic_load(&d->held) &&
                  (!d->started || may_go(d))))
        d = d->next;
    return d;
}

static struct domain *next_to_go(void)
{
    struct domain *d = half_gone();

    if (d)
        return d;
    d = first_that_may_go();
    for (const struct domain_hooks *h = domain_hooks; h && d && d->started;
         h = h->next)
        if (h->going)
            h->going(d);
    return d;
}

bool domain_reap(void)
{
    struct domain *d = next_to_go();

    if (!d)
        return false;
    if (domain_destroy(d) == ERR_RESTART)
        return true;
    WRITE_ONCE(domain_ended, domain_ended - 1);
    for (const struct domain_hooks *h = domain_hooks; h; h = h->next)
        if (h->gone)
            h->gone();
    return true;
}
