/* SPDX-License-Identifier: MIT */
/*
 * compact.h: one frame of the domain's into a hole of another of its blocks,
 * the fullest there is that has one, provided that this one is emptier; so
 * that a guest can turn scattered holes into whole blocks (relinquish=keep).
 */
#pragma once

#include "mm/alloc/dmem.h"

/*
 * Moves *m. pte 0: nobody but the owner may refer to it; else the machine
 * address of the one L1 entry of the domain's that does. On success *m is
 * where it is now, possibly where it was: there was no better place.
 * ERR_INVAL: not the domain's frame or entry; ERR_BUSY: other references.
 */
enum err compact_move(struct mm_op *op, mfn_t *m, maddr_t pte);
