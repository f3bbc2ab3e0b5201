/* SPDX-License-Identifier: MIT */
/* ring_page.c: see console_ring.c for why the reference is not kept. */
#include "hv/sched/ring_page.h"

#include "hv/domain/tlb.h"
#include "mm/pv/type.h"

/* Writable is not a type that validates, so nothing here can take long. */
void *ring_page_get(struct domain *d, mfn_t m)
{
    struct mm_op op;
    enum err rc;

    if (mfn_eq(m, MFN_NONE) || d->mm.dying)
        return NULL;
    mm_op_begin(&op, &d->mm, &d->vcpu[0]->mm);
    rc = type_get(&op, m, FRAME_WRITABLE);
    mm_op_end(&op);
    return rc ? NULL : mm_frame_ptr(op.mm, m);
}

void ring_page_put(struct domain *d, mfn_t m)
{
    struct mm_op op;

    mm_op_begin(&op, &d->mm, &d->vcpu[0]->mm);
    type_put_deferred(&op, m);
    mm_op_end(&op);
}
