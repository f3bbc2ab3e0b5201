/* SPDX-License-Identifier: MIT */
/*
 * mmu_quick.h: what guests do all day: L1 entries mapped, unmapped, changed in
 * their protection, of frames that are written to now and then; superpages;
 * roots. In as few instructions as it takes, so inlined where the requests
 * come in.
 *
 * The same order of things as in change() of mmu.c, which is what is to be
 * done if anything is unusual.
 */
#pragma once

#include "mm/pv/entry.h"
#include "mm/pv/walk.h"

enum quick {
    QUICK_NO,    /* nothing was done */
    QUICK_DONE,  /* and nothing has to be flushed */
    QUICK_FREED, /* done; `gone` lost its last reference, for entry_freed() */
};

#define MMU_PTR_CMD 7u /* the low bits of a request say what it is */

static inline bool only_rw_differs(pte_t a, pte_t b)
{
    return !((a.v ^ b.v) & ~(ENTRY_SOFT(1) | PTE_RW));
}

static always_inline enum quick quick_unmap(struct entry_lens *l, pte_t *slot,
                                            pte_t old, mfn_t *gone)
{
    WRITE_ONCE(slot->v, 0);
    if (likely(!entry_quick_put(l, old)))
        return QUICK_DONE;
    *gone = pte_mfn(old);
    return QUICK_FREED;
}

static always_inline enum quick quick_protect(struct entry_lens *l, pte_t *slot,
                                              pte_t old, pte_t new)
{
    bool rw_changes = (old.v ^ new.v) & PTE_RW;

    if (unlikely(!only_rw_differs(old, new)))
        return QUICK_NO;
    if (rw_changes && (new.v &PTE_RW) && !entry_quick_grant(l, new))
        return QUICK_NO;
    WRITE_ONCE(slot->v, entry_adjust(new, 1).v);
    if (rw_changes && !(new.v &PTE_RW))
        entry_quick_revoke(l, new);
    return QUICK_DONE;
}

static always_inline enum quick quick_map(struct entry_lens *l, pte_t *slot,
                                          pte_t new)
{
    if (unlikely(!entry_quick_get(l, new)))
        return QUICK_NO;
    WRITE_ONCE(slot->v, entry_adjust(new, 1).v);
    return QUICK_DONE;
}

static always_inline enum quick quick_l1(struct entry_lens *l, pte_t *slot,
                                         pte_t new, mfn_t *gone)
{
    const pte_t old = pte_of(READ_ONCE(slot->v));

    if (pte_present(new))
        return pte_present(old) ? quick_protect(l, slot, old, new)
                                : quick_map(l, slot, new);
    return !new.v &&pte_present(old) ? quick_unmap(l, slot, old, gone)
                                     : QUICK_NO;
}

/* Where a request's entry is, the command being 0. */
static always_inline pte_t *quick_slot(const struct entry_lens *l, uint64_t ptr)
{
    return (pte_t *)(void *)(LENS(l, direct) + ptr);
}

/* The table of the last request, for the next is often for the same. */
#define SLOT_BITS UINT64_C(0xff8)
#define NO_TABLE  (~UINT64_C(0))

/* MMU_CMD_NORMAL on an L1 entry, nothing unusual about it. */
static always_inline enum quick quick_update(struct entry_lens *l,
                                             uint64_t *table, uint64_t ptr,
                                             pte_t new, mfn_t *gone)
{
    /* The command is part of what is compared: it must be zero. */
    if (unlikely((ptr & ~SLOT_BITS) != *table)) {
        if ((ptr & MMU_PTR_CMD) || unlikely(!entry_quick_table(
                                       l, mfn_of(ptr >> PAGE_SHIFT), FRAME_L1)))
            return QUICK_NO;
        *table = ptr & ~SLOT_BITS;
    }
    return quick_l1(l, quick_slot(l, ptr), new, gone);
}

/* One mmu_update request. */
static always_inline enum quick mmu_quick(const struct mm_op *op, uint64_t ptr,
                                          uint64_t val, mfn_t *gone)
{
    struct entry_lens l = entry_lens(op, false);
    uint64_t table = NO_TABLE;

    if (unlikely(type_left(op)))
        return QUICK_NO;
    return quick_update(&l, &table, ptr, pte_of(val), gone);
}

/* update_va_mapping. */
static always_inline enum quick
mmu_quick_va(const struct mm_op *op, uint64_t va, uint64_t val, mfn_t *gone)
{
    struct entry_lens l = entry_lens(op, false);
    struct walk walk;

    if (unlikely(type_left(op)) ||
        unlikely(walk_l1(op->mm, op->v->root_kernel, va, &walk)) ||
        unlikely(!entry_quick_table(&l, walk.table, FRAME_L1)))
        return QUICK_NO;
    return quick_l1(&l, walk.entry, pte_of(val), gone);
}

/*
 * From one root in use to another that stays in use, pinned as a rule: every
 * switch between two processes of the guest. Owner and type cannot move under
 * the lock, so counts are simply added to. False: nothing was done.
 */
static always_inline bool mmu_quick_root(const struct mm_op *op, mfn_t *root,
                                         mfn_t m)
{
    struct entry_lens l = entry_lens(op, false);
    _Atomic uint64_t *get = entry_quick_table(&l, m, FRAME_L4);
    _Atomic uint64_t *put = entry_quick_table(&l, *root, FRAME_L4);

    if (unlikely(!get || !put || type_left(op)) ||
        unlikely((atomic_load_explicit(put, memory_order_relaxed) &
                  FRAME_COUNT_MASK) == FRAME_COUNT_ONE))
        return false;
    atomic_fetch_add_explicit(get, ENTRY_TABLE_REFS, memory_order_acq_rel);
    atomic_fetch_sub_explicit(put, ENTRY_TABLE_REFS, memory_order_acq_rel);
    *root = m;
    return true;
}
