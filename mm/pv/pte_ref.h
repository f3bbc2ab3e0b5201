/* SPDX-License-Identifier: MIT */
/*
 * pte_ref.h: an entry of one of the domain's tables, as a guest names it: by
 * its machine address.
 */
#pragma once

#include "mm/pv/entry.h"

struct pte_ref {
    struct entry_at at;
    pte_t *slot;
    pte_t e; /* what was read there */
};

/* ERR_INVAL: no entry of a validated table of the domain's, at any level. */
enum err pte_ref_find(const struct mm_op *op, maddr_t entry,
                      struct pte_ref *out);

/*
 * Store `new` if the entry is what was read. false: it is read anew; only its
 * accessed and dirty bits can differ, which the processor sets.
 */
static inline bool pte_ref_swap(struct pte_ref *p, pte_t new)
{
    return atomic_compare_exchange_strong((_Atomic uint64_t *)(void *)p->slot,
                                          &p->e.v, new.v);
}
