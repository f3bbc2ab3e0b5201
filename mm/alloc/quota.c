/* SPDX-License-Identifier: MIT */
/* quota.c: see quota.h. */
#include "mm/alloc/quota.h"

/*
 * All shares together are the reserve and one block for each domain. A domain
 * may be promised more than the machine has: nobody's share is more than all.
 */
uint64_t quota_reserve(const struct mm_domain *d)
{
    const struct alloc *a = &d->mm->alloc;
    uint64_t blocks = MIN(quota_maxmem(d->max_pages), a->total_blocks);

    if (a->total_blocks == 0)
        return 0;
    return READ_ONCE(a->reserve) * blocks / a->total_blocks + 1;
}
