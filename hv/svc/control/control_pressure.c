/* SPDX-License-Identifier: MIT */
/* control_pressure.c: how much memory there is for others, and in what form. */
#include "hv/svc/control/control_op.h"

#include "hv/arch/memory.h"
#include "hv/svc/control/filler.h"

enum err control_fill(struct control_call *call)
{
    return filler_fill(&hv_mm, call->c->n);
}

enum err control_frag(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    enum err rc;

    if (!call->again)
        call->left = c->n;
    rc = filler_frag(&hv_mm, &call->left);
    if (rc == ERR_INVAL)
        return fail(c->text, rc, "%lu whole blocks are filled, not %lu",
                    filler_stats().blocks, c->n);
    if (rc == ERR_NOMEM)
        return fail(c->text, rc,
                    "no memory to account for more: %lu of %lu blocks are "
                    "left as they were",
                    call->left, c->n);
    return rc;
}

enum err control_drain(struct control_call *call)
{
    if (!call->again)
        call->left = call->c->n;
    return filler_drain(&hv_mm, &call->left);
}

enum err control_reserve(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    uint64_t all = alloc_stats(&hv_mm).total;

    if (c->n > all)
        return fail(c->text, ERR_INVAL,
                    "the machine has %lu blocks, %lu cannot be kept", all,
                    c->n);
    alloc_set_reserve(&hv_mm, c->n);
    return ERR_NONE;
}

enum err control_reuse(struct control_call *call)
{
    struct flagstone_control *c = call->c;

    if (c->n > 1)
        return fail(c->text, ERR_INVAL, "reuse is 0 or 1, not %lu", c->n);
    alloc_set_reuse(&hv_mm, c->n);
    return ERR_NONE;
}
