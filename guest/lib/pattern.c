/* SPDX-License-Identifier: MIT */
/* pattern.c: one multiplication per frame, one addition per word. */
#include "guest/lib/pattern.h"

#define ODD   UINT64_C(0x9e3779b97f4a7c15)
#define STEP  (ODD >> 8 | 1)
#define WORDS (PAGE_SIZE / sizeof(uint64_t))

uint64_t pattern_seed = 1, pattern_sparse = 1;

static bool is_empty(pfn_t pfn)
{
    return pattern_sparse > 1 && pfn.v % pattern_sparse;
}

/* Never the same for two pfns: the multiplier is odd. */
static uint64_t first_word(pfn_t pfn)
{
    return is_empty(pfn) ? 0 : (pfn.v ^ pattern_seed << 40) * ODD;
}

static uint64_t step(pfn_t pfn)
{
    return is_empty(pfn) ? 0 : STEP;
}

uint64_t pattern_word(pfn_t pfn, unsigned n)
{
    return first_word(pfn) + n * step(pfn);
}

void pattern_fill(void *page, pfn_t pfn)
{
    uint64_t *p = page, w = first_word(pfn), add = step(pfn);
    for (unsigned i = 0; i < WORDS; i++, w += add)
        p[i] = w;
}

int pattern_check(const void *page, pfn_t pfn)
{
    const uint64_t *p = page;
    uint64_t w = first_word(pfn), add = step(pfn);
    for (unsigned i = 0; i < WORDS; i++, w += add)
        if (READ_ONCE(p[i]) != w)
            return (int)i;
    return -1;
}
