/* SPDX-License-Identifier: MIT */
/*
 * pattern.h: what every word of a frame must hold, from a seed, the frame's
 * pfn and the word's place in it; so that a frame that is lost, late or
 * another's shows.
 */
#pragma once

#include "base.h"

extern uint64_t pattern_seed;
/* Of so many frames one holds it, the others must be zeroes. */
extern uint64_t pattern_sparse;
uint64_t pattern_word(pfn_t pfn, unsigned n); /* n: 0..511 */
void pattern_fill(void *page, pfn_t pfn);
/* -1: all right, else the first word that is wrong. */
int pattern_check(const void *page, pfn_t pfn);
