/* SPDX-License-Identifier: MIT */
/*
 * domain.c: how domains come, end and go.
 *
 * Invariants: domain_list holds exactly the domains whose memory is on mm/'s
 * list; an ended domain stays there, not running, until domain_reap() has
 * given back everything; what domain_create() has begun domain_destroy() can
 * take apart, however far it came.
 */
#include "hv/domain/domain.h"

#include "hv/arch/cpu.h"
#include "hv/arch/layout.h"
#include "hv/arch/memory.h"
#include "hv/base/log.h"
#include "hv/base/print.h"
#include "hv/debug/auditor.h"
#include "hv/debug/report.h"
#include "hv/dev/clock.h"
#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/claims.h"
#include "hv/sched/event.h"
#include "hv/sched/lifecycle.h"
#include "hv/sched/sched.h"
#include "hv/sched/time.h"
#include "hv/svc/console/console.h"
#include "hv/svc/console/console_ring.h"
#include "hv/svc/control/control.h"
#include "hv/svc/migrate/resume.h"
#include "hv/svc/store/store.h"
#include "mm/alloc/dmem.h"
#include "xen/sched.h"
#include "xen/vcpu.h"

enum { DOMAIN_ORDER = 0, VCPU_ORDER = 1 };
_Static_assert(sizeof(struct domain) <= PAGE_SIZE, "DOMAIN_ORDER");
_Static_assert(sizeof(struct vcpu) <= 2 * PAGE_SIZE, "VCPU_ORDER");

struct domain *domain_list;
unsigned domain_ended;

static domid_t last_id; /* 0 would be Xen's control domain */

struct domain *domain_find(domid_t id)
{
    struct domain *d = domain_list;

    while (d && d->id != id)
        d = d->next;
    return d;
}

enum err domain_self(const struct domain *d, domid_t id)
{
    if (id == DOMID_SELF || id == d->id)
        return ERR_NONE;
    return domain_find(id) ? ERR_PERM : ERR_SRCH;
}

struct domain *domain_controller(void)
{
    struct domain *d = domain_list;

    while (d && !(d->control && d->end == DOMAIN_ALIVE))
        d = d->next;
    return d;
}

struct vcpu *domain_vcpu(const struct domain *d, uint64_t id)
{
    return id < d->nr_vcpus ? d->vcpu[id] : NULL;
}

/* --- coming ------------------------------------------------------------ */

static void list_add(struct domain *d)
{
    struct domain **p = &domain_list;

    while (*p && (*p)->id < d->id)
        p = &(*p)->next;
    d->next = *p;
    *p = d;
}

static void list_remove(const struct domain *d)
{
    struct domain **p = &domain_list;

    while (*p && *p != d)
        p = &(*p)->next;
    if (*p)
        *p = d->next;
}

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
    if (!rc)
        rc = event_bind_hypervisor(d, &d->console_port);
    if (!rc)
        rc = event_bind_hypervisor(d, &d->store_port);
    if (!rc)
        rc = store_create(d);
    return rc;
}

enum err domain_create(const struct module_config *c, const struct shown *shown,
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
    d->shown = *shown;
    d->xcr0 = shown_xcr0(shown);
    d->out.terminal = c->control || c->terminal;
    d->shared_mfn = d->console_mfn = d->store_mfn = MFN_NONE;
    d->start_mfn = d->ring_mfn = MFN_NONE;
    print_format(d->name, sizeof(d->name), "%s", c->name);
    dmem_domain_init(&hv_mm, &d->mm);
    d->promised = d->mm.claim = claims_take(d->name);
    list_add(d);
    rc = fill(d, c->vcpus);
    if (rc)
        while (domain_destroy(d) == ERR_RESTART)
            ;
    else
        *out = d;
    return rc;
}

void domain_start(struct domain *d)
{
    d->started = true;
    sched_up(d->vcpu[0]);
}

/* --- ending ------------------------------------------------------------ */

static void tell_controller(void)
{
    const struct domain *c = domain_controller();

    if (c && event_virq_bound(c, VIRQ_DOM_EXC))
        event_virq(c->vcpu[0], VIRQ_DOM_EXC);
}

/* Nobody is left who could resume those that are suspended. */
static void end_suspended(void)
{
    for (struct domain *d = domain_list; d; d = d->next)
        if (d->suspended)
            domain_shutdown(d, DOMAIN_SUSPENDED, SHUTDOWN_suspend);
}

void domain_shutdown(struct domain *d, enum domain_end end, unsigned reason)
{
    if (d->end != DOMAIN_ALIVE)
        return;
    d->end = end;
    d->end_reason = reason;
    domain_ended++;
    cpu_work_resched();
    tell_controller();
    if (d->control && !domain_controller()) {
        control_gone();
        end_suspended();
    }
}

void domain_suspend(struct domain *d)
{
    if (d->control || !domain_controller()) {
        domain_shutdown(d, DOMAIN_SUSPENDED, SHUTDOWN_suspend);
        return;
    }
    d->start_mfn = mfn_of(d->vcpu[0]->regs.rdx);
    resume_quiesce(d);
    d->suspended = true;
    sched_request();
    tell_controller();
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    char why[200];
    va_list ap;

    if (d->end == DOMAIN_CRASHED)
        return;
    va_start(ap, fmt);
    print_vformat(why, sizeof(why), fmt, ap);
    va_end(ap);
    log_say("d%u %s crashed: %s", d->id, d->name, why);
    if (d->end == DOMAIN_ALIVE) {
        domain_shutdown(d, DOMAIN_CRASHED, SHUTDOWN_crash);
        return;
    }
    d->end = DOMAIN_CRASHED; /* a crash while it ends is a crash, and one end */
    d->end_reason = SHUTDOWN_crash;
}

/* --- going ------------------------------------------------------------- */

/* Nobody may run it, wake it or look something up for it from here on. */
static void stop(struct domain *d)
{
    const struct vcpu *current = current_vcpu();

    if (current && current->d == d)
        vcpu_switch(NULL);
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        sched_forget(d->vcpu[i]);
        time_disarm(d->vcpu[i]);
    }
    event_close_all(d);
    tlb_forget(d);
}

static enum err give_back_memory(struct domain *d)
{
    struct mm_vcpu none = {.old = MFN_NONE};
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

static void free_all(struct domain *d)
{
    if (!d->started && domain_controller())
        claims_return(d->name, d->promised);
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        vcpu_free(d->vcpu[i]);
        free_object(d->vcpu[i], VCPU_ORDER);
    }
    for (unsigned i = 0; i < EVTCHN_BUCKETS; i++)
        if (d->evtchn[i])
            free_object(d->evtchn[i], 0);
    store_free(d);
    console_guest_end(d);
    list_remove(d);
    free_object(d, DOMAIN_ORDER);
}

enum err domain_destroy(struct domain *d)
{
    enum err rc;

    if (!d->mm.dying)
        stop(d);
    rc = give_back_memory(d);
    if (!rc)
        free_all(d);
    return rc;
}

/* The one that is half gone, or NULL. */
static struct domain *half_gone(void)
{
    struct domain *d = domain_list;

    while (d && !(d->end != DOMAIN_ALIVE && d->mm.dying))
        d = d->next;
    return d;
}

/* The first whose last words are said, or NULL: nobody waits for another's. */
static struct domain *said_all(void)
{
    struct domain *d = domain_list;

    while (d &&
           !(d->end != DOMAIN_ALIVE && (!d->started || console_ring_end(d))))
        d = d->next;
    return d;
}

static struct domain *next_to_go(void)
{
    struct domain *d = half_gone();

    if (d)
        return d;
    d = said_all();
    if (d && d->started) {
        console_guest_end(d);
        report_domain(d);
    }
    return d;
}

bool domain_reap(void)
{
    struct domain *d = next_to_go();

    if (!d)
        return false;
    if (domain_destroy(d) == ERR_RESTART)
        return true;
    domain_ended--;
    tell_controller();
    auditor_check();
    return true;
}
