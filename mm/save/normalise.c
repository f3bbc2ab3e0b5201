/* SPDX-License-Identifier: MIT */
/* normalise.c: see normalise.h. */
#include "mm/save/normalise.h"

#include "flagstone/flagstone.h"
#include "mm/pv/lapse.h"
#include "mm/save/snapshot_supply.h"

static pte_t onto(uint64_t pfn, uint64_t flags)
{
    return pte_make(mfn_of(pfn), flags);
}

/* Onto a supplied table: the superpage it stands for, or its number. */
static enum err normalise_supplied(const struct snapshot *c, unsigned level,
                                   pte_t e, pte_t *out)
{
    const struct snapshot_supplied *s = snapshot_supplied_find(c, pte_mfn(e));

    if (!s || (s->superpage && s->level != level - 1))
        return ERR_INVAL;
    if (s->superpage)
        *out = onto(s->as, (pte_flags(e) & ~FLAGSTONE_PTE_SHATTERED) | PTE_PSE);
    else
        *out = onto(s->as, pte_flags(e));
    return ERR_NONE;
}

/*
 * The kernel's own, onto what was a table, which a store would make writable:
 * where it is laid again nobody knows that any more.
 */
static bool is_wanted(const struct snapshot *c, unsigned level, pte_t e,
                      pfn_t pfn)
{
    return level == 1 && lapse_entry(e) &&
           (lapse_marks(c->op, pte_mfn(e)) & LAPSE_WANTED) &&
           !snapshot_is_table(c, pfn.v);
}

enum err normalise_entry(const struct snapshot *c, unsigned level, pte_t e,
                         pte_t *out)
{
    pfn_t pfn;

    if (!pte_present(e)) {
        *out = e;
        return ERR_NONE;
    }
    pfn = snapshot_pfn(c, pte_mfn(e));
    if (pfn.v == PFN_NONE.v)
        return normalise_supplied(c, level, e, out);
    *out =
        onto(pfn.v, pte_flags(e) | (is_wanted(c, level, e, pfn) ? PTE_RW : 0));
    return ERR_NONE;
}

enum err normalise_table(const struct snapshot *c, unsigned level,
                         const pte_t *src, pte_t *dst)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        enum err rc;

        if (level == 4 && l4_slot_is_hv(i)) {
            dst[i] = pte_of(0);
            continue;
        }
        rc = normalise_entry(c, level, src[i], &dst[i]);
        if (rc)
            return rc;
    }
    return ERR_NONE;
}
