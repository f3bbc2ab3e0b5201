/* SPDX-License-Identifier: MIT */
/*
 * entry.c: the references of one page-table entry, level by level.
 */
#include "mm/pv/entry.h"

#include "mm/alloc/dmem.h"
#include "mm/pv/super.h"

/* As the cache sees it. */
static uint64_t cached_mfn(const struct mm *mm, pte_t e)
{
    const uint64_t seen =
        mm->cache_bits ? BIT(mm->cache_bits) - 1 : ~UINT64_C(0);

    return pte_mfn(pte_of(e.v & seen)).v;
}

bool entry_absent_ok(const struct mm *mm, pte_t e, unsigned level)
{
    const uint64_t m = cached_mfn(mm, e);

    if (level == 1 || !(e.v & PTE_PSE))
        return m == 0 || m >= mm->nr_frames;
    /* Linux stores the complement of what was there (pmd_mkinvalid()). */
    return level < PT_LEVELS &&
           (m & ~(BIT(9 * (level - 1)) - 1)) >= mm->nr_frames;
}

struct frame_table *entry_table_shared(const struct mm_op *op, mfn_t m)
{
    const struct block *b;

    if (!mm_mfn_valid(op->mm, m))
        return NULL;
    b = mm_block(op->mm, blk_of_mfn(m));
    return block_class(b->word) == BLOCK_SHARED && frame_in_shared(op, b, m)
               ? frame_table_at(op->mm, b->table)
               : NULL;
}

/* The type has been something else: see to that, then be writable. */
static never_inline enum err get_writable_slow(struct mm_op *op,
                                               const struct frame *f)
{
    enum err rc = type_get_writable(op, f);

    return rc == ERR_INVAL ? ERR_BUSY : rc;
}

bool entry_prepare(const struct mm_op *op, struct frame_table *t, pte_t e)
{
    _Atomic uint64_t *p = &t->word[pte_mfn(e).v % BLOCK_FRAMES];
    uint64_t old, new;

    if ((e.v & (PTE_P | PTE_RW | ENTRY_FORBIDDEN(1))) != (PTE_P | PTE_RW))
        return false;
    old = new = atomic_load_explicit(p, memory_order_relaxed);
    return frame_begin_writable(&new, op->d->id) &&
           atomic_compare_exchange_strong_explicit(
               p, &old, new, memory_order_acq_rel, memory_order_relaxed);
}

enum err entry_get_l1(struct mm_op *op, pte_t e)
{
    struct entry_lens l = entry_lens(op, false);
    struct frame f;
    enum err rc;

    if (likely(entry_fast_get(&l, e)))
        return ERR_NONE;
    if (e.v & ENTRY_FORBIDDEN(1))
        return ERR_INVAL;
    rc = frame_find(op, pte_mfn(e), &f);
    if (rc) /* all ones is no address at all, not I/O memory */
        return pte_mfn(e).v == PTE_ADDR >> PAGE_SHIFT ? ERR_INVAL : rc;
    if (!(e.v & PTE_RW))
        return frame_try(&f, frame_get, op->d->id) ? ERR_NONE : ERR_BUSY;
    return get_writable_slow(op, &f);
}

void entry_put_rest(struct mm_op *op, mfn_t m)
{
    struct frame f = frame_held(op->mm, m);

    dmem_frame_free(op, &f);
}

void entry_put_l1(struct mm_op *op, pte_t e)
{
    struct entry_lens l = entry_lens(op, false);

    if (entry_fast_put(&l, e))
        entry_put_rest(op, pte_mfn(e));
}

enum err entry_make_writable(struct mm_op *op, pte_t e)
{
    struct entry_lens l = entry_lens(op, false);
    struct frame f = frame_held(op->mm, pte_mfn(e));
    enum err rc;

    if (e.v & ENTRY_FORBIDDEN(1))
        return ERR_INVAL;
    if (entry_fast_make_writable(&l, e))
        return ERR_NONE;
    rc = get_writable_slow(op, &f);
    if (!rc) /* the entry's own general reference goes on */
        entry_put_l1(op, pte_of(e.v & ~PTE_RW));
    return rc;
}

void entry_make_readonly(struct mm_op *op, pte_t e)
{
    struct entry_lens l = entry_lens(op, false);

    entry_fast_make_readonly(&l, e);
}

/* An entry that names a table of its own level: the self-map of some kernels.
 */
static enum err linear_get(struct mm_op *op, const struct entry_at *at, pte_t e,
                           const struct frame *target)
{
    struct frame_pt *mine = &at->table.table->pt[at->table.i];
    struct frame_pt *its = &target->table->pt[target->i];

    if (!op->mm->linear_pt || (e.v & PTE_RW) ||
        (at->level == PT_LEVELS && op->mm->no_linear_l4))
        return ERR_INVAL;
    if (mfn_eq(target->mfn, at->table.mfn))
        return ERR_NONE;
    /* May point, or be pointed to, not both: no chains (XSA-240). */
    if (mine->linear < 0 || its->linear > 0 ||
        its->linear == FRAME_LINEAR_MIN ||
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
    type_put_deferred(op, target->mfn);
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
    return (at->level == 2 || at->level == 3) && (e.v & PTE_PSE);
}

enum err entry_get(struct mm_op *op, const struct entry_at *at, pte_t e)
{
    if (at->level == 1)
        return entry_get_l1(op, e);
    if (is_super(at, e))
        return at->level == 2 ? super_get(op, e) : super_region_get(op, e);
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
        if (at->level == 2)
            super_put(op, e);
        else
            super_region_put(op, e);
        return;
    }
    f = frame_held(op->mm, pte_mfn(e));
    if ((unsigned)frame_type(frame_word(&f)) == at->level)
        linear_put(op, at, &f);
    else
        type_put_deferred(op, f.mfn);
}
