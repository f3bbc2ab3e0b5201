/* SPDX-License-Identifier: MIT */
/*
 * look.h: looking things up the slow way, for tests: only through what mm/
 * offers to those that walk in order.
 */
#pragma once

#include "mm/alloc/range.h"
#include "mm/save/image.h"

/* The content of a pfn in canonical form; NULL: zeroes. */
static inline const void *look_content(const struct image *i, uint64_t pfn)
{
    uint64_t nr = image_nr(i, IMAGE_INDEX, sizeof(uint64_t));

    for (uint64_t n = 0; n < nr; n++)
        if (image_word(i, IMAGE_INDEX, n) == pfn)
            return image_indexed(i, n);
    return NULL;
}

static inline bool look_range(const struct mm_domain *d, pfn_t pfn,
                              struct range *out)
{
    for (uint64_t n = 0; range_nth(d, n, out); n++)
        if (out->pfn.v == pfn.v)
            return true;
    return false;
}
