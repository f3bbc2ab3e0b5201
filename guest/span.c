/* SPDX-License-Identifier: MIT */
/*
 * span: what a balloon does to the blocks of a guest that is shown large pages
 * (pse=): frame by frame it gives some back wholly and others in part, takes
 * all of it again in another order, and can map each by a large entry as
 * before. Who is not shown large pages is not promised that.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "span";

#define WINDOW UINT64_C(0xffffc00000000000)
#define LARGE  (PT_TABLE | PTE_PSE)
#define GONE   4u /* blocks of which all frames go */
#define BLOCKS 10u
#define FRAMES (BLOCKS * BLOCK_FRAMES)
#define BATCH  150u

static pfn_t block[BLOCKS];
static bool out[FRAMES];

static pfn_t page(unsigned n)
{
    return pfn_of(block[n / BLOCK_FRAMES].v + n % BLOCK_FRAMES);
}

static uint64_t *word(unsigned n)
{
    return frame_va(page(n));
}

static bool large_pages_are_shown(void)
{
    return cpuid(1, 0).d >> 3 & 1;
}

/* All of the first blocks, and of the others one in three. */
static bool goes(unsigned n)
{
    return n / BLOCK_FRAMES < GONE || n % 3 == 0;
}

static void give_back(unsigned n)
{
    uint64_t mfn = frame_mfn(page(n)).v;
    frame_unmap(page(n));
    CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &mfn, 1, 0), 1);
    out[n] = true;
}

static void take(const unsigned *n, unsigned count)
{
    uint64_t list[BATCH];
    for (unsigned i = 0; i < count; i++)
        list[i] = page(n[i]).v;
    CHECK_EQ(leak_reserve(XENMEM_populate_physmap, list, count, 0), count);
    for (unsigned i = 0; i < count; i++) {
        CHECK_EQ(frame_pfn(mfn_of(list[i])).v, page(n[i]).v);
        frame_set_mfn(page(n[i]), mfn_of(list[i]));
        frame_make_rw(page(n[i]));
        *word(n[i]) = n[i];
        out[n[i]] = false;
    }
}

/* In steps that meet all of them: the numbers have no divisor in common. */
static void balloon_out(void)
{
    for (unsigned i = 0, n = 0; i < FRAMES; i++, n = (n + 1777) % FRAMES)
        if (goes(n))
            give_back(n);
}

static void balloon_in(void)
{
    unsigned some[BATCH], count = 0;
    for (unsigned i = 0, n = 0; i < FRAMES; i++, n = (n + 3089) % FRAMES) {
        if (out[n])
            some[count++] = n;
        if (count == BATCH || i == FRAMES - 1) {
            take(some, count);
            count = 0;
        }
    }
}

static int64_t map_large(unsigned b)
{
    return pt_update(pt_entry_maddr(pt_root(), WINDOW, 2),
                     pte_make(frame_mfn(block[b]), LARGE));
}

static void unmap_large(void)
{
    CHECK_EQ(pt_update(pt_entry_maddr(pt_root(), WINDOW, 2), pte_of(0)), 0);
    CHECK_EQ(pt_op_addr(MMUEXT_INVLPG_LOCAL, WINDOW), 0);
}

static void check_whole(unsigned b)
{
    const mfn_t first = frame_mfn(block[b]);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        CHECK_EQ(frame_mfn(pfn_of(block[b].v + i)).v, first.v + i);
    if (map_large(b)) {
        report(REPORT_FAILURE, "block %u is not mapped by one entry", b);
        return;
    }
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        CHECK_EQ(*(volatile uint64_t *)(WINDOW + i * PAGE_SIZE),
                 b * BLOCK_FRAMES + i);
    unmap_large();
}

static void setup(void)
{
    for (unsigned b = 0; b < BLOCKS; b++) {
        block[b] = frame_block_alloc();
        REQUIRE(block[b].v != PFN_NONE.v);
    }
    for (unsigned n = 0; n < FRAMES; n++)
        *word(n) = n;
    pt_make_tables(WINDOW, 2);
}

static void test_balloon(bool shown)
{
    for (unsigned round = 0; round < 2; round++) {
        report_context("round %u", round);
        balloon_out();
        balloon_in();
        for (unsigned n = 0; n < FRAMES; n++)
            CHECK_EQ(*word(n), n);
        for (unsigned b = 0; b < BLOCKS && shown; b++)
            check_whole(b);
    }
}

void guest_main(void)
{
    const bool shown = guest_flagstone && large_pages_are_shown();
    setup();
    test_balloon(shown);
    for (unsigned b = 0; b < BLOCKS; b++)
        frame_block_free(block[b]);
}
