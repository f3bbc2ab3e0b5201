/* SPDX-License-Identifier: MIT */
/*
 * leak.h: frames lent to a hostile case, and the proof afterwards that nobody
 * holds on to them: what the domain owns falls and rises with them, and the
 * hypervisor's own audit, where there is one, finds nothing.
 */
#pragma once

#include "guest/lib/hypercall.h"

#define LEAK_SPARES 8u

void leak_init(void);
/* A spare frame: ordinary, zeroed, writable in the linear map. */
pfn_t leak_spare(unsigned i);
mfn_t leak_mfn(unsigned i);
/* All spares must be ordinary again: they go, and come back as others. */
void leak_check(void);

/* Frames the domain owns. */
int64_t leak_owned(void);
/* increase, decrease or populate: the number of extents done. */
int64_t leak_reserve(enum xen_memory_cmd cmd, void *extents, uint64_t count,
                     unsigned order);
