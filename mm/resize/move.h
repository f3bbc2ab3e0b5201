/* SPDX-License-Identifier: MIT */
/*
 * move.h: the content of one frame of the domain's into another, and all that
 * knew the old one with it: the L1 entry that maps it, if there is one, and
 * M2P. What a guest holds itself (its p2m) is its own to renew.
 *
 * Other vCPUs of the domain run meanwhile. So before content is copied nobody
 * can write to it any more, and nothing is lost: an entry that is writable is
 * absent for the moment (mm/pv/absent.h), and what was cached of it is flushed.
 * It is not read-only instead: who reads could go on with the old frame when
 * another writes to the new one already. What is cached of a read-only entry is
 * owed (owed.h), and flushed before the old frame is anybody else's.
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
 * From here on nobody writes to what these n L1 entries map, which are alike
 * and have passed move_check(). Returns what was taken of them for that: PTE_P
 * if they are writable, or 0.
 */
uint64_t move_hold(struct mm_op *op, pte_t *slot, unsigned n);
/* All of them have been moved; held: what move_hold() has returned. */
void move_release(struct mm_op *op, uint64_t held);
/*
 * `to` is a frame of the domain's that nobody has seen yet and whose word
 * exists; slot: of that entry, or NULL; held: what move_hold() has
 * returned. Gives the frame `from` back.
 */
void move_frame(struct mm_op *op, mfn_t from, pte_t *slot, uint64_t held,
                mfn_t to);
