/* SPDX-License-Identifier: MIT */
/*
 * exchange.c: frames given for as many others, a chunk at a time: as many
 * extents as make up one of the larger kind.
 *
 * Invariant: nr_exchanged in the guest's structure counts what is done and is
 * where to go on; a guest that writes to it meanwhile asks for a different
 * exchange, and every extent of that is checked like any other.
 */
#include "hv/call/exchange.h"

#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"
#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"
#include "mm/resize/reservation.h"
#include "xen/memory.h"

static mfn_t in[BLOCK_FRAMES], out[BLOCK_FRAMES];
static pfn_t out_pfn[BLOCK_FRAMES];

static long check(const struct domain *d, const struct xen_memory_exchange *x)
{
    const struct xen_memory_reservation *i = &x->in, *o = &x->out;
    enum err rc;

    if (x->nr_exchanged > i->nr_extents)
        return -XEN_EINVAL;
    if (i->extent_order > RESERVATION_ORDER_MAX ||
        o->extent_order > RESERVATION_ORDER_MAX)
        return -XEN_EPERM;
    if (i->domid != o->domid ||
        i->nr_extents > ~UINT64_C(0) >> i->extent_order ||
        o->nr_extents > ~UINT64_C(0) >> o->extent_order ||
        i->nr_extents << i->extent_order != o->nr_extents << o->extent_order)
        return -XEN_EINVAL;
    if (i->nr_extents >> 44 || o->nr_extents >> 44 ||
        !guest_range_ok(i->extent_start, i->nr_extents * 8) ||
        !guest_range_ok(o->extent_start, o->nr_extents * 8))
        return -XEN_EFAULT;
    if (!exchange_bits_ok(d->mm.mm, o->mem_flags))
        return -XEN_ENOMEM;
    rc = domain_self(d, i->domid);
    return errno_of(rc);
}

/* From nr_exchanged on: how many of each make one chunk. */
static struct reservation_exchange chunk_of(const struct xen_memory_exchange *x)
{
    unsigned io = x->in.extent_order, oo = x->out.extent_order;

    return (struct reservation_exchange){
        .in = in,
        .out = out,
        .out_pfn = out_pfn,
        .n_in = oo > io ? 1u << (oo - io) : 1,
        .in_order = io,
        .n_out = io > oo ? 1u << (io - oo) : 1,
        .out_order = oo,
    };
}

/* What was done is whole chunks, unless the guest says otherwise. */
static bool progress_ok(const struct xen_memory_exchange *x)
{
    return x->nr_exchanged % chunk_of(x).n_in == 0;
}

static enum err read_chunk(const struct xen_memory_exchange *x,
                           const struct reservation_exchange *c,
                           uint64_t out_first)
{
    enum err rc = guest_read(in, x->in.extent_start + x->nr_exchanged * 8,
                             c->n_in * sizeof(in[0]));

    if (!rc)
        rc = guest_read(out_pfn, x->out.extent_start + out_first * 8,
                        c->n_out * sizeof(out_pfn[0]));
    return rc;
}

/* The frames are the domain's already; a guest that cannot be told finds them
 * in the machine-to-physical table. */
static enum err do_chunk(struct mm_op *op, struct xen_memory_exchange *x)
{
    struct reservation_exchange c = chunk_of(x);
    uint64_t out_first =
        (x->nr_exchanged << x->in.extent_order) >> x->out.extent_order;
    enum err rc = read_chunk(x, &c, out_first);

    if (rc)
        return rc;
    rc = reservation_exchange(op, &c);
    if (rc)
        return rc;
    x->nr_exchanged += c.n_in;
    return guest_write(x->out.extent_start + out_first * 8, out,
                       c.n_out * sizeof(out[0]));
}

long exchange(struct vcpu *v, uint64_t arg)
{
    struct xen_memory_exchange x;
    enum err rc = ERR_NONE;
    bool first = true;
    struct mm_op op;
    long bad;

    if (guest_read(&x, arg, sizeof(x)))
        return -XEN_EFAULT;
    bad = check(v->d, &x);
    if (bad)
        return bad;
    if (!progress_ok(&x))
        return -XEN_EINVAL;
    mm_op_begin(&op, &v->d->mm, &v->mm);
    for (; !rc && x.nr_exchanged < x.in.nr_extents; first = false)
        rc = !first && cpu_preempt() ? ERR_RESTART : do_chunk(&op, &x);
    mm_op_end(&op);
    if (guest_write64(arg + offsetof(struct xen_memory_exchange, nr_exchanged),
                      x.nr_exchanged) &&
        (!rc || rc == ERR_RESTART))
        rc = ERR_FAULT;
    if (rc == ERR_RESTART)
        return hypercall_continue(memory_op, XENMEM_exchange, arg);
    return errno_of(rc);
}
