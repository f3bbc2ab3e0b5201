/* SPDX-License-Identifier: MIT */
/*
 * lapse.h: tables that a kernel lets go as it would on a bare machine, without
 * a word to the hypervisor, or while another tree has them. Only a domain that
 * is shown large pages (mm_domain.large_shown) comes here; for others nothing
 * is as said below.
 *
 * Linux takes a table out of an L2 by a store and gives its page to the
 * allocator, pinned and mapped read-only (collapse_and_free_pmd(), with what it
 * maps still in it). So where a store does that, and nothing but the pin refers
 * to the L1 any more, the pin goes as well: it *lapses*. An L1 that was let go
 * by a hypercall is told by being empty, and lapses at the first store to it or
 * the first writable mapping of it, before anything is carried out that might
 * be data. A kernel that puts such a table back finds it as it would any page:
 * it is read-only, or made so, and is validated anew.
 *
 * An L2 that two trees share (hugetlb) is to become writable when the first
 * ends, which cannot be. It stays read-only, and is *wanted*.
 *
 * Invariant: nothing is writable that is a table. frame_pt.wanted only says
 * that one store of the kernel's, the next by an entry as lapse_entry() says,
 * to a frame that is none by then, makes that entry writable by the usual
 * rules: whoever makes it read-only afterwards means it. frame_pt.lapsed only
 * makes one unpinning a success that would be none.
 */
#pragma once

#include "mm/alloc/mm.h"

/*
 * Is a wanted frame writable by e, of an L1, at a store? Only data of the
 * kernel's own, not to be executed: as a kernel has its memory mapped, and its
 * text and what it maps for programs, which it means to be read-only, not.
 */
static inline bool lapse_entry(pte_t e)
{
    const uint64_t must = PTE_P | PTE_GUEST_KERNEL | PTE_NX;

    return (e.v & (must | PTE_RW)) == must;
}

/*
 * A store by way of va, which may be mapped read-only: true, it is writable
 * now, and the instruction to be carried out once more, by the guest.
 */
bool lapse_store(struct mm_op *op, mfn_t root, uint64_t va);
/* e was refused, for its frame's type: true, it lapsed, and is to be had. */
bool lapse_mapped(struct mm_op *op, pte_t e);
/* e was refused, which is to become writable: true, it is wanted. */
bool lapse_wanted(const struct mm_op *op, pte_t e);
/* A store has taken the L1 table m out of an L2. */
void lapse_taken_out(struct mm_op *op, mfn_t m);
/* m is not pinned, and was to be unpinned: true, for it had lapsed. */
bool lapse_unpin(const struct mm_op *op, mfn_t m);

/* What is remembered of a frame: for an image, and where it is moved. */
#define LAPSE_LAPSED 1u
#define LAPSE_WANTED 2u
#define LAPSE_MARKS  (LAPSE_LAPSED | LAPSE_WANTED)
unsigned lapse_marks(const struct mm_op *op, mfn_t m);
/* Of a domain that is not shown large pages nothing is. */
void lapse_set_marks(const struct mm_op *op, mfn_t m, unsigned marks);
