/* SPDX-License-Identifier: MIT */
/*
 * domain.c: which domains there are, and that one stops.
 *
 * Invariants: domain_list holds the domains whose memory is on mm/'s list, and
 * those that are bare; an ended domain stays there, not running, until
 * domain_reap() (hv/sched/lifecycle.c) has given back everything. It changes,
 * and so does a domain's stage, with hv_lock and list_lock held; so does nobody
 * get a reference but under list_lock. So once a domain is bare, and no
 * references are seen, there will be none, and it can be freed.
 */
#include "hv/domain/domain.h"

#include "hv/arch/cpu.h"
#include "hv/arch/ipi.h"
#include "hv/arch/lock.h"
#include "hv/base/log.h"
#include "hv/base/print.h"
#include "hv/domain/vcpu.h"
#include "mm/base/spin.h"
#include "xen/sched.h"

struct domain *domain_list;
unsigned domain_ended;

struct domain_hooks *domain_hooks;

static struct spin list_lock; /* nothing is taken inside */

void domain_init(void)
{
    spin_init(&list_lock, LOCKDEP_DOMAINS, 0);
}

struct domain *domain_find(domid_t id)
{
    struct domain *d = domain_list;

    while (d && d->id != id)
        d = d->next;
    return d;
}

bool domain_known(domid_t id)
{
    bool known;

    spin_lock(&list_lock);
    known = domain_find(id);
    spin_unlock(&list_lock);
    return known;
}

enum err domain_self(const struct domain *d, domid_t id)
{
    if (id == DOMID_SELF || id == d->id)
        return ERR_NONE;
    return domain_known(id) ? ERR_PERM : ERR_SRCH;
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

/* --- the list ------------------------------------------------------------ */

void domain_list_add(struct domain *d)
{
    struct domain **p = &domain_list;

    spin_lock(&list_lock);
    while (*p && (*p)->id < d->id)
        p = &(*p)->next;
    d->next = *p;
    *p = d;
    spin_unlock(&list_lock);
}

void domain_list_remove(const struct domain *d)
{
    struct domain **p = &domain_list;

    spin_lock(&list_lock);
    while (*p && *p != d)
        p = &(*p)->next;
    if (*p)
        *p = d->next;
    spin_unlock(&list_lock);
}

void domain_set_stage(struct domain *d, enum domain_stage stage)
{
    spin_lock(&list_lock);
    d->stage = stage;
    spin_unlock(&list_lock);
}

/* --- references ---------------------------------------------------------- */

static struct domain *get(domid_t id, enum domain_stage latest)
{
    struct domain *d;

    spin_lock(&list_lock);
    d = domain_find(id);
    if (d && d->stage > latest)
        d = NULL;
    if (d)
        __atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
    spin_unlock(&list_lock);
    return d;
}

struct domain *domain_get(domid_t id)
{
    return get(id, DOMAIN_WHOLE);
}

struct domain *domain_get_going(domid_t id)
{
    return get(id, DOMAIN_GOING);
}

/* The last that its holder does with it: the other end is domain_unused(). */
void domain_put(struct domain *d)
{
    MUST((bool)(__atomic_fetch_sub(&d->refs, 1, __ATOMIC_RELEASE) > 0));
}

bool domain_unused(const struct domain *d)
{
    ASSERT(d->stage == DOMAIN_BARE);
    return __atomic_load_n(&d->refs, __ATOMIC_ACQUIRE) == 0;
}

/* --- ending ------------------------------------------------------------ */

void domain_register(struct domain_hooks *h)
{
    struct domain_hooks **p = &domain_hooks;

    while (*p)
        p = &(*p)->next;
    *p = h;
}

static void tell_all(struct domain *d)
{
    for (const struct domain_hooks *h = domain_hooks; h; h = h->next)
        if (h->changed)
            h->changed(d);
}

/* Changes with hv_lock held, and is looked at without. */
static void set_end(struct domain *d, enum domain_end end)
{
    __atomic_store_n(&d->end, end, __ATOMIC_RELAXED);
}

/*
 * Its vCPUs cannot run any more: wherever they do, another is to be chosen. Who
 * loads one just now looks for itself, behind that (run() in sched.c).
 */
static void stop_running(const struct domain *d)
{
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        struct percpu *on = READ_ONCE(d->vcpu[i]->on);

        if (on && on != this_cpu())
            ipi_send(on, WORK_RESCHED);
    }
    cpu_work_resched();
}

/* Nobody is left who could resume those that are suspended. */
static void end_suspended(void)
{
    for (struct domain *d = domain_list; d; d = d->next)
        if (d->suspended || d->stopping)
            domain_shutdown(d, DOMAIN_SUSPENDED, SHUTDOWN_suspend);
}

void domain_shutdown(struct domain *d, enum domain_end end, unsigned reason)
{
    if (d->end != DOMAIN_ALIVE)
        return;
    d->end_reason = reason;
    set_end(d, end);
    WRITE_ONCE(domain_ended, domain_ended + 1);
    stop_running(d);
    tell_all(d);
    if (d->control && !domain_controller())
        end_suspended();
}

/*
 * An operation that another domain had begun on its memory is over then, and
 * who begins one sees it; d->suspended changes without that lock.
 */
void domain_set_quiet(struct domain *d, bool quiet)
{
    struct mm_op op;

    mm_op_begin(&op, &d->mm, NULL);
    d->mm.quiet = quiet;
    mm_op_end(&op);
}

static void settle(struct domain *d)
{
    if (!d->stopping || d->end != DOMAIN_ALIVE || atomic_load(&d->held))
        return;
    domain_set_quiet(d, true);
    for (const struct domain_hooks *h = domain_hooks; h; h = h->next)
        if (h->quiesce)
            h->quiesce(d);
    WRITE_ONCE(d->suspended, true);
    WRITE_ONCE(d->stopping, false);
    tell_all(d);
}

void domain_suspend(struct domain *d)
{
    if (d->control || !domain_controller()) {
        domain_shutdown(d, DOMAIN_SUSPENDED, SHUTDOWN_suspend);
        return;
    }
    d->start_mfn = mfn_of(d->vcpu[0]->regs.rdx);
    WRITE_ONCE(d->stopping, true);
    stop_running(d);
    settle(d);
}

void domain_set_paused(struct domain *d, bool paused)
{
    WRITE_ONCE(d->paused, paused);
    if (paused)
        stop_running(d);
}

void domain_settle(void)
{
    hv_lock_get();
    for (struct domain *d = domain_list; d; d = d->next)
        settle(d);
    hv_lock_put();
}

static void crash(struct domain *d, const char *why)
{
    const struct vcpu *v = current_vcpu();

    if (d->end == DOMAIN_CRASHED)
        return;
    d->culprit = v && v->d == d ? v : NULL;
    log_say("d%u %s crashed: %s", d->id, d->name, why);
    if (d->end == DOMAIN_ALIVE) {
        domain_shutdown(d, DOMAIN_CRASHED, SHUTDOWN_crash);
        return;
    }
    /* A crash while it ends is a crash, and one end. */
    set_end(d, DOMAIN_CRASHED);
    d->end_reason = SHUTDOWN_crash;
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    const bool got = hv_lock_get_once();
    char why[200];
    va_list ap;

    va_start(ap, fmt);
    print_vformat(why, sizeof(why), fmt, ap);
    va_end(ap);
    crash(d, why);
    hv_lock_put_back(got);
}
