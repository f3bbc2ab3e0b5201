/* SPDX-License-Identifier: MIT */
/*
 * window.c: the window is made of blocks, so that the same frames can be mapped
 * by entries of each size. What else maps them (the linear map) is not used.
 */
#include "guest/tlb/tlb.h"

#define MAX_BLOCKS 512u
#define FRAMES_1G  (BIT(30) >> PAGE_SHIFT)
#define MAX_MFNS   BIT(24) /* 64 GiB */

uint64_t window_bytes;

/* Tables come from the frames of the first spans, which stay small. */
bool guest_large_map(pfn_t first)
{
    static uint64_t pool_end;

    if (!pool_end)
        pool_end = first.v + 2 * BLOCK_FRAMES;
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

static void map_blocks(uint64_t blocks, enum window_form form)
{
    for (uint64_t b = 0; b < blocks; b++) {
        const pfn_t first = frame_block_alloc();

        if (first.v == PFN_NONE.v)
            report_end(REPORT_ERROR, "too little memory for the window");
        pt_make_tables(WINDOW + b * BLOCK_SIZE, 2);
        if (form == WINDOW_4K)
            map_small(b, frame_mfn(first));
        else
            set(entry_of(b, 2), pte_make(frame_mfn(first), PT_TABLE | PTE_PSE));
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

/* Free blocks, and those beyond the linear map. */
static mfn_t find_region(void)
{
    pfn_t first;

    while ((first = frame_block_alloc()).v != PFN_NONE.v)
        if (completes(first))
            return mfn_of(frame_mfn(first).v & ~(FRAMES_1G - 1));
    for (uint64_t pfn = frame_count();
         pfn + BLOCK_FRAMES <= guest_start_info->nr_pages; pfn += BLOCK_FRAMES)
        if (completes(pfn_of(pfn)))
            return mfn_of(frame_mfn(pfn_of(pfn)).v & ~(FRAMES_1G - 1));
    return MFN_NONE;
}

static void map_region(void)
{
    const mfn_t base = find_region();

    if (base.v == MFN_NONE.v)
        report_end(REPORT_SKIP, "no region of 1 GiB is all mine");
    pt_make_tables(WINDOW, 3);
    if (pt_update(entry_of(0, 3), pte_make(base, PT_TABLE | PTE_PSE)))
        report_end(REPORT_SKIP, "1 GiB entries are refused");
}

void window_map(uint64_t bytes, enum window_form form)
{
    REQUIRE(bytes && !(bytes & (bytes - 1)) && bytes % BLOCK_SIZE == 0 &&
            bytes / BLOCK_SIZE <= MAX_BLOCKS);
    window_bytes = bytes;
    if (form == WINDOW_1G)
        map_region();
    else
        map_blocks(bytes / BLOCK_SIZE, form);
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
