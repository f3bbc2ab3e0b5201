/* SPDX-License-Identifier: MIT */
/*
 * flagstone_super.c: the edge of mm/split.h and mm/compact.h: what a guest
 * asks for its own superpages.
 *
 * Invariant: what has to be flushed is flushed before the guest's memory is
 * written to, because what moved may be where the answer goes.
 */
#include "hv/flagstone_super.h"

#include "flagstone/flagstone.h"
#include "hv/guest.h"
#include "hv/hypercall.h"
#include "hv/tlb.h"
#include "mm/split.h"

/* An operation has ended: -> what the hypercall returns, 0 if all is well. */
static long end(struct mm_op *op, enum err rc)
{
    tlb_discharge(op);
    return rc == ERR_RESTART ? hypercall_again(__HYPERVISOR_flagstone_op)
                             : errno_of(rc);
}

long flagstone_super_split(struct vcpu *v, uint64_t arg)
{
    struct flagstone_split a;
    enum err rc;

    if (guest_read(&a, arg, sizeof(a)))
        return -XEN_EFAULT;
    rc = split(&v->op, maddr_of(a.entry), mfn_of(a.table));
    v->d->life.split += !rc;
    return end(&v->op, rc);
}

/* Read, and see that the answer can be written: nothing is done if not. */
static enum err arguments(void *a, uint64_t arg, size_t size)
{
    return guest_read(a, arg, size) || guest_write(arg, a, size) ? ERR_FAULT
                                                                 : ERR_NONE;
}

long flagstone_super_join(struct vcpu *v, uint64_t arg)
{
    struct flagstone_join a;
    mfn_t table = MFN_NONE;
    enum err rc = arguments(&a, arg, sizeof(a));

    if (rc)
        return errno_of(rc);
    rc = join(&v->op, maddr_of(a.entry), &table);
    if (rc)
        return end(&v->op, rc);
    v->d->life.joined++;
    tlb_discharge(&v->op);
    a.table = table.v;
    return errno_of(guest_write(arg, &a, sizeof(a)));
}
