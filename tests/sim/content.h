/* SPDX-License-Identifier: MIT */
/*
 * content.h: the memory of a simulated machine has no content but what mm/
 * keeps there for itself: memset and memcpy, wrapped by the linker, do not
 * touch what nobody will look at.
 *
 * Invariant: a block that mm/ has written to is zeroed where mm/ zeroes it;
 * of all others the host has no page.
 */
#pragma once

#include "base.h"

/* The machine's memory, and its M2P; `touched` has a byte for each block. */
void content_of(uint8_t *direct, uint64_t *m2p, uint64_t blocks);
