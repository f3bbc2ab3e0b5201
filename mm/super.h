/* SPDX-License-Identifier: MIT */
/*
 * super.h: 2 MiB mappings and marks: one transition on one block word each.
 *
 * Whatever the entry's RW bit says, a mapping counts as writable, as it did
 * in Xen: the block has no frame of an exclusive type while it is mapped.
 */
#pragma once

#include "mm/frame.h"

/* Address bits a 2 MiB entry must leave zero; bit 12 is its PAT. */
#define SUPER_MUST_BE_ZERO BITS(20, 12)
/* What an L2 entry with PSE may not have (facts 3.2). */
#define SUPER_FORBIDDEN (PTE_PWT | PTE_PCD | PTE_G)

static inline blk_t super_block(pte_t e)
{
    return blk_of_mfn(pte_mfn(e));
}

/* The block behind a present L2 entry with PSE. ERR_INVAL otherwise. */
must_check enum err super_get(struct mm_op *op, pte_t e);
void super_put(struct mm_op *op, pte_t e);
/* A precommitment that no frame of the block takes an exclusive type. */
must_check enum err super_mark(struct mm_op *op, mfn_t m);
must_check enum err super_unmark(struct mm_op *op, mfn_t m);
