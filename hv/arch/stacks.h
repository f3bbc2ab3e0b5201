/* SPDX-License-Identifier: MIT */
/*
 * stacks.h: the stacks of a CPU, in one piece: the one all work is done on, and
 * one for each kind of entry that may not share. Below each is a page that is
 * not mapped. The boot CPU's are in hv/arch/stacks.asm, in this order.
 */
#pragma once

#include "hv/arch/cpu.h"

enum {
    STACKS_MAIN = 4, /* pages of each, as in stacks.asm */
    STACKS_IST = 2,
    STACKS_PAGES = 1 + STACKS_MAIN + (IST_COUNT - 1) * (1 + STACKS_IST),
};
#define STACKS_SIZE ((uint64_t)STACKS_PAGES * PAGE_SIZE)

/* Of the pages from the lowest up: is it one of those below a stack? */
static inline bool stacks_is_guard(unsigned page)
{
    return page == 0 || (page > STACKS_MAIN &&
                         (page - 1 - STACKS_MAIN) % (1 + STACKS_IST) == 0);
}

/* Where the stacks end that begin at base. */
static inline uint64_t stacks_top(uint64_t base)
{
    return base + (1 + STACKS_MAIN) * PAGE_SIZE;
}
static inline uint64_t stacks_ist_top(uint64_t base, enum cpu_ist i)
{
    return stacks_top(base) + (uint64_t)i * (1 + STACKS_IST) * PAGE_SIZE;
}
