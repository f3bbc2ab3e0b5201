/* SPDX-License-Identifier: MIT */
/* resume.c: see resume.h. */
#include "hv/svc/migrate/resume.h"

#include "hv/base/fail.h"
#include "hv/base/string.h"
#include "hv/call/downgrade_ring.h"
#include "hv/domain/tlb.h"
#include "hv/sched/event.h"
#include "hv/sched/ring_page.h"
#include "hv/sched/sched.h"
#include "hv/sched/time.h"
#include "hv/svc/console/console_ring.h"
#include "hv/svc/store/store.h"
#include "mm/pv/type.h"

#define START_MAGIC "xen-3.0-x86_64"

/* --- stopping ------------------------------------------------------------ */

/* Back to where it was at birth; whether events are masked stays. */
static void move_info_back(struct vcpu *v)
{
    struct vcpu_info *home = &v->d->shared->vcpu_info[v->id];
    uint8_t mask = v->info->evtchn_upcall_mask;
    struct mm_op op;

    v->info = home;
    v->info_mfn = MFN_NONE;
    memset(home, 0, sizeof(*home));
    home->evtchn_upcall_mask = mask ? 1 : 0;
    time_info_init(v);
    if (mfn_eq(v->mm.info, MFN_NONE))
        return;
    mm_op_begin(&op, &v->d->mm, &v->mm);
    type_put_deferred(&op, v->mm.info);
    v->mm.info = MFN_NONE;
    mm_op_end(&op);
}

static void quiesce(struct domain *d)
{
    console_ring_suspend(d);
    event_close_all(d);
    downgrade_ring_suspend(d);
    memset(d->watchdog, 0, sizeof(d->watchdog));
    store_reset(d);
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        struct vcpu *v = d->vcpu[i];

        time_disarm(v);
        sched_forget(v);
        move_info_back(v);
        v->runstate_area = 0;
    }
}

void resume_register(void)
{
    static struct domain_hooks hooks = {.quiesce = quiesce};

    domain_register(&hooks);
}

/* Guests write 0 or all ones where there is no such list. */
struct p2m_location resume_p2m(const struct domain *d)
{
    const struct arch_shared_info *a = &d->shared->arch;
    uint64_t list = READ_ONCE(a->pfn_to_mfn_frame_list_list);

    return (struct p2m_location){
        .nr_pfns = READ_ONCE(a->max_pfn),
        .list_list = list ? mfn_of(list) : MFN_NONE,
        .va = READ_ONCE(a->p2m_vaddr),
        .cr3 = mfn_of_cr3(READ_ONCE(a->p2m_cr3)),
    };
}

/* --- going on ------------------------------------------------------------ */

/* With a reference held, or NULL. */
static struct start_info *start_info_get(struct domain *d)
{
    struct start_info *s = ring_page_get(d, d->start_mfn);

    if (!s || !memcmp(s->magic, START_MAGIC, sizeof(START_MAGIC)))
        return s;
    ring_page_put(d, d->start_mfn);
    return NULL;
}

static enum err no_start_info(const struct domain *d, char *text)
{
    return fail(text, ERR_INVAL,
                "frame %lx, which it named when it suspended, is no start_info",
                d->start_mfn.v);
}

enum err resume_check(struct domain *d, char *text)
{
    if (!start_info_get(d))
        return no_start_info(d, text);
    ring_page_put(d, d->start_mfn);
    return ERR_NONE;
}

static uint64_t mfn_or_0(mfn_t m)
{
    return mfn_eq(m, MFN_NONE) ? 0 : m.v;
}

static void renew_start_info(const struct domain *d, struct start_info *s)
{
    s->nr_pages = d->nr_pages;
    s->shared_info = maddr_of_mfn(d->shared_mfn).v;
    s->flags = 0;
    s->store_mfn = mfn_or_0(d->store_mfn);
    s->store_evtchn = d->store_port;
    s->console.domU.mfn = mfn_or_0(d->console_mfn);
    s->console.domU.evtchn = d->console_port;
}

static void renew_shared_info(struct domain *d)
{
    struct shared_info *s = d->shared;

    memset(s->evtchn_pending, 0, sizeof(s->evtchn_pending));
    memset(s->evtchn_mask, 0xff, sizeof(s->evtchn_mask));
    memset(&s->arch, 0, sizeof(s->arch));
    time_shared_init(d);
}

/* The two rings' channels are the first that are made, as at birth. */
static enum err renew_channels(struct domain *d)
{
    enum err rc;

    event_close_all(d);
    rc = console_ring_bind(d);
    return rc ? rc : store_bind(d);
}

/*
 * On Xen one that was down has lost its context: Linux gives it another, and
 * takes a refusal for a fault of its own.
 */
static void wake(struct vcpu *v)
{
    v->renewable = v->initialised && v->state == VCPU_DOWN;
    sched_resume(v);
}

enum err resume_run(struct domain *d, char *text)
{
    struct start_info *s = start_info_get(d);

    if (!s)
        return no_start_info(d, text);
    if (renew_channels(d)) {
        ring_page_put(d, d->start_mfn);
        return fail(text, ERR_NOMEM, "no memory for its event channels");
    }
    renew_start_info(d, s);
    ring_page_put(d, d->start_mfn);
    renew_shared_info(d);
    d->vcpu[0]->regs.rax = 0;
    domain_set_quiet(d, false);
    d->suspended = d->reason_set = false;
    downgrade_ring_resume(d);
    console_ring_resume(d);
    for (unsigned i = 0; i < d->nr_vcpus; i++)
        wake(d->vcpu[i]);
    return ERR_NONE;
}

/* --- looking ------------------------------------------------------------- */

bool resume_mapped(const struct mm *mm, mfn_t root, uint64_t va)
{
    enum pt_step to = PT_STEP_TABLE;
    mfn_t at = root;

    if (mfn_eq(root, MFN_NONE) || va - BIT(47) < HV_VA_END - BIT(47))
        return false;
    for (unsigned level = PT_LEVELS; to == PT_STEP_TABLE; level--) {
        pte_t e;

        to = pt_step(mm_frame_ptr(mm, at), va, level, PTE_P, &e);
        at = pte_mfn(e);
    }
    return to == PT_STEP_LEAF;
}
