/* SPDX-License-Identifier: MIT */
/*
 * m2p.h: the machine-to-physical table: written by us, writable by guests for
 * their own frames, believed by nobody (XSA-251).
 */
#pragma once

#include <string.h>

#include "mm/alloc/mm.h"

#define M2P_INVALID (~UINT64_C(0))
_Static_assert((uint8_t)M2P_INVALID == 0xff && M2P_INVALID + 1 == 0,
               "m2p_clear() may set bytes");

static inline void m2p_set(struct mm *mm, mfn_t m, pfn_t pfn, uint64_t count)
{
    uint64_t *at = mm->m2p + m.v;

#pragma GCC unroll 8
    for (uint64_t i = 0; i < count; i++)
        at[i] = pfn.v + i;
}

/* A whole block: no instruction but two for each entry, and few more. */
static inline void m2p_set_block(struct mm *mm, mfn_t m, pfn_t pfn)
{
    uint64_t *at = mm->m2p + m.v;

#pragma GCC unroll 64
    for (uint64_t i = 0; i < BLOCK_FRAMES; i++)
        at[i] = pfn.v + i;
}

static inline void m2p_clear(struct mm *mm, mfn_t m, uint64_t count)
{
    if (count == 1)
        mm->m2p[m.v] = M2P_INVALID;
    else
        memset(mm->m2p + m.v, 0xff, count * sizeof(*mm->m2p));
}
