/* SPDX-License-Identifier: MIT */
/*
 * pte_batch.h: L1 entries that follow each other in a table mostly have the
 * same flags and map frames of one block. What was looked up for the first of
 * such a batch holds for the others, so each costs one comparison, one look at
 * its frame's word and one addition to it.
 *
 * As in entry_fast_get(): owner and type do not move while op is held, and
 * what is not as usual is left to the slow path. Going up, a batch is of a
 * block of the domain's own, or of a shared one in which it has a frame, which
 * nobody can close then; of an entry that goes down, whosever the frame is, the
 * reference itself holds the table.
 */
#pragma once

#include "mm/pv/entry.h"

struct pte_batch {
    uint64_t like;             /* an entry of the batch */
    uint64_t word;             /* what a fit frame's word holds of wrong */
    uint64_t wrong;            /* and of these bits it must hold no others */
    uint64_t refs;             /* what one entry holds */
    uint64_t minus;            /* and its opposite */
    uint64_t adjust;           /* what entry_adjust() adds */
    struct frame_table *table; /* of the block */
    uint64_t last; /* these being zero, a reference was the last of its kind */
};

/* All that matters: accessed, dirty and most software bits may differ. */
#define PTE_BATCH_FLAGS                                                        \
    (PTE_P | PTE_RW | PTE_US | PTE_GUEST_KERNEL | ENTRY_FORBIDDEN(1))
#define PTE_BATCH_BLOCK ((PTE_ADDR >> (PAGE_SHIFT + 9)) << (PAGE_SHIFT + 9))
_Static_assert(PTE_BATCH_BLOCK == (PTE_ADDR & ~(BLOCK_SIZE - 1)),
               "the block's part of the address");
_Static_assert(!(PTE_BATCH_FLAGS & PTE_ADDR), "and nothing else of it");
_Static_assert(!(~PTE_BATCH_FLAGS & ~PTE_ADDR & ~ENTRY_SOFT(1)),
               "entries of a batch differ in soft bits only");

/* Does e belong to the batch, present and all? */
static always_inline bool pte_batch_has(const struct pte_batch *a, pte_t e)
{
    return !((e.v ^ a->like) & (PTE_BATCH_FLAGS | PTE_BATCH_BLOCK));
}

/* The table of e's block, the domain's own; NULL: it is something else. */
static always_inline struct frame_table *pte_batch_own(const struct mm_op *op,
                                                       pte_t e)
{
    struct entry_lens l = entry_lens(op, false);

    return entry_table(&l, pte_mfn(e));
}

/* The same of an entry that has its references, so its frame a word. */
static always_inline struct frame_table *pte_batch_held(const struct mm_op *op,
                                                        pte_t e)
{
    struct entry_lens l = entry_lens(op, false);

    return entry_table_held(&l, pte_mfn(e));
}

/* Begins a batch with e, which is present, and whose frame's word is in t. */
static always_inline void pte_batch_begin(struct pte_batch *a,
                                          const struct mm_op *op, pte_t e,
                                          struct frame_table *t)
{
    const pte_t plain = pte_of(e.v & ~PTE_G); /* others may have none */
    const bool rw = e.v & PTE_RW;

    *a = (struct pte_batch){
        .like = e.v,
        .word = op->d->owner_bits | (rw ? frame_type_bits(FRAME_WRITABLE) : 0),
        .wrong = FRAME_OWNER_MASK | FRAME_FULL | (rw ? FRAME_TYPE_MASK : 0),
        .refs = rw ? ENTRY_RW_REFS : FRAME_REF_ONE,
        .minus = -(rw ? ENTRY_RW_REFS : FRAME_REF_ONE),
        .adjust = entry_adjust(plain, 1).v ^ plain.v,
        .table = t,
        .last = rw ? FRAME_COUNT_MASK : FRAME_REF_MASK,
    };
}

/* One to get references by. False: there is something to look at about e. */
static inline bool pte_batch_begin_get(struct pte_batch *a,
                                       const struct mm_op *op, pte_t e)
{
    struct frame_table *t;

    if (unlikely((e.v & (PTE_P | ENTRY_FORBIDDEN(1))) != PTE_P))
        return false;
    t = pte_batch_own(op, e);
    if (unlikely(!t))
        t = entry_table_shared(op, pte_mfn(e));
    if (unlikely(!t))
        return false;
    pte_batch_begin(a, op, e, t);
    return true;
}

/* Is e unlike the batch in its block only? */
static always_inline bool pte_batch_moves(const struct pte_batch *a, pte_t e)
{
    return !((e.v ^ a->like) & PTE_BATCH_FLAGS);
}

/* Goes on with e, if that is so. False: nothing was done. */
static always_inline bool pte_batch_move_get(struct pte_batch *a,
                                             const struct mm_op *op, pte_t e)
{
    struct frame_table *t;

    if (!pte_batch_moves(a, e))
        return false;
    t = pte_batch_own(op, e);
    if (unlikely(!t))
        return false;
    a->like = e.v;
    a->table = t;
    return true;
}

/* The same for an entry that has its references. */
static always_inline bool pte_batch_move_put(struct pte_batch *a,
                                             const struct mm_op *op, pte_t e)
{
    if (!pte_batch_moves(a, e))
        return false;
    a->like = e.v;
    a->table = pte_batch_held(op, e);
    return true;
}

static always_inline unsigned pte_batch_index(pte_t e)
{
    return (unsigned)(e.v >> PAGE_SHIFT) % BLOCK_FRAMES;
}

/* The references of an entry of the batch. False: nothing was done. */
static always_inline bool pte_batch_get(const struct pte_batch *a, pte_t e)
{
    _Atomic uint64_t *p = &a->table->word[pte_batch_index(e)];
    uint64_t w = atomic_load_explicit(p, memory_order_relaxed);

    if (unlikely((w ^ a->word) & a->wrong))
        return false;
    atomic_fetch_add_explicit(p, a->refs, memory_order_acq_rel);
    return true;
}

/*
 * The same where that failed because the frame is to be writable for the first
 * time: in a table that a new domain makes, or one that was restored, there is
 * nothing else.
 */
static always_inline bool pte_batch_get_new(const struct pte_batch *a, pte_t e)
{
    _Atomic uint64_t *p = &a->table->word[pte_batch_index(e)];
    uint64_t old = atomic_load_explicit(p, memory_order_relaxed), new = old;

    return a->refs == ENTRY_RW_REFS &&
           frame_begin_writable(&new, frame_owner(a->word)) &&
           atomic_compare_exchange_strong_explicit(p, &old, new + ENTRY_RW_REFS,
                                                   memory_order_acq_rel,
                                                   memory_order_relaxed);
}

/*
 * A reference, of which `left` is left, was the last of its kind. False: the
 * frame is gone, maybe its block, and so is the batch.
 */
static never_inline bool pte_batch_was_last(struct mm_op *op,
                                            struct frame_table *t, pte_t e,
                                            uint64_t left)
{
    if (e.v & PTE_RW) /* translations may live on (must_flush()) */
        t->stamp[pte_batch_index(e)] = (uint16_t)op->d->tlb_epoch;
    if (left & FRAME_REF_MASK)
        return true;
    entry_put_rest(op, pte_mfn(e));
    return false;
}

/* And back. False: the batch is over. */
static always_inline bool pte_batch_put(const struct pte_batch *a,
                                        struct mm_op *op, pte_t e)
{
    uint64_t left =
        atomic_fetch_add_explicit(&a->table->word[pte_batch_index(e)], a->minus,
                                  memory_order_acq_rel) +
        a->minus;

    return likely(left & a->last) || pte_batch_was_last(op, a->table, e, left);
}
