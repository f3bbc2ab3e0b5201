/* SPDX-License-Identifier: MIT */
/*
 * pages.c: one block by 512 entries of 4 KiB and by one of 2 MiB, a region by
 * 2 MiB and by one entry of 1 GiB: what is written through one size is read
 * through the other.
 */
#include "guest/selfcheck/selfcheck.h"

#define SMALL  WINDOW(1)
#define LARGE  WINDOW(2)
#define HUGE   WINDOW(3)
#define PRIME  UINT64_C(0x100000001b3)
#define GB_BIT BIT(26) /* CPUID 80000001h, EDX */

static uint64_t differences;

/* In each page of a block one word, not at the same place. */
static volatile uint64_t *word(uint64_t va, uint64_t page)
{
    return (volatile uint64_t *)(va + page * PAGE_SIZE + page % PT_ENTRIES * 8);
}

static void write_block(uint64_t va, uint64_t seed)
{
    for (uint64_t i = 0; i < BLOCK_FRAMES; i++)
        *word(va, i) = seed + i * PRIME;
}

static void compare_block(uint64_t va, uint64_t seed)
{
    for (uint64_t i = 0; i < BLOCK_FRAMES; i++)
        differences += *word(va, i) != seed + i * PRIME;
}

static bool map_small(mfn_t m)
{
    const uint64_t astray = fault_is("page-size");
    for (uint64_t i = 0; i < BLOCK_FRAMES; i++)
        if (pt_map(SMALL + i * PAGE_SIZE, mfn_add(m, i ^ astray), PT_KERNEL_RW))
            return false;
    return true;
}

static void unmap_small(void)
{
    for (uint64_t i = 0; i < BLOCK_FRAMES; i++)
        (void)pt_unmap(SMALL + i * PAGE_SIZE);
}

static void both_ways(uint64_t one, uint64_t other, uint64_t seed)
{
    write_block(one, seed);
    compare_block(other, seed);
    write_block(other, ~seed);
    compare_block(one, ~seed);
}

/* Every 2 MiB of the region, at HUGE, by 2 MiB and by 1 GiB. */
static bool try_region(mfn_t m)
{
    bool ok = true;
    if (window_map(HUGE, 3, m))
        return false;
    for (uint64_t b = 0; ok && b < PT_ENTRIES; b++) {
        const uint64_t va = HUGE + b * BLOCK_SIZE;
        ok = !window_map(LARGE, 2, mfn_add(m, b * BLOCK_FRAMES));
        if (ok && b % 64)
            *word(va, b) = b * PRIME,
                      differences += *word(LARGE, b) != b * PRIME;
        else if (ok)
            both_ways(va, LARGE, b);
    }
    (void)window_unmap(HUGE, 3);
    return ok;
}

/* Why there is no 1 GiB in it; NULL: there is. */
static const char *check_region(void)
{
    const mfn_t m = memory_region();
    if (!(processor_native(0x80000001, 0).d & GB_BIT))
        return "the processor has no 1G";
    if (m.v == MFN_NONE.v)
        return "no whole 1G is free";
    return try_region(m) ? NULL : "1G is refused";
}

static pfn_t own; /* a block of the pool, if none is held */

static mfn_t some_block(void)
{
    if (memory_held())
        return memory_nth(0);
    own = frame_block_alloc();
    if (own.v == PFN_NONE.v)
        return MFN_NONE;
    for (uint64_t i = 1; i < BLOCK_FRAMES; i++)
        if (frame_mfn(pfn_of(own.v + i)).v != frame_mfn(own).v + i)
            return MFN_NONE;
    return frame_mfn(own);
}

void check_pages(struct finding *f)
{
    const mfn_t m = some_block();
    const char *without;
    if (m.v % BLOCK_FRAMES || window_map(LARGE, 2, m)) {
        found(f, VERDICT_NONE, "2M is refused, or no whole block is there");
        return;
    }
    if (!map_small(m)) {
        found(f, VERDICT_FAIL, "a page of a block is refused");
        return;
    }
    both_ways(SMALL, LARGE, m.v);
    unmap_small();
    without = check_region();
    (void)window_unmap(LARGE, 2);
    if (own.v)
        frame_block_free(own);
    if (differences)
        found(f, VERDICT_FAIL, "%lu words differ between sizes", differences);
    else if (without)
        found(f, VERDICT_PASS, "4K and 2M read through each other; %s",
              without);
    else
        found(f, VERDICT_PASS, "4K, 2M and 1G read through each other");
}
