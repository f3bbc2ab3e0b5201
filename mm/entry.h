/* SPDX-License-Identifier: MIT */
/*
 * entry.h: which entries a guest may have in its tables, and the references
 * an entry takes (facts 2.1). get and put are exact opposites: what a present
 * entry of a validated table holds is
 *   L1          one reference of the frame, one more of type writable if RW
 *   L2 with PSE one superpage mapping of the block
 *   L2..L4      one type reference of the next level, or of the same level
 *               for a linear entry (none if it points to its own table)
 * Entries that are not present hold nothing.
 */
#pragma once

#include "mm/type.h"

/* A table entry's place: what get and put need to know about it. */
struct entry_at {
    struct frame table;
    unsigned level;
};

/*
 * The bits that may change without looking at the entry anew. RW is not among
 * them (XSA-182: linear tables), nor PSE, nor any cache bit (XSA-148, -154).
 */
#define ENTRY_SOFT(level)                                                      \
    (PTE_NX | PTE_AVL_HIGH | PTE_AVL | PTE_D | PTE_A | PTE_US |                \
     ((level) == 1 ? PTE_G : 0))

/* What no present entry of this level may have; PSE at L2 apart. */
#define ENTRY_FORBIDDEN(level)                                                 \
    ((level) == 1 ? PTE_PWT | PTE_PCD | PTE_PAT                                \
                  : PTE_PWT | PTE_PCD | PTE_PSE | PTE_G)

/*
 * How a present entry really reads: guest kernels run in ring 3, so all is
 * US; L1 entries of the guest's user mode are global, its kernel's are marked.
 */
static always_inline pte_t entry_adjust(pte_t e, unsigned level)
{
    if (level == 4)
        return pte_of(e.v | PTE_US | PTE_A);
    if (level > 1)
        return pte_of(e.v | PTE_US);
    if (!(e.v & PTE_US))
        return pte_of(e.v | PTE_US | PTE_GUEST_KERNEL);
    if (!(e.v & PTE_GUEST_KERNEL))
        return pte_of(e.v | PTE_G);
    return e;
}

/*
 * A not-present entry must not name memory that a CPU with the L1 terminal
 * fault would fetch from its cache (XSA-273): RAM, or anything with PSE.
 */
bool entry_absent_ok(const struct mm *mm, pte_t e, unsigned level);

/* References of a present entry. ERR_RESTART only at L2..L4. */
must_check enum err entry_get(struct mm_op *op, const struct entry_at *at,
                              pte_t e);
/* What takes long goes to op->v->old. */
void entry_put(struct mm_op *op, const struct entry_at *at, pte_t e);
/* Only part of the above, for L1 entries, inlined where it matters. */
must_check enum err entry_get_l1(struct mm_op *op, pte_t e);
void entry_put_l1(struct mm_op *op, pte_t e);
/* The entry keeps its frame, only RW changes. */
must_check enum err entry_flip_rw(struct mm_op *op, pte_t from, pte_t to);
