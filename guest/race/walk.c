/* SPDX-License-Identifier: MIT */
/*
 * walk.c: XSA-286: the racer uses an address whose tables go: entries of level
 * 2 and 3 are removed, and what was a table is written to as data, or is given
 * back. So does one that reads the tables through a self-map.
 */
#include "guest/race/race.h"

#define VA        (WINDOW + 7 * BIT(30)) /* its own entry of level 3 */
#define SELF_SLOT UINT64_C(400)

enum how { RETYPE, FREE };

static maddr_t top; /* the level-3 entry */

/* C is the level-2 table, B that of level 1. */
static void build(void)
{
    tree_poke(sp(C), 0, leak_mfn(B), PT_TABLE);
    tree_poke(sp(B), 0, leak_mfn(DATA), PT_KERNEL_RW);
    frame_make_ro(sp(B));
    frame_make_ro(sp(C));
    REQUIRE(pt_update(top, pte_make(leak_mfn(C), PT_TABLE)) == 0);
}

/* What was a table is the guest's to write to: the racer must not walk it. */
static void retype(unsigned gone)
{
    frame_make_rw(sp(gone));
    tree_poke(sp(gone), 0, leak_mfn(OTHER), PT_KERNEL_RW);
    racer_out(sp(DATA));
    CHECK_EQ(tree_peek(sp(OTHER), 0), 0);
    tree_poke_raw(sp(gone), 0, 0);
}

static void free_and_take(unsigned gone)
{
    uint64_t extent = leak_mfn(gone).v;
    frame_unmap(sp(gone));
    REQUIRE(leak_reserve(XENMEM_decrease_reservation, &extent, 1, 0) == 1);
    racer_out(racer.load ? PFN_NONE : sp(DATA));
    extent = sp(gone).v;
    REQUIRE(leak_reserve(XENMEM_populate_physmap, &extent, 1, 0) == 1);
    frame_set_mfn(sp(gone), mfn_of(extent));
    frame_make_rw(sp(gone));
}

static void cut(unsigned level)
{
    const maddr_t at = level == 2 ? pt_slot_maddr(leak_mfn(C), 0) : top;
    REQUIRE(pt_update(at, pte_of(0)) == 0);
}

static void one_round(unsigned level, enum how how, bool wait)
{
    const unsigned gone = level == 2 ? B : C;
    build();
    racer_in();
    cut(level);
    if (wait)
        tally.windows += racer_goes_on();
    if (how == RETYPE)
        retype(gone);
    else
        free_and_take(gone);
    if (level == 2)
        cut(3);
    frame_make_rw(sp(level == 2 ? C : B));
}

static void rounds(void)
{
    while (tally_next()) {
        const unsigned n = tally.rounds;
        one_round(n & 1 ? 2 : 3, n & 2 ? FREE : RETYPE, n & 4);
    }
}

/* Where the entry for VA is seen, by one of the root that names the root. */
static uint64_t seen_at(void)
{
    return UINT64_C(0xffff) << 48 | SELF_SLOT << 39 | (VA & BITS(47, 12)) >> 9;
}

static void rounds_of_a_reader(maddr_t self)
{
    const pte_t e = pte_make(frame_mfn(pt_root()), PT_KERNEL_RO);
    if (pt_update(self, e)) {
        printk("note: no self-maps here\n");
        return;
    }
    racer_load(seen_at());
    tally_extend();
    while (tally_next())
        one_round(tally.rounds & 1 ? 2 : 3, FREE, tally.rounds & 2);
    racer_stop();
    REQUIRE(pt_update(self, pte_of(0)) == 0);
}

void scene_xsa286(void)
{
    pt_make_tables(VA, 3);
    top = pt_entry_maddr(pt_root(), VA, 3);
    racer_store(VA, 1, 2);
    rounds();
    racer_stop();
    rounds_of_a_reader(pt_entry_maddr(pt_root(), SELF_SLOT << 39, 4));
    tree_poke_raw(sp(DATA), 0, 0);
}
