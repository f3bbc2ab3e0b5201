/* SPDX-License-Identifier: MIT */
/*
 * normalise.h: a page table in pfn terms and back. Normalised form, entry by
 * entry:
 *  - not present: as it is (no such entry names memory);
 *  - present: the frame number is the pfn, all flags as they are, except that
 *    an entry of the kernel's own onto a former table has RW set where a store
 *    would set it (mm/pv/lapse.h);
 *  - and that an L2 entry onto a supplied table that still maps a span of 512
 *    pfns in order reads as the superpage entry it was: PSE set, SHATTERED
 *    clear, the address that of the first pfn, which need not be a multiple of
 *    512; the same at L3. A supplied table that is no such thing has
 *    SNAPSHOT_SUPPLIED + n for a pfn, in entries of whatever level;
 *  - the hypervisor's slots of an L4: 0.
 */
#pragma once

#include "mm/save/snapshot.h"

/* One entry. ERR_INVAL: it is onto a frame that has no pfn. */
enum err normalise_entry(const struct snapshot *c, unsigned level, pte_t e,
                         pte_t *out);
/*
 * One table of 512 entries; src and dst may be the same page. Cannot fail for
 * a table of a complete snapshot, and must not be interrupted in place.
 */
enum err normalise_table(const struct snapshot *c, unsigned level,
                         const pte_t *src, pte_t *dst);
/* Used by both directions: is e, at this level, a superpage entry? */
static inline bool normalise_is_large(pte_t e, unsigned level)
{
    return (level == 2 || level == 3) &&
           (e.v & (PTE_P | PTE_PSE)) == (PTE_P | PTE_PSE);
}
