/* SPDX-License-Identifier: MIT */
/* owed.c: see owed.h, and mm.h for the operations that owe. */
#include "mm/alloc/owed.h"

#include "mm/alloc/dmem.h"
#include "mm/alloc/shared.h"
#include "mm/base/port.h"

bool mm_discharge(struct mm *mm)
{
    struct mm_owed *o = port_owed(mm);
    const struct tlb tlb = {.what = o->what, .va = o->va};
    unsigned n = o->nr;

    if (o->what == TLB_NOTHING)
        return false;
    port_tlb_discharge(o->d, &tlb);
    o->what = TLB_NOTHING;
    o->nr = 0;
    for (unsigned i = 0; i < n;)
        if (o->freed[i] & OWED_BLOCK)
            dmem_block_offer(mm,
                             blk_of_mfn(mfn_of(o->freed[i++] & ~OWED_BLOCK)));
        else
            i += dmem_frames_offer(mm, o->d, &o->freed[i], n - i);
    return n > 0;
}

/* It becomes op's domain's; what was another's is discharged. */
static struct mm_owed *owed_by(const struct mm_op *op)
{
    struct mm_owed *o = port_owed(op->mm);

    if (unlikely(o->what != TLB_NOTHING && o->d != op->d))
        (void)mm_discharge(op->mm);
    o->d = op->d;
    return o;
}

void mm_op_flush(struct mm_op *op, struct tlb what)
{
    struct mm_owed *o = owed_by(op);
    struct tlb all =
        tlb_merge((struct tlb){.what = o->what, .va = o->va}, what);

    o->what = all.what;
    o->va = all.va;
}

/* What was freed waits on: who asks for this is in the middle of things. */
void mm_op_flush_now(struct mm_op *op)
{
    const struct tlb all = tlb_full();
    struct mm_owed *o = owed_by(op);

    port_tlb_discharge(op->d, &all);
    if (o->nr == 0)
        o->what = TLB_NOTHING;
}

static void freed(struct mm_op *op, uint64_t what)
{
    struct mm_owed *o = owed_by(op);

    if (unlikely(o->nr == MM_FREED))
        (void)mm_discharge(op->mm);
    o->what = TLB_FULL;
    o->freed[o->nr++] = what;
}

struct mm_owed *mm_op_room(struct mm_op *op, unsigned n)
{
    struct mm_owed *o = owed_by(op);

    ASSERT(n <= MM_FREED);
    if (o->nr + n > MM_FREED)
        (void)mm_discharge(op->mm);
    o->d = op->d;
    return o;
}

void mm_op_freed_frame(struct mm_op *op, mfn_t m)
{
    freed(op, m.v);
}

void mm_op_freed_block(struct mm_op *op, blk_t b)
{
    freed(op, mfn_of_blk(b).v | OWED_BLOCK);
}

/* --- operations on two domains -------------------------------------------- */

static void begin_next(struct mm_op *op, struct mm_domain *d, struct mm_vcpu *v)
{
    lock_get_next(&d->lock);
    *op = (struct mm_op){.mm = d->mm, .d = d, .v = v};
}

void mm_op_begin_two(struct mm_op *a, struct mm_domain *da, struct mm_vcpu *va,
                     struct mm_op *b, struct mm_domain *db)
{
    if (da == db) {
        mm_op_begin(a, da, va);
        *b = mm_op_as(a, NULL);
    } else if (da->id < db->id) {
        mm_op_begin(a, da, va);
        begin_next(b, db, NULL);
    } else {
        mm_op_begin(b, db, NULL);
        begin_next(a, da, va);
    }
}

void mm_op_end_two(const struct mm_op *a, const struct mm_op *b)
{
    if (b->d != a->d)
        mm_op_end(b);
    mm_op_end(a);
}

/* By id, as two of them are. */
void mm_stop_all(struct mm *mm)
{
    for (struct mm_domain *d = mm->domains; d; d = d->next)
        lock_get_next(&d->lock);
    alloc_scrub_stop(mm);
    shared_scrub_stop(mm);
}

void mm_go_all(struct mm *mm)
{
    shared_scrub_go(mm);
    alloc_scrub_go(mm);
    for (struct mm_domain *d = mm->domains; d; d = d->next)
        lock_put(&d->lock);
}
