/* SPDX-License-Identifier: MIT */
/*
 * split.h: between one large entry and the table of 512 entries that maps the
 * same, at L2 (2 MiB) and L3 (1 GiB), and between a table that maps scattered
 * frames and a large entry onto a new block. Each checks first and then
 * applies; on an error nothing has changed. `entry`: machine address of the
 * entry, from the guest.
 */
#pragma once

#include "mm/alloc/mm.h"

struct pte_ref;

/*
 * The PSE entry becomes one onto `table`, which is filled to map the same with
 * the same flags; what is small is not global. ERR_INVAL: not a PSE entry of
 * a validated table of the domain's; table not the domain's, in the block
 * itself, or its type is in use; a frame's count is full; ERR_NOMEM.
 */
enum err split(struct mm_op *op, maddr_t entry, mfn_t table);
/*
 * The opposite; *table: what the entry referred to, or MFN_NONE if that was a
 * supplied table nobody else refers to, which is given back. What either level
 * forbids the large entry forbids; G and Xen's mark on kernel entries are not
 * kept. The range at the block's pfn, if there is one, goes. ERR_INVAL: it
 * does not map one aligned block (at L3: region) in order with flags that
 * agree, A and D apart; ERR_BUSY: the block cannot be mapped large now.
 */
enum err join(struct mm_op *op, maddr_t entry, mfn_t *table);
/*
 * At L2 only: a new whole block gets the content of the 512 frames the table
 * maps, the table and M2P are made to say so, the frames are given back, and
 * the entry is joined, with *table as join's; where they are one block in
 * order already, it is a join and no more. *first: of the block. ERR_NOMEM;
 * ERR_BUSY: one of the frames has references besides its owner's and one of
 * this table's entries; ERR_INVAL as join, order apart.
 */
enum err heal(struct mm_op *op, maddr_t entry, mfn_t *first, mfn_t *table);

/* Shared with heal(): an entry and the table of small ones it refers to. */
enum err split_find_table(struct mm_op *op, maddr_t entry, struct pte_ref *p,
                          pte_t **table);
/* Do all 512 entries map, in order and alike, what the first one begins? */
bool split_in_order(const pte_t *small, unsigned level);
enum err split_join_at(struct mm_op *op, struct pte_ref *p, const pte_t *small,
                       mfn_t *table);
