/* SPDX-License-Identifier: MIT */
/* exchange.h: XENMEM_exchange. */
#pragma once

#include "hv/domain.h"
#include "xen/memory.h"

/* A limit on addresses that all memory keeps anyway is no limit. */
static inline bool exchange_bits_ok(const struct mm *mm, uint32_t mem_flags)
{
    unsigned bits = mem_flags & 0xff;

    return !bits || bits >= 64 || mm->nr_frames <= BIT(bits) >> PAGE_SHIFT;
}

long exchange(struct vcpu *v, uint64_t arg);
