/* SPDX-License-Identifier: MIT */
/*
 * floor.h: overcommit. Domains that have been given a floor give back memory
 * above it when others need it, in whole blocks, the largest first; a domain
 * without one is left alone.
 */
#pragma once

#include "base.h"

bool floor_set(const char *name, uint64_t pages);
void floor_show(void);
/* Until so many blocks are free; refused at once where floors forbid it. */
bool floor_reclaim(uint64_t blocks);
