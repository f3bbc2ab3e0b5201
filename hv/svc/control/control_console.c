/* SPDX-License-Identifier: MIT */
/*
 * control_console.c: what was said, and who hears what is typed. Invariant: a
 * guest is shown unchanged only while somebody is attached to it, unless it was
 * started with `terminal`.
 */
#include "hv/svc/control/control_op.h"

#include "hv/base/log.h"
#include "hv/domain/guest.h"
#include "hv/svc/console/console.h"
#include "hv/svc/console/console_ring.h"

#define READ_MAX UINT64_C(1024) /* in one call; who wants more calls again */
#define TYPE_MAX UINT64_C(64)

enum err control_log(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    char text[READ_MAX];

    c->len = log_read(&c->offset, text, MIN(c->len, READ_MAX));
    if (guest_write(c->data, text, c->len))
        return fail(c->text, ERR_INVAL, "cannot write the answer at %lx",
                    c->data);
    return ERR_NONE;
}

/* Another than who asks; NULL: the text says so. */
static struct domain *find_other(struct control_call *call)
{
    struct domain *d = control_find(call);

    if (d != call->by)
        return d;
    (void)fail(call->c->text, ERR_INVAL,
               "the control guest has this console itself");
    return NULL;
}

enum err control_type(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d = find_other(call);
    char typed[TYPE_MAX];

    if (!d)
        return c->domid == call->by->id ? ERR_INVAL : ERR_SRCH;
    if (!domain_runs(d))
        return fail(c->text, ERR_INVAL, "%s %s", d->name,
                    d->paused ? "is paused" : "does not run");
    if (!d->ring_used)
        return fail(c->text, ERR_INVAL, "%s does not use its console's ring",
                    d->name);
    c->len = MIN(c->len, TYPE_MAX);
    if (guest_read(typed, c->data, c->len))
        return fail(c->text, ERR_INVAL, "cannot read what is typed at %lx",
                    c->data);
    c->len = console_ring_type(d, typed, (unsigned)c->len);
    return ERR_NONE;
}

enum err control_attach(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d = find_other(call);

    if (!d)
        return c->domid == call->by->id ? ERR_INVAL : ERR_SRCH;
    if (c->n > 1)
        return fail(c->text, ERR_INVAL, "attached is 1, or 0, not %lu", c->n);
    console_attach(d, c->n);
    return ERR_NONE;
}

enum err control_shown(struct control_call *call)
{
    call->c->n = console_lines_broken();
    call->c->offset = console_shown_by_others();
    return ERR_NONE;
}
