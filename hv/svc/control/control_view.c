/* SPDX-License-Identifier: MIT */
/*
 * control_view.c: what memory and page tables look like just now: who has which
 * block and frame, and where an address leads. Changes nothing, and believes
 * nothing that a guest has written (mm/audit/view.h).
 */
#include "hv/svc/control/control_op.h"

#include "hv/arch/memory.h"
#include "hv/domain/guest.h"
#include "mm/audit/maps.h"

/* Told in one call; who wants more calls again. */
#define MAP_BLOCKS 256u

/* Nobody's at all: is it known what else? */
static void name_image(struct flagstone_block *b, uint64_t block)
{
    if (b->kind == FLAGSTONE_BLOCK_none && memory_has_image(block))
        b->kind = FLAGSTONE_BLOCK_image;
}

enum err control_map(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct flagstone_block out[MAP_BLOCKS];
    const uint64_t first = MIN(c->n, hv_mm.nr_blocks);
    const uint64_t room = MIN(c->len, (uint64_t)MAP_BLOCKS);

    c->n = hv_mm.nr_blocks;
    c->len = MIN(room, hv_mm.nr_blocks - first);
    for (uint64_t i = 0; i < c->len; i++) {
        out[i] = view_block(&hv_mm, blk_of(first + i));
        name_image(&out[i], first + i);
    }
    if (guest_write(c->data, out, c->len * sizeof(out[0])))
        return fail(c->text, ERR_INVAL, "cannot write the answer at %lx",
                    c->data);
    return ERR_NONE;
}

enum err control_who(struct control_call *call)
{
    call->c->frame = view_frame(&hv_mm, mfn_of(call->c->n));
    name_image(&call->c->frame.block, call->c->n / BLOCK_FRAMES);
    return ERR_NONE;
}

/* Tables that are looked at before it is asked again, in goes. */
#define MAPS_GOES 4096u

/*
 * The domain's memory lock is held for one go at a time. Where it stands is in
 * c->mapping, from call to call.
 */
enum err control_mapping(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d = control_find(call);
    struct maps m = {.frame = mfn_of(c->n),
                     .root = mfn_of(c->mapping.root),
                     .at = c->mapping.next};
    enum maps_found found;
    struct mm_op op;

    if (!d)
        return ERR_SRCH;
    if (!call->again)
        call->left = MAPS_GOES;
    c->mapping = (struct flagstone_mapping){0};
    do {
        call->left--;
        mm_op_begin(&op, &d->mm, NULL);
        found = maps_next(&op, &m, &c->mapping);
        mm_op_end(&op);
    } while (found == MAPS_MORE && call->left > 0 && !cpu_preempt());
    c->mapping.root = m.root.v;
    c->mapping.next = m.at;
    if (found == MAPS_MORE && call->left > 0)
        return ERR_RESTART;
    if (found == MAPS_NONE)
        return fail(c->text, ERR_NOENT, "%s maps it nowhere else", d->name);
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

/* c->n of domain c->domid. */
static enum err find_vcpu(struct control_call *call, struct vcpu **out)
{
    const struct domain *d = control_find(call);

    if (!d)
        return ERR_SRCH;
    *out = domain_vcpu(d, call->c->n);
    if (!*out)
        return fail(call->c->text, ERR_NOENT, "%s has vCPUs 0 to %u, not %lu",
                    d->name, d->nr_vcpus - 1, call->c->n);
    return ERR_NONE;
}

enum err control_walk(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct mm_op op;
    struct vcpu *v;
    enum err rc = find_vcpu(call, &v);

    if (rc)
        return rc;
    if (check_va(c->offset, c->text))
        return ERR_INVAL;
    mm_op_begin(&op, &v->d->mm, NULL);
    view_walk(&op, c->policy ? v->mm.root_user : v->mm.root_kernel, c->offset,
              &c->walk);
    mm_op_end(&op);
    return ERR_NONE;
}

/* --- registers ------------------------------------------------------------ */

_Static_assert((unsigned)FLAGSTONE_VCPU_down == VCPU_DOWN &&
                   (unsigned)FLAGSTONE_VCPU_runnable == VCPU_RUNNABLE &&
                   (unsigned)FLAGSTONE_VCPU_blocked == VCPU_BLOCKED &&
                   (unsigned)FLAGSTONE_VCPU_polling == VCPU_POLLING,
               "the interface has our numbers");

/* What it shares with us goes with its memory. */
static struct flagstone_regs tell_regs(const struct vcpu *v)
{
    const struct regs *r = &v->regs;
    const bool whole = v->d->stage == DOMAIN_WHOLE;

    return (struct flagstone_regs){
        .rax = r->rax,
        .rbx = r->rbx,
        .rcx = r->rcx,
        .rdx = r->rdx,
        .rsi = r->rsi,
        .rdi = r->rdi,
        .rbp = r->rbp,
        .rsp = r->rsp,
        .r8 = r->r8,
        .r9 = r->r9,
        .r10 = r->r10,
        .r11 = r->r11,
        .r12 = r->r12,
        .r13 = r->r13,
        .r14 = r->r14,
        .r15 = r->r15,
        .rip = r->rip,
        .rflags = r->rflags,
        .cs = r->cs,
        .ss = r->ss,
        .cr2 = whole ? READ_ONCE(v->info->arch.cr2) : 0,
        .fs_base = v->fs_base,
        .gs_base_kernel = v->gs_base_kernel,
        .gs_base_user = v->gs_base_user,
        .kernel_sp = v->kernel_sp,
        .root_kernel = v->mm.root_kernel.v,
        .root_user = v->mm.root_user.v,
        .in_kernel = v->in_kernel,
        .state = READ_ONCE(v->state),
        .loaded = READ_ONCE(v->on) != NULL,
        .masked = whole && READ_ONCE(v->info->evtchn_upcall_mask) & 1,
    };
}

/*
 * What is on a processor is where it was when it came into the hypervisor last.
 * The caller's own are half in the machine just now.
 */
enum err control_regs(struct control_call *call)
{
    struct vcpu *v;
    enum err rc = find_vcpu(call, &v);

    if (rc)
        return rc;
    if (v->d == call->by)
        return fail(call->c->text, ERR_INVAL,
                    "the registers of who asks change as it asks");
    call->c->regs = tell_regs(v);
    return ERR_NONE;
}
