/* SPDX-License-Identifier: MIT */
/*
 * walk.h: from a virtual address to the L1 entry that maps it, through the
 * direct map, never through a mapping the guest controls (XSA-286), and
 * stopping at superpages at every level (XSA-176).
 */
#pragma once

#include "mm/mm.h"

struct walk {
    mfn_t table; /* the frame the L1 entry is in, whatever its type */
    unsigned i;
    pte_t *entry;
};

/* The root must be a validated L4, so every present entry is backed. */
static inline must_check enum err walk_l1(const struct mm *mm, mfn_t root,
                                          uint64_t va, struct walk *out)
{
    mfn_t m = root;

    if (!va_canonical(va) || va_is_hv(va) || mfn_eq(root, MFN_NONE))
        return ERR_INVAL;
    for (unsigned level = PT_LEVELS; level > 1; level--) {
        pte_t e = ((pte_t *)mm_frame_ptr(mm, m))[pt_index(va, level)];

        /* Not US: a linear entry led into the hypervisor's own slots. */
        if (!pte_has(e, PTE_P | PTE_US) || (e.v & PTE_PSE))
            return ERR_INVAL;
        m = pte_mfn(e);
    }
    *out =
        (struct walk){.table = m,
                      .i = pt_index(va, 1),
                      .entry = (pte_t *)mm_frame_ptr(mm, m) + pt_index(va, 1)};
    return ERR_NONE;
}
