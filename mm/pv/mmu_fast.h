/* SPDX-License-Identifier: MIT */
/*
 * mmu_fast.h: what guests do all day: L1 entries mapped, unmapped, changed in
 * their protection, of frames that are written to now and then; roots. In as
 * few instructions as it takes, so inlined where the requests come in: for
 * hv/call/hypercall_mmu.c, and nobody else outside of mm/ (tools/rooms).
 *
 * The same order of things as in change() of mmu.c, which is what is to be
 * done if anything is unusual.
 */
#pragma once

#include "mm/pv/entry.h"
#include "mm/pv/mmu.h"
#include "mm/pv/walk.h"

/*
 * Each is true where all is done and nothing has to be flushed. False: what is
 * left is mmu_update_rest()'s or mmu_update_va_rest()'s, to whom *gone says
 * whether nothing was done, MFN_NONE, or all but what becomes of a frame whose
 * last reference that was.
 */
static always_inline bool fast_not(mfn_t *gone)
{
    *gone = MFN_NONE;
    return false;
}

#define MMU_PTR_CMD 7u /* the low bits of a request say what it is */
_Static_assert(MMU_PTR_CMD == sizeof(pte_t) - 1, "an entry's address has none");

static inline bool only_rw_differs(pte_t a, pte_t b)
{
    return !((a.v ^ b.v) & ~(ENTRY_SOFT(1) | PTE_RW));
}

static always_inline bool fast_unmap(struct entry_lens *l, pte_t *slot,
                                     pte_t old, mfn_t *gone)
{
    WRITE_ONCE(slot->v, 0);
    if (likely(!entry_fast_put(l, old)))
        return true;
    *gone = pte_mfn(old);
    return false;
}

static always_inline bool fast_protect(struct entry_lens *l, pte_t *slot,
                                       pte_t old, pte_t new, mfn_t *gone)
{
    bool rw_changes = (old.v ^ new.v) & PTE_RW;

    if (unlikely(!only_rw_differs(old, new)))
        return fast_not(gone);
    if (rw_changes && (new.v &PTE_RW) && !entry_fast_make_writable(l, new))
        return fast_not(gone);
    WRITE_ONCE(slot->v, entry_adjust(new, 1).v);
    if (rw_changes && !(new.v &PTE_RW))
        entry_fast_make_readonly(l, new);
    return true;
}

static always_inline bool fast_map(struct entry_lens *l, pte_t *slot, pte_t new,
                                   mfn_t *gone)
{
    if (unlikely(!entry_fast_get(l, new)))
        return fast_not(gone);
    WRITE_ONCE(slot->v, entry_adjust(new, 1).v);
    return true;
}

static always_inline bool fast_l1(struct entry_lens *l, pte_t *slot, pte_t new,
                                  mfn_t *gone)
{
    const pte_t old = pte_of(READ_ONCE(slot->v));

    if (pte_present(new))
        return pte_present(old) ? fast_protect(l, slot, old, new, gone)
                                : fast_map(l, slot, new, gone);
    return !new.v &&pte_present(old) ? fast_unmap(l, slot, old, gone)
                                     : fast_not(gone);
}

/* Where a request's entry is, the command being 0. */
static always_inline pte_t *fast_slot(const struct entry_lens *l, uint64_t ptr)
{
    return (pte_t *)(void *)(LENS(l, direct) + ptr);
}

/* The table of the last request, for the next is often for the same. */
#define SLOT_BITS UINT64_C(0xff8)
#define NO_TABLE  (~UINT64_C(0))
_Static_assert((SLOT_BITS | MMU_PTR_CMD) == PAGE_SIZE - 1 &&
                   !(SLOT_BITS & MMU_PTR_CMD),
               "entry and command are what is below a frame's address");
_Static_assert((NO_TABLE & MMU_PTR_CMD) != 0,
               "no request without a command is in it");

/* MMU_CMD_NORMAL on an L1 entry, nothing unusual about it. */
static always_inline bool fast_update(struct entry_lens *l, uint64_t *table,
                                      uint64_t ptr, pte_t new, mfn_t *gone)
{
    /* The command is part of what is compared: it must be zero. */
    if (unlikely((ptr & ~SLOT_BITS) != *table)) {
        if ((ptr & MMU_PTR_CMD) ||
            unlikely(!entry_fast_table(l, mfn_of(ptr >> PAGE_SHIFT), FRAME_L1)))
            return fast_not(gone);
        *table = ptr & ~SLOT_BITS;
    }
    return fast_l1(l, fast_slot(l, ptr), new, gone);
}

/* One mmu_update request. */
static always_inline bool mmu_fast(const struct mm_op *op, uint64_t ptr,
                                   uint64_t val, mfn_t *gone)
{
    struct entry_lens l = entry_lens(op, false);
    uint64_t table = NO_TABLE;

    if (unlikely(type_has_deferred(op)))
        return fast_not(gone);
    return fast_update(&l, &table, ptr, pte_of(val), gone);
}

/* update_va_mapping. */
static always_inline bool mmu_fast_va(const struct mm_op *op, uint64_t va,
                                      uint64_t val, mfn_t *gone)
{
    struct entry_lens l = entry_lens(op, false);
    struct walk walk;

    if (unlikely(type_has_deferred(op)) ||
        unlikely(walk_l1(op->mm, op->v->root_kernel, va, &walk)) ||
        unlikely(!entry_fast_table(&l, walk.table, FRAME_L1)))
        return fast_not(gone);
    return fast_l1(&l, walk.entry, pte_of(val), gone);
}

/* One mmu_update request (facts 2.2): ptr's low 3 bits are the command. */
static always_inline enum err mmu_update(struct mm_op *op, uint64_t ptr,
                                         uint64_t val)
{
    mfn_t gone;

    return likely(mmu_fast(op, ptr, val, &gone))
               ? ERR_NONE
               : mmu_update_rest(op, ptr, val, gone);
}

/* The L1 entry that maps va under the current kernel root (facts 2.4). */
static always_inline enum err mmu_update_va(struct mm_op *op, uint64_t va,
                                            uint64_t val)
{
    mfn_t gone;

    return likely(mmu_fast_va(op, va, val, &gone))
               ? ERR_NONE
               : mmu_update_va_rest(op, va, val, gone);
}

/*
 * From one root in use to another that stays in use, pinned as a rule: every
 * switch between two processes of the guest. Owner and type cannot move under
 * the lock, so counts are simply added to. False: nothing was done. True: the
 * processor has to leave the old one before the operation ends.
 */
static always_inline bool mmu_fast_root(const struct mm_op *op, mfn_t *root,
                                        mfn_t m)
{
    struct entry_lens l = entry_lens(op, false);
    _Atomic uint64_t *get = entry_fast_table(&l, m, FRAME_L4);
    _Atomic uint64_t *put = entry_fast_table(&l, *root, FRAME_L4);

    if (unlikely(!get || !put || type_has_deferred(op)) ||
        unlikely((atomic_load_explicit(put, memory_order_relaxed) &
                  FRAME_COUNT_MASK) == FRAME_COUNT_ONE))
        return false;
    atomic_fetch_add_explicit(get, ENTRY_TABLE_REFS, memory_order_acq_rel);
    atomic_fetch_sub_explicit(put, ENTRY_TABLE_REFS, memory_order_acq_rel);
    *root = m;
    return true;
}
