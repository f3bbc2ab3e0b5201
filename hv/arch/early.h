/* SPDX-License-Identifier: MIT */
/* early.h: memory before mm/ exists. */
#pragma once

#include "base.h"
#include "boot/bootinfo.h"

/*
 * Takes in the RAM of bi, all of it below HV_DIRECT_MAX, that is neither low
 * memory, image, nor module.
 */
void early_init(const struct bootinfo *bi);

/*
 * Zeroed memory from the lowest place that fits, for ever; align is a power
 * of two. Panics when there is none: nothing could go on. Until paging_init()
 * has run it stays below HV_BOOT_LIMIT, where the boot tables reach.
 */
maddr_t early_alloc(uint64_t size, uint64_t align);
void *early_alloc_page(void);

/* Now all RAM in the direct map may be handed out. */
void early_lift_limit(void);

/*
 * Closes the allocator and calls free_range for each page-aligned range that
 * is left, in ascending order: from here on they belong to mm/. What reserve=
 * on the command line asks for is left out.
 */
void early_finish(void (*free_range)(maddr_t start, maddr_t end, void *ctx),
                  void *ctx);

/* Where RAM ends, and how much of it there is (within the direct map). */
maddr_t early_ram_end(void);
uint64_t early_ram_bytes(void);
