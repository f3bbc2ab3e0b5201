/* SPDX-License-Identifier: MIT */
/*
 * balloon_frames.c: single frames, in batches: one hypercall for the page
 * tables of all spaces, one for the reservation. The frames that go are spread
 * over all blocks, as those of a driver are that takes what happens to be
 * free: this is the case that is bad for superpages.
 */
#include "guest/lib/balloon_frames.h"

#include "guest/lib/guest.h"
#include "guest/lib/space.h"

#define BATCH  64u
#define STRIDE 37u /* odd: every frame of a block once in 512 steps */

static struct {
    unsigned b;
    pfn_t pfn;
} batch[BATCH];
static unsigned nr;
static uint64_t list[BATCH];
static struct mmu_update update[BATCH * SPACES_MAX];

/* How far the order of spreading has been gone through: frames before it are
 * what they are to be. */
static uint64_t position;

static void add(unsigned b, pfn_t pfn, bool holes)
{
    bool is_hole = frame_mfn(pfn).v == MFN_NONE.v;
    if (is_hole != holes)
        return;
    batch[nr].b = b;
    batch[nr++].pfn = pfn;
}

/* The next frames in that order that are holes, or are not. */
static void collect(bool holes, uint64_t max)
{
    uint64_t end = (uint64_t)balloon.nr * BLOCK_FRAMES;
    for (nr = 0; position < end && nr < MIN(BATCH, max); position++) {
        unsigned b = (unsigned)(position % balloon.nr);
        uint64_t step = position / balloon.nr;
        add(b, pfn_of(balloon.block[b].v + step * STRIDE % BLOCK_FRAMES),
            holes);
    }
}

/* By a table, in all spaces; false: there is no table left. */
static bool make_small(pfn_t first)
{
    for (unsigned i = 0; i < space_count(); i++) {
        const struct space *s = space_nth(i);
        enum space_form form = space_form(s, first);
        if (form == SPACE_LARGE && space_split(s, first))
            return false;
        if ((form == SPACE_NONE || form == SPACE_REMAP) && !space_map(s, first))
            return false;
    }
    return true;
}

/* A supplied table is the same one in all spaces: it permits everything. */
static struct mmu_update entry_for(const struct space *s, pfn_t pfn,
                                   bool present)
{
    pfn_t first = pfn_of(pfn.v - pfn.v % BLOCK_FRAMES);
    uint64_t flags =
        space_form(s, first) == SPACE_SUPPLIED ? PT_KERNEL_RW : s->flags;
    pte_t e = present ? pte_make(frame_mfn(pfn), space_small_flags(flags))
                      : pte_of(0);
    return (struct mmu_update){space_small_entry(s, pfn).v, e.v};
}

/* The entries of the batch in the spaces from `from` on. */
static bool set_entries(unsigned from, bool present)
{
    unsigned n = 0;
    for (unsigned s = from; s < space_count(); s++)
        for (unsigned i = 0; i < nr; i++)
            update[n++] = entry_for(space_nth(s), batch[i].pfn, present);
    if (!n)
        return true;
    space_calls++;
    return !hc_mmu_update(update, n, NULL, DOMID_SELF);
}

static bool batch_small(void)
{
    for (unsigned i = 0; i < nr; i++)
        if (!make_small(balloon.block[batch[i].b]))
            return false;
    return true;
}

static bool frames_out(void)
{
    if (!batch_small() || !set_entries(0, false))
        return false;
    for (unsigned i = 0; i < nr; i++)
        list[i] = frame_mfn(batch[i].pfn).v;
    int64_t done = balloon_reserve(XENMEM_decrease_reservation, list, nr, 0);
    for (int64_t i = 0; i < done; i++)
        balloon_went(batch[i].b, batch[i].pfn);
    return done == nr;
}

static bool frames_in(void)
{
    unsigned wanted = nr;
    for (unsigned i = 0; i < nr; i++)
        list[i] = batch[i].pfn.v;
    int64_t done = balloon_reserve(XENMEM_populate_physmap, list, nr, 0);
    if (done <= 0)
        return false;
    nr = (unsigned)done;
    for (unsigned i = 0; i < nr; i++)
        balloon_came(batch[i].b, batch[i].pfn, mfn_of(list[i]));
    if (!batch_small() || !set_entries(0, true)) {
        report(REPORT_FAILURE, "frames of the guest's are not mapped");
        return false;
    }
    for (unsigned i = 0; i < nr; i++)
        balloon.filled(batch[i].pfn);
    return nr == wanted;
}

bool balloon_frames_to(uint64_t pages)
{
    position = 0;
    while (balloon.pages != pages) {
        bool out = balloon.pages > pages;
        collect(!out, out ? balloon.pages - pages : pages - balloon.pages);
        if (!nr || !(out ? frames_out() : frames_in()))
            return false;
    }
    return true;
}

/* --- moving them together ------------------------------------------------ */

/* The kernel's entry is changed by the hypervisor, the others by us. */
static int64_t move_batch(uint64_t *moved)
{
    static struct flagstone_move move[BATCH];
    unsigned n;
    if (!set_entries(1, false))
        return -XEN_EINVAL;
    for (unsigned i = 0; i < nr; i++)
        move[i] = (struct flagstone_move){
            frame_mfn(batch[i].pfn).v,
            space_small_entry(space_nth(0), batch[i].pfn).v};
    space_calls++;
    int64_t rc = flagstone_compact(move, nr, &n);
    if (!rc) {
        for (unsigned i = 0; i < nr; i++) {
            *moved += frame_mfn(batch[i].pfn).v != move[i].mfn;
            frame_set_mfn(batch[i].pfn, mfn_of(move[i].mfn));
        }
    }
    if (!set_entries(1, true))
        report(REPORT_FAILURE, "frames that were moved are not mapped");
    nr = 0;
    return rc;
}

static int64_t offer(unsigned b, uint64_t *moved)
{
    int64_t rc = 0;
    nr = 0;
    for (unsigned i = 0; i < BLOCK_FRAMES && !rc; i++) {
        pfn_t pfn = pfn_of(balloon.block[b].v + i);
        if (frame_mfn(pfn).v != MFN_NONE.v) {
            batch[nr].b = b;
            batch[nr++].pfn = pfn;
        }
        if (nr == BATCH || (nr && i == BLOCK_FRAMES - 1))
            rc = move_batch(moved);
    }
    return rc;
}

/* Only what is mapped by a table has entries that can be named. */
static bool is_small(unsigned b)
{
    enum space_form form = space_form(space_nth(0), balloon.block[b]);
    return form == SPACE_TABLE || form == SPACE_SUPPLIED;
}

int64_t balloon_frames_compact(uint64_t *moved)
{
    for (unsigned b = balloon.nr; b-- > 0;) {
        if (!is_small(b) || balloon.holes[b] == BLOCK_FRAMES)
            continue;
        int64_t rc = offer(b, moved);
        if (rc)
            return rc;
    }
    return 0;
}
