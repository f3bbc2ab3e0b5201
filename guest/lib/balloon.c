/* SPDX-License-Identifier: MIT */
/*
 * balloon.c: blocks. What is single frames is in balloon_frames.c.
 */
#include "guest/lib/balloon.h"

#include "guest/lib/balloon_frames.h"
#include "guest/lib/guest.h"
#include "guest/lib/space.h"

#define BLOCK_ORDER (BLOCK_SHIFT - PAGE_SHIFT)

struct balloon balloon;

void balloon_init(const pfn_t *blocks, unsigned nr, balloon_filled_t *filled)
{
    ASSERT(nr <= BALLOON_BLOCKS_MAX);
    balloon = (struct balloon){.block = blocks, .nr = nr, .filled = filled};
    for (uint64_t pfn = 0; pfn < frame_count(); pfn++)
        balloon.pages += frame_mfn(pfn_of(pfn)).v != MFN_NONE.v;
    for (unsigned b = 0; b < nr; b++)
        for (unsigned i = 0; i < BLOCK_FRAMES; i++)
            if (frame_mfn(pfn_of(blocks[b].v + i)).v == MFN_NONE.v)
                balloon.holes[b]++;
}

uint64_t balloon_pages(void)
{
    return balloon.pages;
}

unsigned balloon_holes(unsigned nth)
{
    return balloon.holes[nth];
}

int64_t balloon_reserve(enum xen_memory_cmd cmd, uint64_t *list, uint64_t nr,
                        unsigned order)
{
    struct xen_memory_reservation r = {(guest_ptr_t)list, nr, order, 0,
                                       DOMID_SELF};
    space_calls++;
    return hc_memory_op(cmd, &r);
}

void balloon_went(unsigned b, pfn_t pfn)
{
    frame_set_mfn(pfn, MFN_NONE);
    balloon.holes[b]++;
    balloon.pages--;
}

void balloon_came(unsigned b, pfn_t pfn, mfn_t m)
{
    frame_set_mfn(pfn, m);
    balloon.holes[b]--;
    balloon.pages++;
}

void balloon_map(pfn_t first)
{
    for (unsigned i = 0; i < space_count(); i++)
        if (space_form(space_nth(i), first) == SPACE_NONE &&
            !space_map(space_nth(i), first))
            report(REPORT_FAILURE, "a block of the guest's is not mapped");
}

bool balloon_unmap(pfn_t first)
{
    for (unsigned i = 0; i < space_count(); i++)
        if (space_form(space_nth(i), first) != SPACE_NONE &&
            !space_unmap(space_nth(i), first))
            return false;
    return true;
}

/* What there is of it, one by one. */
static bool singles_out(unsigned b)
{
    static uint64_t list[BLOCK_FRAMES];
    pfn_t pfn[BLOCK_FRAMES];
    uint64_t n = 0;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        pfn[n] = pfn_of(balloon.block[b].v + i);
        list[n] = frame_mfn(pfn[n]).v;
        n += list[n] != MFN_NONE.v;
    }
    int64_t done = balloon_reserve(XENMEM_decrease_reservation, list, n, 0);
    for (int64_t i = 0; i < done; i++)
        balloon_went(b, pfn[i]);
    return done == (int64_t)n;
}

static bool block_out(unsigned b)
{
    pfn_t first = balloon.block[b];
    bool whole = !balloon.holes[b] && space_is_block(first);
    uint64_t m = frame_mfn(first).v;
    if (!balloon_unmap(first)) {
        balloon_map(first);
        return false;
    }
    if (whole &&
        balloon_reserve(XENMEM_decrease_reservation, &m, 1, BLOCK_ORDER) == 1)
        for (unsigned i = 0; i < BLOCK_FRAMES; i++)
            balloon_went(b, pfn_of(first.v + i));
    else if (!singles_out(b))
        balloon_map(first);
    return balloon.holes[b] == BLOCK_FRAMES;
}

static uint64_t singles_in(unsigned b)
{
    static uint64_t list[BLOCK_FRAMES];
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        list[i] = balloon.block[b].v + i;
    int64_t done =
        balloon_reserve(XENMEM_populate_physmap, list, BLOCK_FRAMES, 0);
    for (int64_t i = 0; i < done; i++)
        balloon_came(b, pfn_of(balloon.block[b].v + (uint64_t)i),
                     mfn_of(list[i]));
    return done > 0 ? (uint64_t)done : 0;
}

static bool block_in(unsigned b)
{
    pfn_t first = balloon.block[b];
    uint64_t list = first.v, got = BLOCK_FRAMES;
    if (!balloon_unmap(first)) /* tables that map nothing, perhaps */
        return false;
    if (balloon_reserve(XENMEM_populate_physmap, &list, 1, BLOCK_ORDER) == 1)
        for (unsigned i = 0; i < BLOCK_FRAMES; i++)
            balloon_came(b, pfn_of(first.v + i), mfn_of(list + i));
    else
        got = singles_in(b);
    if (!got)
        return false;
    balloon_map(first);
    for (uint64_t i = 0; i < got; i++)
        balloon.filled(pfn_of(first.v + i));
    return got == BLOCK_FRAMES;
}

/* From the top, where single frames are given out last. */
static bool blocks_to(uint64_t pages, struct balloon_result *r)
{
    for (unsigned b = balloon.nr; b-- > 0;) {
        if (balloon.pages >= pages + BLOCK_FRAMES &&
            balloon.holes[b] < BLOCK_FRAMES) {
            if (!block_out(b))
                return false;
            r->blocks++;
        } else if (balloon.pages + BLOCK_FRAMES <= pages &&
                   balloon.holes[b] == BLOCK_FRAMES) {
            if (!block_in(b))
                return false;
            r->blocks++;
        }
    }
    /* What is left of holes is in spans that are not all holes. */
    if (balloon.pages + BLOCK_FRAMES <= pages)
        return balloon_frames_to(pages);
    return balloon.pages < pages + BLOCK_FRAMES;
}

bool balloon_to(uint64_t pages, enum balloon_grain grain,
                struct balloon_result *r)
{
    uint64_t calls = space_calls, start = tsc_read();
    uint64_t before = balloon.pages;
    *r = (struct balloon_result){0};
    bool ok = grain == BALLOON_BLOCKS ? blocks_to(pages, r)
                                      : balloon_frames_to(pages);
    r->ticks = tsc_read() - start;
    r->calls = space_calls - calls;
    r->frames = before > balloon.pages ? before - balloon.pages
                                       : balloon.pages - before;
    return ok;
}

int64_t balloon_compact(struct balloon_result *r)
{
    uint64_t calls = space_calls, start = tsc_read();
    *r = (struct balloon_result){0};
    int64_t rc = balloon_frames_compact(&r->frames);
    r->ticks = tsc_read() - start;
    r->calls = space_calls - calls;
    return rc;
}
