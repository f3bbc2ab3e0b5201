/* SPDX-License-Identifier: MIT */
/*
 * memory.c: from boot's memory map to the allocator.
 * Invariant: a frame is handed over at most once.
 */
#include "hv/arch/memory.h"

#include "hv/arch/cpu.h"
#include "hv/arch/early.h"
#include "hv/arch/layout.h"
#include "hv/arch/paging.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/base/string.h"

struct mm hv_mm;

static uint64_t fragment_reserve(void)
{
    if (options.fragment_reserve != OPT_RESERVE_AUTO)
        return options.fragment_reserve;
    return MAX(UINT64_C(2), (early_ram_bytes() >> BLOCK_SHIFT) / 64);
}

static void hand_over(maddr_t start, maddr_t end, void *ctx)
{
    (void)ctx;
    alloc_add(&hv_mm, mfn_of_maddr(start), (end.v - start.v) >> PAGE_SHIFT);
}

/*
 * Of an address, what every L1 data cache looks at that has the L1 terminal
 * fault: Xen found 44 bits on the oldest of them, however many CPUID says.
 */
#define L1D_BITS 44u

void memory_init(void)
{
    uint64_t frames = MIN(paging_m2p_frames(), HV_DIRECT_MAX >> PAGE_SHIFT);
    uint64_t size = alloc_metadata_size(frames);
    void *meta;

    early_lift_limit();
    meta = direct_of_maddr(early_alloc(size, PAGE_SIZE));
    hv_mm.direct = direct_of_maddr(maddr_of(0));
    hv_mm.m2p = (uint64_t *)HV_M2P_RW_VA;
    hv_mm.linear_pt = true;
    hv_mm.no_linear_l4 = options.isolate;
    hv_mm.pages_1g = cpu_features.page1g;
    hv_mm.cache_bits = MIN(cpu_features.phys_bits, L1D_BITS);
    memcpy(hv_mm.l4_hv, paging_l4_template, sizeof(hv_mm.l4_hv));
    alloc_init(&hv_mm, meta, frames, fragment_reserve());
    alloc_set_reuse(&hv_mm, options.reuse);
    early_finish(hand_over, NULL);
    log_debug("%lu whole blocks free, %lu of them kept for cutting, "
              "accounting %lu KiB",
              alloc_stats(&hv_mm).free, fragment_reserve(), size >> 10);
}

/* Whole blocks of it; what shares a block with others stays reserved. */
void memory_free_module(const struct bootinfo_module *m)
{
    uint64_t start = (m->start + BLOCK_SIZE - 1) & ~(BLOCK_SIZE - 1);
    uint64_t end = m->end & ~(BLOCK_SIZE - 1);

    if (start < end)
        hand_over(maddr_of(start), maddr_of(end), NULL);
}

bool memory_has_image(uint64_t block)
{
    const uint64_t last = maddr_of_image(hv_data_end).v - 1;

    return block >= HV_LOAD_PA / BLOCK_SIZE && block <= last / BLOCK_SIZE;
}
