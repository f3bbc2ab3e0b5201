/* SPDX-License-Identifier: MIT */
/*
 * walk.h: from a virtual address to the L1 entry that maps it, through the
 * direct map, never through a mapping the guest controls (XSA-286), and
 * stopping at superpages at every level (XSA-176).
 */
#pragma once

#include "mm/alloc/mm.h"

struct walk {
    mfn_t table; /* the frame the L1 entry is in, whatever its type */
    unsigned i;
    pte_t *entry;
};

/*
 * One step from the table at *at, through tables of the guest's. An entry
 * without US leads nowhere: a linear one led into the hypervisor's own slots.
 */
static always_inline enum pt_step walk_step(const struct mm *mm, maddr_t *at,
                                            uint64_t va, unsigned level)
{
    const pte_t *table = (const pte_t *)(const void *)(mm->direct + at->v);
    pte_t e;
    enum pt_step to = pt_step(table, va, level, PTE_P | PTE_US, &e);

    *at = maddr_of(e.v & PTE_ADDR);
    return to;
}

static always_inline bool walk_down(const struct mm *mm, maddr_t *at,
                                    uint64_t va, unsigned level)
{
    return likely(walk_step(mm, at, va, level) == PT_STEP_TABLE);
}

/* The root must be a validated L4, so every present entry is backed. */
static always_inline enum err walk_l1(const struct mm *mm, mfn_t root,
                                      uint64_t va, struct walk *out)
{
    maddr_t at = maddr_of_mfn(root);

    /* Neither the canonical hole nor what is behind it, up to our end. */
    if (unlikely(va - BIT(47) < HV_VA_END - BIT(47)) ||
        unlikely(mfn_eq(root, MFN_NONE)))
        return ERR_INVAL;
    if (!walk_down(mm, &at, va, 4) || !walk_down(mm, &at, va, 3) ||
        !walk_down(mm, &at, va, 2))
        return ERR_INVAL;
    *out = (struct walk){.table = mfn_of_maddr(at),
                         .i = pt_index(va, 1),
                         .entry = (pte_t *)(void *)(mm->direct + at.v) +
                                  pt_index(va, 1)};
    return ERR_NONE;
}
_Static_assert(HV_VA_START == ~(BIT(47) - 1), "the hole ends where we begin");
