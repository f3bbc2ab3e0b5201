/* SPDX-License-Identifier: MIT */
/*
 * canon.h: a page table in pfn terms and back. Canonical form, entry by entry:
 *  - not present: as it is (no such entry names memory);
 *  - present: the frame number is the pfn, all flags as they are, except that
 *    an L2 entry onto a supplied table that still maps a run of 512 pfns in
 *    order reads as the superpage entry it was: PSE set, SHATTERED clear, the
 *    address that of the first pfn, which need not be a multiple of 512; the
 *    same at L3;
 *  - the hypervisor's slots of an L4: 0.
 */
#pragma once

#include "mm/census.h"

/* One table of 512 entries; src and dst may be the same page. */
must_check enum err canon_table(const struct census *c, unsigned level,
                                const pte_t *src, pte_t *dst);
/* Used by both directions: is e, at this level, a superpage entry? */
static inline bool canon_is_large(pte_t e, unsigned level)
{
    return (level == 2 || level == 3) &&
           (e.v & (PTE_P | PTE_PSE)) == (PTE_P | PTE_PSE);
}
