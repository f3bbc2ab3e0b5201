/* SPDX-License-Identifier: MIT */
/*
 * window.c: the window is made of blocks, so that the same frames can be mapped
 * by entries of each size. What else maps them (the linear map) is not used.
 * One that may be wider than the memory there is shows the blocks of one
 * region, in their order, again and again, whatever the entries: a TLB knows a
 * page by its address, not by its frame.
 */
#include "guest/tlb/tlb.h"

#define MAX_BLOCKS 512u
#define MAX_WIDE   BIT(39) /* what one entry of level 4 maps */
#define SIZE_1G    BIT(30)
#define FRAMES_1G  (SIZE_1G >> PAGE_SHIFT)
#define MAX_MFNS   BIT(24) /* 64 GiB */

uint64_t window_bytes;

static enum window_form mapped_by;
static mfn_t region; /* 0: each block of the window is another */

/* Tables come from the frames of the first spans, which stay small. */
static uint64_t pool_end;

bool guest_large_map(pfn_t first)
{
    if (!pool_end)
        pool_end =
            first.v + BLOCK_FRAMES * (3 + window_tables() / BLOCK_FRAMES);
    return first.v >= pool_end;
}

const char *window_form_name(enum window_form form)
{
    static const char *const name[WINDOW_FORMS] = {"4k", "2m", "1g"};

    return name[form];
}

static maddr_t entry_of(uint64_t block, unsigned level)
{
    return pt_entry_maddr(pt_root(), WINDOW + block * BLOCK_SIZE, level);
}

static void set(maddr_t at, pte_t e)
{
    if (pt_update(at, e))
        report_end(REPORT_ERROR, "the window is not mapped");
}

static void map_small(uint64_t block, mfn_t m)
{
    const pfn_t table = frame_alloc();
    pte_t *e = frame_va(table);

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        e[i] = pte_make(mfn_add(m, i), PT_KERNEL_RW);
    frame_make_ro(table);
    set(entry_of(block, 2), pte_make(frame_mfn(table), PT_TABLE));
}

static mfn_t block_for(uint64_t b)
{
    pfn_t first;

    if (region.v)
        return mfn_add(region, b % REGION_BLOCKS * BLOCK_FRAMES);
    first = frame_block_alloc();
    if (first.v == PFN_NONE.v)
        report_end(REPORT_ERROR, "too little memory for the window");
    return frame_mfn(first);
}

static void map_blocks(uint64_t from, uint64_t to)
{
    for (uint64_t b = from; b < to; b++) {
        const mfn_t m = block_for(b);

        pt_make_tables(WINDOW + b * BLOCK_SIZE, 2);
        if (mapped_by == WINDOW_4K)
            map_small(b, m);
        else
            set(entry_of(b, 2), pte_make(m, PT_TABLE | PTE_PSE));
    }
}

/* --- a region that is all its own ----------------------------------------- */

static uint16_t have[MAX_MFNS / FRAMES_1G]; /* blocks, by region */

static bool completes(pfn_t first)
{
    const uint64_t m = frame_mfn(first).v;

    return m % BLOCK_FRAMES == 0 && m < MAX_MFNS &&
           ++have[m / FRAMES_1G] == REGION_BLOCKS;
}

/* From the top; those that the tables are to come from are left. */
static pfn_t next_block(void)
{
    const pfn_t first = frame_block_alloc();

    if (first.v == PFN_NONE.v || first.v >= pool_end)
        return first;
    frame_block_free(first);
    return PFN_NONE;
}

/* Free blocks, and those beyond the linear map. */
static mfn_t find_region(void)
{
    pfn_t first;

    while ((first = next_block()).v != PFN_NONE.v)
        if (completes(first))
            return mfn_of(frame_mfn(first).v & ~(FRAMES_1G - 1));
    for (uint64_t pfn = frame_count();
         pfn + BLOCK_FRAMES <= guest_start_info->nr_pages; pfn += BLOCK_FRAMES)
        if (completes(pfn_of(pfn)))
            return mfn_of(frame_mfn(pfn_of(pfn)).v & ~(FRAMES_1G - 1));
    return MFN_NONE;
}

static void take_region(void)
{
    region = find_region();
    if (region.v == MFN_NONE.v)
        report_end(REPORT_SKIP, "no region of 1 GiB is all mine");
}

static void map_regions(uint64_t from, uint64_t to)
{
    for (uint64_t g = from; g < to; g++) {
        pt_make_tables(WINDOW + g * SIZE_1G, 3);
        if (pt_update(entry_of(g * REGION_BLOCKS, 3),
                      pte_make(region, PT_TABLE | PTE_PSE)))
            report_end(REPORT_SKIP, "1 GiB entries are refused");
    }
}

void window_widen(uint64_t bytes)
{
    REQUIRE(bytes && !(bytes & (bytes - 1)) && bytes % BLOCK_SIZE == 0 &&
            bytes >= window_bytes && bytes <= MAX_WIDE &&
            (region.v || bytes / BLOCK_SIZE <= MAX_BLOCKS));
    if (mapped_by == WINDOW_1G)
        map_regions((window_bytes + SIZE_1G - 1) / SIZE_1G,
                    (bytes + SIZE_1G - 1) / SIZE_1G);
    else
        map_blocks(window_bytes / BLOCK_SIZE, bytes / BLOCK_SIZE);
    window_bytes = bytes;
}

void window_map(uint64_t bytes, enum window_form form, bool wide)
{
    mapped_by = form;
    if (form == WINDOW_1G || wide)
        take_region();
    window_widen(bytes);
}

uint64_t window_large(void)
{
    uint64_t n = 0;

    for (uint64_t at = 0; at < window_bytes; at += BLOCK_SIZE) {
        const pte_t *e = pt_entry(pt_root(), WINDOW + at, 2);

        n += e && pte_has(*e, PTE_P | PTE_PSE);
    }
    return n;
}
