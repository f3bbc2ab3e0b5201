/* SPDX-License-Identifier: MIT */
/*
 * spare.h: level-1 tables taken beforehand, so that a large mapping can become
 * small ones when there is no memory to be had: one for each large mapping of
 * each address space.
 */
#pragma once

#include "base.h"

/* At least n more than there are now; false: fewer, none is lost. */
bool spare_add(uint64_t n);
uint64_t spare_count(void);
/* An ordinary frame, writable, of any content; PFN_NONE if there is none. */
pfn_t spare_get(void);
void spare_put(pfn_t pfn);
