/* SPDX-License-Identifier: MIT */
/*
 * hoard.c: what a hostile guest would do for as much of the machine as can be
 * had with little memory: of each block one frame is enough to hold it. From
 * then on it sleeps, suspended, with what it has got.
 */
#include "guest/keep/keep.h"
#include "guest/lib/balloon_frames.h"
#include "guest/lib/suspend.h"

#define HOARD_PFN UINT64_C(0x100000) /* of nothing it maps */

/* Its own memory: all frames of its blocks but one each. */
static uint64_t thin_out(void)
{
    uint64_t kept = 0;
    for (unsigned b = 0; b < memory_blocks; b++) {
        static uint64_t list[BLOCK_FRAMES];
        pfn_t first = memory_block[b];
        REQUIRE(balloon_unmap(first));
        for (unsigned i = 1; i < BLOCK_FRAMES; i++)
            list[i - 1] = frame_mfn(pfn_of(first.v + i)).v;
        REQUIRE(balloon_reserve(XENMEM_decrease_reservation, list,
                                BLOCK_FRAMES - 1, 0) == BLOCK_FRAMES - 1);
        for (unsigned i = 1; i < BLOCK_FRAMES; i++)
            balloon_went(b, pfn_of(first.v + i));
        kept++;
    }
    return kept;
}

/* Runs of this order, of each of which it keeps a frame; how many it got. */
static uint64_t hollow(unsigned order)
{
    static uint64_t list[BLOCK_FRAMES], at;
    uint64_t n = 0;
    for (;; n++, at++) {
        uint64_t span = HOARD_PFN + at * BLOCK_FRAMES, rest = BIT(order) - 1;
        if (balloon_reserve(XENMEM_populate_physmap, &span, 1, order) != 1)
            return n;
        for (unsigned i = 0; i < rest; i++)
            list[i] = span + 1 + i;
        if (balloon_reserve(XENMEM_decrease_reservation, list, rest, 0) !=
            (int64_t)rest)
            report_end(REPORT_FAILURE, "giving back was refused");
    }
}

void hoard(void)
{
    uint64_t own = thin_out(), blocks = hollow(9), halves = hollow(8);
    printk("%s: holds %lu blocks of its own, %lu more, and %lu halves, by %ld "
           "pages\n",
           config.name, own, blocks, halves, leak_owned());
    REQUIRE(suspend() == 0);
}
