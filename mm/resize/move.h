/* SPDX-License-Identifier: MIT */
/*
 * move.h: the content of one frame of the domain's into another, and all that
 * knew the old one with it: the L1 entry that maps it, if there is one, and
 * M2P. What a guest holds itself (its p2m) is its own to renew.
 *
 * No vCPU of the domain runs meanwhile: there is one processor. What is cached
 * of the old entry is owed (owed.h), and flushed before
 * the old frame is anybody else's.
 */
#pragma once

#include "mm/pv/pte_ref.h"

/*
 * May m be moved: is it the domain's to give, and does nothing refer to it but
 * the owner and `e`, a present L1 entry that maps it (or 0)? Makes no change.
 * ERR_INVAL: not the domain's; ERR_BUSY: other references.
 */
enum err move_check(struct mm_op *op, mfn_t m, pte_t e);
/*
 * `to` is a frame of the domain's that nobody has seen yet and whose word
 * exists; slot: of that entry, or NULL. Gives the frame `from` back.
 */
void move_frame(struct mm_op *op, mfn_t from, pte_t *slot, mfn_t to);
