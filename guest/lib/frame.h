/* SPDX-License-Identifier: MIT */
/*
 * frame.h: the guest's own memory. Every pfn is mapped at one linear address,
 * frame_va(); frames the boot image does not use are given out here, singly or
 * as aligned spans of 512. All are writable when given out and must be when
 * they come back.
 */
#pragma once

#include "base.h"
#include "pte.h"

#define GUEST_VIRT_BASE UINT64_C(0xffffffff80000000)

void frame_early_init(void);
void frame_init(uint64_t boot_sp);

mfn_t frame_mfn(pfn_t pfn);             /* through the p2m */
void frame_set_mfn(pfn_t pfn, mfn_t m); /* MFN_NONE: a hole */
/* 512 from `first` on: the block from m on, or holes. */
void frame_set_block(pfn_t first, mfn_t m);
pfn_t frame_pfn(mfn_t mfn); /* through the m2p */
void *frame_va(pfn_t pfn);
pfn_t frame_pfn_of_va(const void *va); /* of a linear address */

pfn_t frame_alloc(void);     /* zeroed; the guest ends if none */
pfn_t frame_try_alloc(void); /* as that, but PFN_NONE if none */
void frame_free(pfn_t pfn);
/* 512 frames, the first pfn a multiple of 512; PFN_NONE if there is none. */
pfn_t frame_block_alloc(void);
void frame_block_free(pfn_t pfn);
/*
 * guest_large_map(): false unless the guest has one of its own, which says of
 * each span of 512 pfns whether frame_va() is to go through a 2 MiB entry there
 * if it is to be had; what such an entry maps is given out by
 * frame_block_alloc() only.
 */
bool guest_large_map(pfn_t first);
uint64_t frame_large_blocks(void);
uint64_t frame_available(void);
uint64_t frame_count(void); /* pfns the guest was started with */

/* Change the linear mapping of one frame; a hypercall, must succeed. */
void frame_make_ro(pfn_t pfn);
void frame_make_rw(pfn_t pfn);
void frame_unmap(pfn_t pfn);
