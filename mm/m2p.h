/* SPDX-License-Identifier: MIT */
/*
 * m2p.h: the machine-to-physical table: written by us, writable by guests for
 * their own frames, believed by nobody (XSA-251).
 */
#pragma once

#include "mm/mm.h"

#define M2P_INVALID (~UINT64_C(0))

static inline void m2p_set(struct mm *mm, mfn_t m, pfn_t pfn, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        mm->m2p[m.v + i] = pfn.v + i;
}

static inline void m2p_clear(struct mm *mm, mfn_t m, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        mm->m2p[m.v + i] = M2P_INVALID;
}
