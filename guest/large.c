/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * large: a guest whose own linear map is made of 2 MiB entries. It writes to
 * all of its memory through them, turns one block into page tables and back,
 * and says what the hypervisor spends on keeping account of it. Where 2 MiB
 * entries are refused the map falls back to 4 KiB, and it says that.
 *
 * Command line: expect=large or expect=small makes the other a failure; else
 * Flagstone is expected to accept and Xen to refuse.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "large";

bool guest_large_map(pfn_t first)
{
    (void)first;
    return true;
}

static volatile uint64_t *words(pfn_t block, unsigned frame)
{
    return frame_va(pfn_of(block.v + frame));
}

static uint64_t pattern(pfn_t block, unsigned frame)
{
    return (block.v + frame) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Every frame of every free block, written, then read back. */
static unsigned use_all_blocks(void)
{
    static pfn_t blocks[1024];
    unsigned n = 0;

    report_context("use");
    while (n < ARRAY_SIZE(blocks) &&
           (blocks[n] = frame_block_alloc()).v != PFN_NONE.v)
        n++;
    for (unsigned b = 0; b < n; b++)
        for (unsigned f = 0; f < BLOCK_FRAMES; f++)
            *words(blocks[b], f) = pattern(blocks[b], f);
    for (unsigned b = 0; b < n; b++)
        for (unsigned f = 0; f < BLOCK_FRAMES; f++)
            REQUIRE(*words(blocks[b], f) == pattern(blocks[b], f));
    for (unsigned b = 0; b < n; b++)
        frame_block_free(blocks[b]);
    return n;
}

/* A mapped superpage is no page table; unmapped it may become one. */
static void block_becomes_table_and_back(void)
{
    pfn_t block = frame_block_alloc();
    uint64_t va = (uint64_t)frame_va(block);
    mfn_t m = frame_mfn(block);
    pte_t entry = *pt_entry(pt_root(), va, 2);
    maddr_t at = pt_entry_maddr(pt_root(), va, 2);

    report_context("table and back");
    memset(frame_va(block), 0, PAGE_SIZE);
    CHECK_EQ(pt_op(MMUEXT_PIN_L1_TABLE, m), -XEN_EINVAL);
    REQUIRE(pt_update(at, pte_of(0)) == 0);
    CHECK_EQ(pt_op(MMUEXT_PIN_L1_TABLE, m), 0);
    CHECK_EQ(pt_update(at, entry), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_UNPIN_TABLE, m), 0);
    REQUIRE(pt_update(at, entry) == 0);
    *words(block, 5) = 55;
    CHECK_EQ(*words(block, 5), 55);
    frame_block_free(block);
}

static void print_accounting(void)
{
    struct flagstone_stats s;

    if (hc_flagstone_op(FLAGSTONE_OP_stats, &s))
        return;
    printk("%lu MiB, %lu superpage mappings, %lu bytes of accounting: %lu per "
           "GiB\n",
           s.tot_pages >> 8, s.superpage_maps, s.accounting_bytes,
           s.accounting_bytes * (1 << 18) / s.tot_pages);
    printk("@{\"large\":{\"pages\":%lu,\"superpage_maps\":%lu,\"accounting_"
           "bytes\":%lu}}\n",
           s.tot_pages, s.superpage_maps, s.accounting_bytes);
    CHECK_EQ(s.superpage_maps, frame_large_blocks());
}

void guest_main(void)
{
    uint64_t n = frame_large_blocks();
    bool wanted = cmdline_is("expect", "large") ||
                  (guest_flagstone && !cmdline_is("expect", "small"));

    printk("%lu blocks of %lu mapped by one entry each\n", n,
           frame_count() / BLOCK_FRAMES);
    CHECK_EQ(n > 0, wanted);
    CHECK_EQ(use_all_blocks() > 0, true);
    if (n)
        block_becomes_table_and_back();
    if (guest_flagstone)
        print_accounting();
}
