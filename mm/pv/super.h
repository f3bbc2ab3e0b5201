/* SPDX-License-Identifier: MIT */
/*
 * super.h: 2 MiB mappings and marks: one transition on one block word each;
 * and 1 GiB mappings, which are that transition on each of 512 block words.
 *
 * Whatever the entry's RW bit says, a mapping counts as writable, as it did
 * in Xen: the block has no frame of an exclusive type while it is mapped.
 */
#pragma once

#include "mm/alloc/frame.h"

/* Address bits a large entry must leave zero; bit 12 is its PAT. */
#define SUPER_MUST_BE_ZERO BITS(20, 12)
#define SUPER_REGION_ZERO  BITS(29, 12)
/* What an L2 or L3 entry with PSE may not have (facts 3.2). */
#define SUPER_FORBIDDEN (PTE_PWT | PTE_PCD | PTE_G)
_Static_assert(SUPER_MUST_BE_ZERO == (PTE_ADDR & (BLOCK_SIZE - 1)),
               "the address is that of a block");
_Static_assert(SUPER_REGION_ZERO ==
                   (PTE_ADDR & (REGION_BLOCKS * BLOCK_SIZE - 1)),
               "and of a region");
_Static_assert((SUPER_MUST_BE_ZERO & PTE_PSE_PAT) == PTE_PSE_PAT,
               "whose PAT is zero, too");

static inline blk_t super_block(pte_t e)
{
    return blk_of_mfn(pte_mfn(e));
}

/* May the domain have large entries of this level? */
static inline bool super_allowed(const struct mm_op *op, unsigned level)
{
    return op->d->superpages != SUPERPAGES_OFF &&
           (level == 2 || (level == 3 && op->mm->pages_1g));
}

/* The block behind a present L2 entry with PSE. ERR_INVAL otherwise. */
enum err super_get(struct mm_op *op, pte_t e);
void super_put(struct mm_op *op, pte_t e);
/* The 512 blocks behind a present L3 entry with PSE: all, or ERR_INVAL. */
enum err super_region_get(struct mm_op *op, pte_t e);
void super_region_put(struct mm_op *op, pte_t e);
/* A precommitment that no frame of the block takes an exclusive type. */
enum err super_mark(struct mm_op *op, mfn_t m);
enum err super_unmark(struct mm_op *op, mfn_t m);
