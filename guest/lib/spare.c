/* SPDX-License-Identifier: MIT */
/* spare.c: a list through the first words of the frames themselves. */
#include "guest/lib/spare.h"

#include "guest/lib/frame.h"

static pfn_t first = {~UINT64_C(0)};
static uint64_t count;

uint64_t spare_count(void)
{
    return count;
}

void spare_put(pfn_t pfn)
{
    *(uint64_t *)frame_va(pfn) = first.v;
    first = pfn;
    count++;
}

pfn_t spare_get(void)
{
    pfn_t pfn = first;
    if (pfn.v != PFN_NONE.v) {
        first.v = *(const uint64_t *)frame_va(pfn);
        count--;
    }
    return pfn;
}

bool spare_add(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        pfn_t pfn = frame_try_alloc();
        if (pfn.v == PFN_NONE.v)
            return false;
        spare_put(pfn);
    }
    return true;
}
