/* SPDX-License-Identifier: MIT */
/*
 * control_view.c: what memory and page tables look like just now: who has which
 * block and frame, and where an address leads. Changes nothing, and believes
 * nothing that a guest has written (mm/audit/view.h).
 */
#include "hv/svc/control/control_op.h"

#include "hv/arch/memory.h"
#include "hv/domain/guest.h"
#include "mm/audit/view.h"

/* Told in one call; who wants more calls again. */
#define MAP_BLOCKS 256u

enum err control_map(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct flagstone_block out[MAP_BLOCKS];
    const uint64_t first = MIN(c->n, hv_mm.nr_blocks);
    const uint64_t room = MIN(c->len, (uint64_t)MAP_BLOCKS);

    c->n = hv_mm.nr_blocks;
    c->len = MIN(room, hv_mm.nr_blocks - first);
    for (uint64_t i = 0; i < c->len; i++)
        out[i] = view_block(&hv_mm, blk_of(first + i));
    if (guest_write(c->data, out, c->len * sizeof(out[0])))
        return fail(c->text, ERR_INVAL, "cannot write the answer at %lx",
                    c->data);
    return ERR_NONE;
}

enum err control_who(struct control_call *call)
{
    call->c->frame = view_frame(&hv_mm, mfn_of(call->c->n));
    return ERR_NONE;
}

static enum err check_va(uint64_t va, char *text)
{
    if (va_is_hv(va))
        return fail(text, ERR_INVAL, "%lx is the hypervisor's, not a guest's",
                    va);
    if (va - BIT(47) < HV_VA_START - BIT(47))
        return fail(text, ERR_INVAL,
                    "%lx is no address: bits 63 to 47 are not all alike", va);
    return ERR_NONE;
}

enum err control_walk(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d = control_find(call);
    const struct vcpu *v = d ? domain_vcpu(d, c->n) : NULL;
    struct mm_op op;

    if (!d)
        return ERR_SRCH;
    if (!v)
        return fail(c->text, ERR_NOENT, "%s has vCPUs 0 to %u, not %lu",
                    d->name, d->nr_vcpus - 1, c->n);
    if (check_va(c->offset, c->text))
        return ERR_INVAL;
    mm_op_begin(&op, &d->mm, NULL);
    view_walk(&op, c->policy ? v->mm.root_user : v->mm.root_kernel, c->offset,
              &c->walk);
    mm_op_end(&op);
    return ERR_NONE;
}
