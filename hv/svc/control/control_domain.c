/* SPDX-License-Identifier: MIT */
/* control_domain.c: what is done to domains that are there. */
#include "hv/svc/control/control_op.h"

#include "hv/arch/memory.h"
#include "hv/base/string.h"
#include "hv/call/hypercall.h"
#include "hv/debug/report.h"
#include "hv/dev/clock.h"
#include "hv/domain/call_trace.h"
#include "hv/domain/guest.h"
#include "hv/sched/claims.h"
#include "hv/sched/lifecycle.h"
#include "hv/sched/sched.h"
#include "hv/sched/watchdog.h"
#include "hv/svc/control/filler.h"

struct domain *control_find(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d =
        c->domid < DOMID_FIRST_RESERVED ? domain_find((domid_t)c->domid) : NULL;

    if (d && d->started)
        return d;
    (void)fail(c->text, ERR_SRCH, "there is no domain %u", c->domid);
    return NULL;
}

bool control_name_taken(const char *name)
{
    const struct domain *d = domain_list;

    while (d && strcmp(d->name, name) != 0)
        d = d->next;
    return d;
}

/* --- pausing -------------------------------------------------------------- */

void control_unpause(struct domain *d)
{
    if (!d->paused)
        return;
    watchdog_delay(d, clock_now_ns() - d->paused_at);
    domain_set_paused(d, false);
    for (unsigned i = 0; i < d->nr_vcpus; i++)
        sched_unpause(d->vcpu[i]);
}

static enum err check_pause(struct domain *d, struct control_call *call)
{
    char *text = call->c->text;

    if (d == call->by)
        return fail(text, ERR_INVAL, "the control guest cannot be paused");
    if (!domain_is_up(d))
        return fail(text, ERR_INVAL, "%s does not run", d->name);
    if (call->c->n > 1 || d->paused == (call->c->n == 1))
        return fail(text, ERR_INVAL, "%s is%s paused", d->name,
                    d->paused ? "" : " not");
    return ERR_NONE;
}

/* Where its vCPUs are still held they are let go of within an interrupt. */
enum err control_pause(struct control_call *call)
{
    struct domain *d = control_find(call);
    enum err rc;

    if (!d)
        return ERR_SRCH;
    if (!call->again) {
        rc = check_pause(d, call);
        if (rc)
            return rc;
        if (!call->c->n) {
            control_unpause(d);
            return ERR_NONE;
        }
        d->paused_at = clock_now_ns();
        domain_set_paused(d, true);
    }
    if (atomic_load(&d->held)) {
        sched_give_way();
        return ERR_RESTART;
    }
    if (domain_is_up(d))
        return ERR_NONE;
    domain_set_paused(d, false); /* it had been about to stop by itself */
    return fail(call->c->text, ERR_INVAL, "%s does not run", d->name);
}

/* --- ending -------------------------------------------------------------- */

/*
 * Takes down what has ended, for as long as there is time and `wanted`. Who
 * waits for that has no more in hand than others: they run before it goes on.
 */
static enum err reap(bool (*wanted)(struct control_call *call),
                     struct control_call *call)
{
    while (wanted(call)) {
        if (!domain_reap() || cpu_preempt()) {
            sched_give_way();
            return ERR_RESTART;
        }
    }
    return ERR_NONE;
}

/* Ids are not used again so soon. */
static bool still_there(struct control_call *call)
{
    return domain_find((domid_t)call->c->domid);
}

enum err control_destroy(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d;

    if (!call->again) {
        d = control_find(call);
        if (!d)
            return ERR_SRCH;
        if (d == call->by)
            return fail(c->text, ERR_INVAL,
                        "the control guest cannot be destroyed, only ended");
        domain_shutdown(d, DOMAIN_DESTROYED, 0);
    }
    return reap(still_there, call);
}

static bool others_there(struct control_call *call)
{
    return domain_list != call->by || domain_list->next;
}

/* What is not a domain's is given back, so that a leak would show. */
static enum err let_go_of_all(void)
{
    uint64_t all = ~UINT64_C(0);
    enum err rc = filler_drain(&hv_mm, &all);

    if (!rc)
        claims_forget();
    call_trace_drop_any();
    return rc;
}

/* Of a failure: no more of it than there is room for. */
static enum err tell_verdict(struct flagstone_control *c)
{
    char why[REPORT_WHY] = "";

    c->len = MIN(c->len, sizeof(why) - 1);
    if (c->n && guest_read(why, c->data, c->len))
        return fail(c->text, ERR_INVAL, "cannot read the reason at %lx",
                    c->data);
    report_verdict(c->n == 0, why);
    return ERR_NONE;
}

/* Its caller's end is the machine's. */
enum err control_end(struct control_call *call)
{
    enum err rc = call->again ? ERR_NONE : tell_verdict(call->c);

    if (rc)
        return rc;

    if (!call->again)
        for (struct domain *d = domain_list; d; d = d->next)
            if (d != call->by)
                domain_shutdown(d, DOMAIN_DESTROYED, 0);
    rc = reap(others_there, call);
    if (!rc)
        rc = let_go_of_all();
    if (rc)
        return rc;
    domain_shutdown(call->by, DOMAIN_POWEROFF, 0);
    return ERR_NONE;
}
