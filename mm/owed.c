/* SPDX-License-Identifier: MIT */
/* owed.c: see owed.h, and mm.h for the operations that owe. */
#include "mm/owed.h"

#include "mm/mm.h"
#include "mm/port.h"

void mm_discharge(struct mm *mm)
{
    struct mm_owed *o = mm->owed;
    const struct tlb tlb = {.what = o->what, .va = o->va};

    if (o->what == TLB_NOTHING)
        return;
    o->what = TLB_NOTHING;
    port_tlb_discharge(o->d, &tlb);
}

void mm_op_flush(struct mm_op *op, struct tlb what)
{
    struct mm_owed *o = op->mm->owed;
    struct tlb all;

    if (o->what != TLB_NOTHING && o->d != op->d)
        mm_discharge(op->mm);
    all = tlb_merge((struct tlb){.what = o->what, .va = o->va}, what);
    o->what = all.what;
    o->va = all.va;
    o->d = op->d;
}

/* --- operations on two domains -------------------------------------------- */

void mm_op_begin_two(struct mm_op *a, struct mm_domain *da, struct mm_vcpu *va,
                     struct mm_op *b, struct mm_domain *db)
{
    if (da->id <= db->id) {
        mm_op_begin(a, da, va);
        mm_op_begin(b, db, NULL);
    } else {
        mm_op_begin(b, db, NULL);
        mm_op_begin(a, da, va);
    }
}

void mm_op_end_two(const struct mm_op *a, const struct mm_op *b)
{
    mm_op_end(b);
    mm_op_end(a);
}
