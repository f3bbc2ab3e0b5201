/* SPDX-License-Identifier: MIT */
/*
 * poison.h: blocks with memory in them that the hardware has given up: nobody
 * is given them any more, whole or in frames.
 *
 * Invariants: a poisoned block is in no map and no cache, unless all free
 * memory is promised (ERR_BUSY below); it leaves the machine, as if there were
 * no memory, when it comes back to the allocator. Until then it stays whose it
 * is. In a shared one no free frame is anybody's to take, keeper or not.
 */
#pragma once

#include "mm/base/block.h"
#include "mm/base/port.h"

struct mm;

/* Blocks; with so many of them the machine is to be repaired. */
#define POISON_MAX 64u

struct poison {
    _Atomic unsigned nr; /* changes, as what follows, under alloc.lock */
    uint32_t block[POISON_MAX];
};

/*
 * m's block, from now on. ERR_EXIST: it was already; ERR_PERM: no block that
 * anybody is given: no memory, or the hypervisor's frames; ERR_NOSPC: there are
 * too many; ERR_BUSY: it is free, but promised, and leaves the machine only
 * when it comes back. No operation is under way.
 */
enum err poison_frame(struct mm *mm, mfn_t m);

/* Is the block poisoned? */
bool poison_has(const struct mm *mm, uint64_t b);
static inline bool poison_any(const struct poison *p)
{
    return atomic_load_explicit(&p->nr, memory_order_relaxed);
}

/* With alloc.lock held: b, in no map or cache, leaves the machine. */
void poison_retire(struct mm *mm, uint64_t b);
