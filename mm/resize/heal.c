/* SPDX-License-Identifier: MIT */
/*
 * heal.c: heal() of split.h. All 512 frames are looked at before the first is
 * moved; then the block and its words are got, the last that can fail; the
 * table is made to map the block in order, and then it is a case for join().
 */
#include "mm/alloc/dmem.h"
#include "mm/pv/pte_ref.h"
#include "mm/pv/split.h"
#include "mm/pv/super.h"
#include "mm/resize/move.h"

/* Do all entries map something, with the same flags? */
static bool same_flags(const pte_t *e)
{
    const uint64_t care = ~(PTE_ADDR | PTE_A | PTE_D);
    const pte_t first = pte_of(READ_ONCE(e[0].v));
    uint64_t differ = 0;

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        differ |= READ_ONCE(e[i].v) ^ first.v;
    return pte_present(first) && !(differ & care);
}

static enum err all_movable(struct mm_op *op, const pte_t *small)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        const pte_t e = pte_of(READ_ONCE(small[i].v));
        enum err rc = move_check(op, pte_mfn(e), e);

        if (rc)
            return rc;
    }
    return ERR_NONE;
}

/* A block whose content will be overwritten, with its words. */
static enum err get_block(struct mm_op *op, mfn_t *first)
{
    struct frame unused;
    blk_t b;
    enum err rc = dmem_block_get_to_move(op, &b);

    if (rc)
        return rc;
    *first = mfn_of_blk(b);
    rc = frame_find(op, *first, &unused);
    if (rc)
        MUST(dmem_block_put(op, b));
    return rc;
}

static enum err heal_check(struct mm_op *op, maddr_t entry, struct pte_ref *p,
                           pte_t **small)
{
    enum err rc = type_finish_deferred(op);

    if (!rc)
        rc = split_find_table(op, entry, p, small);
    if (rc)
        return rc;
    if (p->at.level != 2 || !super_allowed(op, 2) || !same_flags(*small))
        return ERR_INVAL;
    return split_in_order(*small, 2) ? ERR_NONE : all_movable(op, *small);
}

enum err heal(struct mm_op *op, maddr_t entry, mfn_t *first, mfn_t *table)
{
    struct pte_ref p;
    pte_t *small;
    uint64_t held;
    enum err rc = heal_check(op, entry, &p, &small);

    if (rc)
        return rc;
    if (split_in_order(small, 2)) { /* where it is, it is whole */
        *first = pte_mfn(pte_of(READ_ONCE(small[0].v)));
        return split_join_at(op, &p, small, table);
    }
    rc = get_block(op, first);
    if (rc)
        return rc;
    held = move_hold(op, small, PT_ENTRIES);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        move_frame(op, pte_mfn(pte_of(READ_ONCE(small[i].v))), &small[i], held,
                   mfn_add(*first, i));
    move_release(op, held);
    atomic_fetch_and(&mm_block(op->mm, blk_of_mfn(*first))->word, ~BLOCK_DIRTY);
    MUST(split_join_at(op, &p, small, table));
    /* All its frames are simply the domain's again, as a rule. */
    (void)frame_table_trim(op->mm, op->d, mm_block(op->mm, blk_of_mfn(*first)));
    return ERR_NONE;
}
