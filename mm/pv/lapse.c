/* SPDX-License-Identifier: MIT */
/* lapse.c: see lapse.h. */
#include "mm/pv/lapse.h"

#include "mm/pv/entry.h"
#include "mm/pv/walk.h"

static struct frame_pt *pt_of(const struct frame *f)
{
    return &f->table->pt[f->i];
}

/* A validated L1 table that nothing refers to as one but its pin. */
static bool only_pinned(uint64_t w)
{
    return frame_type(w) == FRAME_L1 && frame_count(w) == 1 &&
           (w & FRAME_VALIDATED) && (w & FRAME_PINNED);
}

/* What its entries hold goes with it, which is a table's worth at most. */
static bool lapse(struct mm_op *op, const struct frame *f)
{
    if (!frame_try(f, frame_flags, 0, FRAME_PINNED))
        return false;
    pt_of(f)->lapsed = true;
    pt_of(f)->wanted = true; /* before the frame may be gone */
    type_put_deferred(op, f->mfn);
    return true;
}

/*
 * Zero, not just absent: what a kernel still has a use for, as an entry that
 * says where its page is on a disk, is no sign of an end.
 */
static bool is_empty(const struct mm_op *op, const struct frame *f)
{
    const pte_t *e = mm_frame_ptr(op->mm, f->mfn);

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        if (PEEK(e[i].v))
            return false;
    return true;
}

static bool lapse_empty(struct mm_op *op, const struct frame *f)
{
    return only_pinned(frame_word(f)) && is_empty(op, f) && lapse(op, f);
}

bool lapse_mapped(struct mm_op *op, pte_t e)
{
    struct frame f;

    return op->d->large_shown && frame_find_worded(op, pte_mfn(e), &f) &&
           lapse_empty(op, &f);
}

bool lapse_wanted(const struct mm_op *op, pte_t e)
{
    struct frame f;
    uint64_t w;

    if (!op->d->large_shown ||
        !lapse_entry(pte_of(entry_adjust(e, 1).v & ~PTE_RW)) ||
        !frame_find_worded(op, pte_mfn(e), &f))
        return false;
    w = frame_word(&f);
    if (frame_type(w) != FRAME_L2 || !(w & FRAME_VALIDATED) ||
        (w & FRAME_PINNED))
        return false;
    pt_of(&f)->wanted = true;
    return true;
}

void lapse_taken_out(struct mm_op *op, mfn_t m)
{
    struct frame f;

    if (!frame_find_worded(op, m, &f))
        return; /* it was given back before, and this was its last use */
    if (only_pinned(frame_word(&f)))
        (void)lapse(op, &f);
    else if (frame_count(frame_word(&f)) == 0)
        pt_of(&f)->wanted = true;
}

unsigned lapse_marks(const struct mm_op *op, mfn_t m)
{
    struct frame f;

    if (!op->d->large_shown || !frame_find_worded(op, m, &f))
        return 0;
    return (pt_of(&f)->lapsed ? LAPSE_LAPSED : 0) |
           (pt_of(&f)->wanted ? LAPSE_WANTED : 0);
}

void lapse_set_marks(const struct mm_op *op, mfn_t m, unsigned marks)
{
    struct frame f;

    if (!op->d->large_shown || !frame_find_worded(op, m, &f))
        return;
    pt_of(&f)->lapsed = !!(marks & LAPSE_LAPSED);
    pt_of(&f)->wanted = !!(marks & LAPSE_WANTED);
}

bool lapse_unpin(const struct mm_op *op, mfn_t m)
{
    const unsigned marks = lapse_marks(op, m);

    lapse_set_marks(op, m, marks & ~LAPSE_LAPSED);
    return marks & LAPSE_LAPSED;
}

static bool is_l1(const struct mm_op *op, mfn_t m)
{
    struct frame f;

    return frame_find_worded(op, m, &f) &&
           frame_type(frame_word(&f)) == FRAME_L1 &&
           (frame_word(&f) & FRAME_VALIDATED);
}

/* Only accessed and dirty can change meanwhile, which the processor sets. */
static bool make_writable(struct mm_op *op, pte_t *slot, pte_t e, uint64_t va)
{
    if (entry_make_writable(op, pte_of(e.v | PTE_RW)))
        return false; /* it is in use as something else, or the count full */
    atomic_fetch_or((_Atomic uint64_t *)(void *)slot, PTE_RW);
    mm_op_flush(op, tlb_page(va)); /* other CPUs would fault for nothing */
    return true;
}

bool lapse_store(struct mm_op *op, mfn_t root, uint64_t va)
{
    struct walk walk;
    struct frame f;
    pte_t e;

    if (!op->d->large_shown || walk_l1(op->mm, root, va, &walk))
        return false;
    e = pte_of(READ_ONCE(walk.entry->v));
    if (!lapse_entry(e) || !is_l1(op, walk.table) ||
        !frame_find_worded(op, pte_mfn(e), &f))
        return false;
    (void)lapse_empty(op, &f); /* the entry keeps the frame */
    if (!pt_of(&f)->wanted || !make_writable(op, walk.entry, e, va))
        return false;
    pt_of(&f)->wanted = false;
    return true;
}
