/* SPDX-License-Identifier: MIT */
/*
 * place.h: an entry of one of the domain's tables, as a guest names it: by its
 * machine address.
 */
#pragma once

#include "mm/pv/entry.h"

struct place {
    struct entry_at at;
    pte_t *slot;
    pte_t e; /* what was read there */
};

/* ERR_INVAL: no entry of a validated table of the domain's, at any level. */
must_check enum err place_find(const struct mm_op *op, maddr_t entry,
                               struct place *out);

/*
 * Store `new` if the entry is what was read. false: it is read anew; only its
 * accessed and dirty bits can differ, which the processor sets.
 */
static inline bool place_swap(struct place *p, pte_t new)
{
    return atomic_compare_exchange_strong((_Atomic uint64_t *)(void *)p->slot,
                                          &p->e.v, new.v);
}
