/* SPDX-License-Identifier: MIT */
/*
 * pressure.h: a filler domain that takes what it is told to of a machine's
 * memory, in blocks and, so that single frames are free but no block is, every
 * other frame of blocks.
 */
#pragma once

#include "world.h"

void pressure_make(struct world *w, struct world_domain *filler, domid_t id);
/* All blocks but n; of `frag` of them every other frame is given back. */
void pressure_put(struct world_domain *filler, uint64_t n, uint64_t frag);
/* Give n whole blocks back, ~0: all; how many there were. */
uint64_t pressure_drop(struct world_domain *filler, uint64_t n);
