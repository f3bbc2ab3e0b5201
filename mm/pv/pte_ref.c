/* SPDX-License-Identifier: MIT */
/*
 * pte_ref.c: see pte_ref.h. The address is the guest's word and nothing is read
 * there before the frame is known to be a validated table of the domain's. A
 * partial one is not: somebody is at work on it.
 */
#include "mm/pv/pte_ref.h"

enum err pte_ref_find(const struct mm_op *op, maddr_t entry,
                      struct pte_ref *out)
{
    const mfn_t m = mfn_of_maddr(entry);
    unsigned i = (unsigned)(entry.v / sizeof(pte_t)) % PT_ENTRIES;
    uint64_t w;

    if (entry.v % sizeof(pte_t) || !frame_find_worded(op, m, &out->at.table))
        return ERR_INVAL;
    w = frame_word(&out->at.table);
    out->at.level = (unsigned)frame_type(w);
    if (!(w & FRAME_VALIDATED) || out->at.level > PT_LEVELS ||
        (out->at.level == 4 && l4_slot_is_hv(i)))
        return ERR_INVAL;
    out->slot = (pte_t *)mm_frame_ptr(op->mm, m) + i;
    out->e = pte_of(READ_ONCE(out->slot->v));
    return ERR_NONE;
}
