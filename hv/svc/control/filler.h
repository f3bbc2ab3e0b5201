/* SPDX-License-Identifier: MIT */
/*
 * filler.h: memory that is taken so that there is little, or so that what is
 * left is in pieces: FLAGSTONE_CTL_fill, _frag and _drain. It belongs to a
 * domain without vCPUs whose policy is relinquish=cut, so it is accounted for,
 * audited and given back like any other, and nobody can reach it.
 *
 * What takes long says ERR_RESTART: call again with the same arguments.
 */
#pragma once

#include "mm/alloc/mm.h"

/*
 * Takes whole blocks until `left` are free besides the fragment reserve and
 * what is claimed. None are given back if fewer are free already.
 */
enum err filler_fill(struct mm *mm, uint64_t left);
/*
 * Of *blocks whole ones every other frame is given back; *blocks counts down.
 * ERR_INVAL: there are not so many whole ones, nothing was done; ERR_NOMEM: no
 * memory to account for more of them, *blocks are left undone.
 */
enum err filler_frag(struct mm *mm, uint64_t *blocks);
/*
 * Gives back *blocks of its blocks, whole ones first, or all there are;
 * *blocks counts down.
 */
enum err filler_drain(struct mm *mm, uint64_t *blocks);
/* All of it, when nobody is left who could ask for that. */
void filler_forget(struct mm *mm);

struct filler_stats {
    uint64_t blocks; /* whole ones */
    uint64_t frames; /* in those that are whole no more */
};
struct filler_stats filler_stats(void);
