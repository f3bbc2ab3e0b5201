/* SPDX-License-Identifier: MIT */
/*
 * heal.h: collapses a span of 512 pfns into large entries in every address
 * space: joined where it lies in a whole block, else copied into one by the
 * hypervisor.
 */
#pragma once

#include "base.h"

/*
 * No pfn of the span is a hole. 0: one entry maps it everywhere; -ENOMEM: no
 * block is free; -ENOSYS; other errors. What was mapped stays mapped.
 */
int64_t heal_block(pfn_t first);
