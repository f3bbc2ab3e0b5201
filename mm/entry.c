/* SPDX-License-Identifier: MIT */
/*
 * entry.c: the references of one page-table entry, level by level.
 */
#include "mm/entry.h"

#include "mm/dmem.h"
#include "mm/super.h"

bool entry_absent_ok(const struct mm *mm, pte_t e, unsigned level)
{
    mfn_t m = pte_mfn(e);

    if (level > 1 && (e.v & PTE_PSE))
        return false;
    return m.v == 0 || m.v >= mm->nr_frames;
}

/*
 * The last type reference that is writable goes away without further ado, but
 * a translation made under it may live on: remember when.
 */
static void leave_writable(struct mm_op *op, const struct frame *f)
{
    f->table->stamp[f->i] = (uint16_t)op->mm->tlb_epoch;
}

/* The type has been something else: see to that, then be writable. */
static never_inline enum err get_writable_slow(struct mm_op *op,
                                               const struct frame *f)
{
    enum err rc = type_get_writable(op, f);

    return rc == ERR_INVAL ? ERR_BUSY : rc;
}

static bool writable_again(uint64_t *w, unsigned owner)
{
    uint64_t want =
        (uint64_t)owner << FRAME_OWNER_SHIFT | frame_type_bits(FRAME_WRITABLE);

    if (((*w ^ want) & (FRAME_OWNER_MASK | FRAME_TYPE_MASK)) ||
        (*w & FRAME_FULL))
        return false;
    *w += FRAME_REF_ONE | FRAME_COUNT_ONE;
    return true;
}

enum err entry_get_l1(struct mm_op *op, pte_t e)
{
    struct frame f;
    enum err rc;

    if (unlikely(e.v & ENTRY_FORBIDDEN(1)))
        return ERR_INVAL;
    rc = frame_find(op, pte_mfn(e), &f);
    if (unlikely(rc)) /* all ones is no address at all, not I/O memory */
        return pte_mfn(e).v == PTE_ADDR >> PAGE_SHIFT ? ERR_INVAL : rc;
    if (!(e.v & PTE_RW))
        return frame_try(&f, frame_get, op->d->id) ? ERR_NONE : ERR_BUSY;
    if (likely(frame_try(&f, writable_again, op->d->id)))
        return ERR_NONE;
    return get_writable_slow(op, &f);
}

void entry_put_l1(struct mm_op *op, pte_t e)
{
    struct frame f = frame_held(op->mm, pte_mfn(e));
    uint64_t old;
    bool ok;

    if (e.v & PTE_RW) {
        ok = frame_apply(&f, old, frame_type_put);
        if (frame_count(old) == 1)
            leave_writable(op, &f);
    } else {
        ok = frame_apply(&f, old, frame_put);
    }
    ASSERT(ok);
    if (unlikely(frame_refs(old) == 1))
        dmem_frame_free(op, &f);
}

enum err entry_flip_rw(struct mm_op *op, pte_t from, pte_t to)
{
    struct frame f = frame_held(op->mm, pte_mfn(to));
    uint64_t old;

    if (to.v & PTE_RW) {
        enum err rc;

        if (unlikely(to.v & ENTRY_FORBIDDEN(1)))
            return ERR_INVAL;
        if (likely(frame_type(frame_word(&f)) == FRAME_WRITABLE))
            return frame_try(&f, frame_type_add, FRAME_WRITABLE) ? ERR_NONE
                                                                 : ERR_BUSY;
        rc = get_writable_slow(op, &f);
        if (!rc) /* the entry's own general reference goes on */
            entry_put_l1(op, pte_of(from.v & ~PTE_RW));
        return rc;
    }
    BUG_IF(!frame_apply(&f, old, frame_type_sub));
    if (frame_count(old) == 1)
        leave_writable(op, &f);
    return ERR_NONE;
}

/* An entry that names a table of its own level: the self-map of some kernels.
 */
static enum err linear_get(struct mm_op *op, const struct entry_at *at, pte_t e,
                           const struct frame *target)
{
    struct frame_pt *mine = &at->table.table->pt[at->table.i];
    struct frame_pt *its = &target->table->pt[target->i];

    if (!op->mm->linear_pt || (e.v & PTE_RW))
        return ERR_INVAL;
    if (mfn_eq(target->mfn, at->table.mfn))
        return ERR_NONE;
    /* May point, or be pointed to, not both: no chains (XSA-240). */
    if (mine->linear < 0 || its->linear > 0 || its->linear == INT16_MIN ||
        !(frame_word(target) & FRAME_VALIDATED))
        return ERR_INVAL;
    if (!frame_try(target, frame_type_get, op->d->id,
                   (enum frame_type)at->level))
        return ERR_INVAL;
    mine->linear++;
    its->linear--;
    return ERR_NONE;
}

static void linear_put(struct mm_op *op, const struct entry_at *at,
                       const struct frame *target)
{
    if (mfn_eq(target->mfn, at->table.mfn))
        return;
    at->table.table->pt[at->table.i].linear--;
    target->table->pt[target->i].linear++;
    type_put_later(op, target->mfn);
}

static enum err get_table(struct mm_op *op, const struct entry_at *at, pte_t e)
{
    mfn_t m = pte_mfn(e);
    struct frame f;
    uint64_t w;
    enum err rc;

    if (e.v & ENTRY_FORBIDDEN(at->level))
        return ERR_INVAL;
    rc = frame_find(op, m, &f);
    if (rc)
        return rc == ERR_NOMEM ? rc : ERR_INVAL;
    w = frame_word(&f);
    if (frame_owner(w) == op->d->id && frame_count(w) > 0 &&
        (unsigned)frame_type(w) == at->level)
        return linear_get(op, at, e, &f);
    return type_get(op, m, (enum frame_type)(at->level - 1));
}

static bool is_super(const struct entry_at *at, pte_t e)
{
    return at->level == 2 && (e.v & PTE_PSE);
}

enum err entry_get(struct mm_op *op, const struct entry_at *at, pte_t e)
{
    if (at->level == 1)
        return entry_get_l1(op, e);
    if (is_super(at, e))
        return super_get(op, e);
    return get_table(op, at, e);
}

void entry_put(struct mm_op *op, const struct entry_at *at, pte_t e)
{
    struct frame f;

    if (at->level == 1) {
        entry_put_l1(op, e);
        return;
    }
    if (is_super(at, e)) {
        super_put(op, e);
        return;
    }
    f = frame_held(op->mm, pte_mfn(e));
    if ((unsigned)frame_type(frame_word(&f)) == at->level)
        linear_put(op, at, &f);
    else
        type_put_later(op, f.mfn);
}
