/* SPDX-License-Identifier: MIT */
/* exchange.h: XENMEM_exchange. */
#pragma once

#include "hv/domain/domain.h"
#include "xen/memory.h"

/*
 * A limit on addresses that all memory keeps anyway is no limit; the one node
 * there is may be insisted on, another may only be preferred.
 */
static inline bool exchange_bits_ok(const struct mm *mm, uint32_t mem_flags)
{
    unsigned bits = mem_flags & 0xff;

    if ((mem_flags & XENMEMF_exact_node_request) && (mem_flags >> 8 & 0xff) > 1)
        return false;
    return !bits || bits >= 64 || mm->nr_frames <= BIT(bits) >> PAGE_SHIFT;
}

long exchange(struct vcpu *v, uint64_t arg);
