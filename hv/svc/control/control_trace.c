/* SPDX-License-Identifier: MIT */
/* control_trace.c: a domain's hypercalls, as they come, for who asks. */
#include "hv/svc/control/control_op.h"

#include "hv/domain/call_trace.h"
#include "hv/domain/guest.h"

#define READ_CALLS 16u /* in one call; who wants more calls again */

enum err control_trace(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d = control_find(call);

    if (!d)
        return ERR_SRCH;
    if (c->n > 1)
        return fail(c->text, ERR_INVAL, "a trace is 1, on, or 0, off, not %lu",
                    c->n);
    if (!c->n)
        call_trace_end(d);
    else if (d->end != DOMAIN_ALIVE)
        return fail(c->text, ERR_INVAL, "%s has ended", d->name);
    else if (call_trace_begin(d))
        return fail(c->text, ERR_NOMEM, "no memory to keep hypercalls in");
    return ERR_NONE;
}

/* Who is not traced, or not there, or has gone and is read to the end. */
static enum err no_trace(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    const struct domain *d = control_find(call);

    if (!d)
        return ERR_SRCH;
    if (d->end != DOMAIN_ALIVE)
        return fail(c->text, ERR_SRCH, "%s has ended", d->name);
    return fail(c->text, ERR_INVAL, "%s is not traced", d->name);
}

static bool look(const struct flagstone_control *c, struct flagstone_call *out,
                 struct call_trace_part *part)
{
    const unsigned n = (unsigned)MIN(c->len, (uint64_t)READ_CALLS);

    return c->domid < DOMID_FIRST_RESERVED &&
           call_trace_look((domid_t)c->domid, out, n, part);
}

/* A call that ends a domain is told of when it comes back from that. */
static bool is_over(uint64_t id)
{
    const struct domain *d =
        id < DOMID_FIRST_RESERVED ? domain_find((domid_t)id) : NULL;

    return !d || (d->end != DOMAIN_ALIVE && !atomic_load(&d->held));
}

enum err control_trace_read(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct flagstone_call out[READ_CALLS];
    const bool over = is_over(c->domid);
    struct call_trace_part part;

    if (!look(c, out, &part))
        return no_trace(call);
    if (guest_write(c->data, out, part.n * sizeof(out[0])))
        return fail(c->text, ERR_INVAL, "cannot write the answer at %lx",
                    c->data);
    call_trace_forget((domid_t)c->domid, part.first + part.n);
    if (!part.n && c->len && over) {
        call_trace_drop((domid_t)c->domid);
        return no_trace(call);
    }
    c->len = part.n;
    c->n = part.lost;
    return ERR_NONE;
}
