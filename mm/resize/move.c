/* SPDX-License-Identifier: MIT */
/*
 * move.c: see move.h. Nothing in move_frame() can fail, because move_check()
 * has found that the old frame can be given up and `to` is ours alone.
 */
#include "mm/resize/move.h"

#include <string.h>

#include "mm/alloc/dmem.h"
#include "mm/pv/absent.h"
#include "mm/pv/lapse.h"

enum err move_check(struct mm_op *op, mfn_t m, pte_t e)
{
    uint64_t want = frame_word_owned(op->d->id), w;
    struct frame f;
    enum err rc = dmem_frame_check(op, m);

    if (rc)
        return rc;
    f = frame_held(op->mm, m);
    w = frame_word(&f);
    if (pte_present(e))
        want += FRAME_REF_ONE;
    if (pte_has(e, PTE_P | PTE_RW))
        want += FRAME_COUNT_ONE | frame_type_bits(FRAME_WRITABLE);
    else
        w &= ~FRAME_TYPE_MASK; /* what it was last does not matter */
    return w == want ? ERR_NONE : ERR_BUSY;
}

/* The references stay those of present ones: until redirect(). */
uint64_t move_hold(struct mm_op *op, pte_t *slot, unsigned n)
{
    if (n == 0 || !(READ_ONCE(slot->v) & PTE_RW))
        return 0;
    absent_begin(op);
    for (unsigned i = 0; i < n; i++)
        atomic_fetch_and((_Atomic uint64_t *)(void *)&slot[i], ~PTE_P);
    mm_op_flush_now(op);
    return PTE_P;
}

void move_release(struct mm_op *op, uint64_t held)
{
    if (held)
        absent_end(op);
}

static void redirect(struct mm_op *op, pte_t *slot, uint64_t held, mfn_t to)
{
    _Atomic uint64_t *p = (_Atomic uint64_t *)(void *)slot;
    pte_t old = pte_of(READ_ONCE(slot->v));

    MUST(entry_get_l1(op, pte_make(to, pte_flags(old) | held)));
    while (!atomic_compare_exchange_strong(
        p, &old.v, pte_make(to, pte_flags(old) | held).v))
        ;
    entry_put_l1(op, pte_of(old.v | held));
}

void move_frame(struct mm_op *op, mfn_t from, pte_t *slot, uint64_t held,
                mfn_t to)
{
    memcpy(mm_frame_ptr(op->mm, to), mm_frame_ptr(op->mm, from), PAGE_SIZE);
    op->mm->m2p[to.v] = op->mm->m2p[from.v];
    lapse_set_marks(op, to, lapse_marks(op, from));
    if (slot)
        redirect(op, slot, held, to);
    mm_op_flush(op, tlb_full());
    MUST(dmem_frame_put(op, from));
}
