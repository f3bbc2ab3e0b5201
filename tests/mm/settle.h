/* SPDX-License-Identifier: MIT */
/*
 * settle.h: the allocator's caches emptied into its region maps, for who wants
 * to see all of it in the maps.
 */
#pragma once

#include "mm/alloc/mm.h"

static inline void settle(struct mm *mm)
{
    spin_lock(&mm->alloc.lock);
    alloc_settle_held(mm);
    spin_unlock(&mm->alloc.lock);
}
