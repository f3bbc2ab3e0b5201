/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * resize: a guest that changes the size of its mappings in place: splits a
 * large entry into a table, joins it again, heals what is scattered, gathers
 * its holes, and says what each costs it. Its memory must read the same after
 * each change, and what is refused must change nothing. Xen has none of it.
 *
 * With 2 GiB of memory and a processor that has such pages it maps 1 GiB by
 * one entry. Command line: expect=page_1g makes it a failure if it cannot.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "resize";

#define WINDOW UINT64_C(0xffffc00000000000)
#define SUPER  (PT_TABLE | PTE_PSE)
#define SMALL  (PT_TABLE | PTE_GUEST_KERNEL)

static pfn_t block, table;
static mfn_t base; /* machine frame of the block, aligned */
static maddr_t at;

static volatile uint64_t *word(unsigned page)
{
    return (volatile uint64_t *)(WINDOW + page * PAGE_SIZE + 8 * page);
}

static void fill(uint64_t seed)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        *word(i) = seed + i * 7;
}

static void same(uint64_t seed)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        wrong += *word(i) != seed + i * 7;
    CHECK_EQ(wrong, 0);
}

static uint64_t entry(void)
{
    return pt_entry(pt_root(), WINDOW, 2)->v;
}

static void audit(void)
{
    int64_t rc = hc_flagstone_op(FLAGSTONE_OP_audit, NULL);

    CHECK(rc == 0 || rc == -XEN_ENOSYS);
}

static void test_split_and_join(void)
{
    struct flagstone_stats before, s;
    mfn_t out = MFN_NONE;

    report_context("split");
    flagstone_stats(&before);
    REQUIRE(pt_update(at, pte_make(base, SUPER)) == 0);
    fill(1000);
    CHECK_EQ(flagstone_split(at, frame_mfn(table)), 0);
    CHECK_EQ(entry() & PTE_ADDR, frame_mfn(table).v << PAGE_SHIFT);
    CHECK(!(entry() & PTE_PSE));
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        CHECK_EQ(tree_peek(table, i), pte_make(mfn_add(base, i), SMALL).v);
    same(1000);
    fill(2000);
    flagstone_stats(&s);
    CHECK_EQ(s.split, before.split + 1);
    CHECK_EQ(s.superpage_maps, before.superpage_maps);
    CHECK_EQ(s.pt_l1, before.pt_l1 + 1);
    audit();
    report_context("join");
    CHECK_EQ(flagstone_join(at, &out), 0);
    CHECK_EQ(out.v, frame_mfn(table).v);
    CHECK_EQ(entry(), pte_make(base, SUPER).v);
    same(2000);
    fill(3000);
    flagstone_stats(&s);
    CHECK_EQ(s.joined, before.joined + 1);
    CHECK_EQ(s.superpage_maps, before.superpage_maps + 1);
    CHECK_EQ(s.pt_l1, before.pt_l1);
    audit();
}

/* Between the two the small entries are the guest's to change. */
static void test_between(void)
{
    mfn_t out;

    report_context("between");
    CHECK_EQ(flagstone_split(at, frame_mfn(table)), 0);
    CHECK_EQ(hc_update_va_mapping(WINDOW + 3 * PAGE_SIZE,
                                  pte_make(mfn_add(base, 3), SMALL & ~PTE_RW).v,
                                  UVMF_INVLPG),
             0);
    CHECK_EQ(try_write(word(3), 1), 1);
    CHECK_EQ(flagstone_join(at, &out), -XEN_EINVAL);
    CHECK_EQ(hc_update_va_mapping(WINDOW + 3 * PAGE_SIZE, 0, UVMF_INVLPG), 0);
    CHECK_EQ(flagstone_join(at, &out), -XEN_EINVAL);
    CHECK_EQ(hc_update_va_mapping(WINDOW + 3 * PAGE_SIZE,
                                  pte_make(mfn_add(base, 3), SMALL).v,
                                  UVMF_INVLPG),
             0);
    same(3000);
    CHECK_EQ(flagstone_join(at, &out), 0);
    same(3000);
    audit();
}

static void test_refused(void)
{
    const uint64_t before = entry();
    const struct {
        uint64_t entry, table;
    } bad[] = {
        {at.v + 1, frame_mfn(table).v},
        {at.v + 8, frame_mfn(table).v},
        {~UINT64_C(0), frame_mfn(table).v},
        {0, frame_mfn(table).v},
        {pt_entry_maddr(pt_root(), WINDOW, 3).v, frame_mfn(table).v},
        {pt_entry_maddr(pt_root(), WINDOW, 4).v, frame_mfn(table).v},
        {at.v, base.v},
        {at.v, base.v + 5},
        {at.v, ~UINT64_C(0)},
        {at.v, 0},
        {at.v, 1},
        {at.v, frame_mfn(pt_root()).v},
        {at.v, frame_mfn(pfn_of(table.v + 1)).v}, /* mapped writable */
    };
    mfn_t out;

    report_context("refused");
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        CHECK_EQ(flagstone_split(maddr_of(bad[i].entry), mfn_of(bad[i].table)),
                 -XEN_EINVAL);
        CHECK_EQ(entry(), before);
    }
    CHECK_EQ(flagstone_join(at, &out), -XEN_EINVAL);
    CHECK_EQ(flagstone_join(maddr_of(7), &out), -XEN_EINVAL);
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_split, NULL), -XEN_EFAULT);
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_join, NULL), -XEN_EFAULT);
    same(3000);
    audit();
}

static void say(const char *what, uint64_t ticks)
{
    printk("%-28s %10lu\n", what, ticks);
    printk("@{\"resize\":\"%s\",\"ticks\":%lu}\n", what, ticks);
}

/* The least of several, so that no timer tick is in it. */
static void measure(void)
{
    uint64_t least[2] = {~UINT64_C(0), ~UINT64_C(0)}, start, ticks;
    mfn_t out;

    report_context("measure");
    for (unsigned i = 0; i < 8; i++) {
        start = tsc_read();
        CHECK_EQ(flagstone_split(at, frame_mfn(table)), 0);
        ticks = tsc_read() - start;
        least[0] = MIN(least[0], ticks);
        start = tsc_read();
        CHECK_EQ(flagstone_join(at, &out), 0);
        ticks = tsc_read() - start;
        least[1] = MIN(least[1], ticks);
    }
    say("split", least[0]);
    say("join", least[1]);
}

/* --- heal ----------------------------------------------------------------- */

/* The block's frames, backwards: no superpage, until they are relocated. */
static void map_backwards(void)
{
    REQUIRE(pt_update(at, pte_of(0)) == 0);
    frame_make_rw(table);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        tree_poke(table, i, mfn_add(base, BLOCK_FRAMES - 1 - i), SMALL);
    frame_make_ro(table);
    REQUIRE(pt_update(at, pte_make(frame_mfn(table), PT_TABLE)) == 0);
}

/* What moved is where M2P says it is. */
static void renew_p2m(mfn_t first)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        pfn_t pfn = frame_pfn(mfn_add(first, i));

        REQUIRE(pfn.v >= block.v && pfn.v < block.v + BLOCK_FRAMES);
        CHECK_EQ(pfn.v, block.v + BLOCK_FRAMES - 1 - i);
        frame_set_mfn(pfn, mfn_add(first, i));
    }
}

/* What the ring says of it. */
static struct flagstone_event told;

static void on_healed(const struct flagstone_event *e)
{
    told = *e;
}

static uint64_t heal_once(uint64_t seed)
{
    mfn_t first = MFN_NONE, out = MFN_NONE;
    uint64_t start, ticks;

    map_backwards();
    fill(seed);
    start = tsc_read();
    CHECK_EQ(flagstone_heal(at, &first, &out), 0);
    ticks = tsc_read() - start;
    CHECK_EQ(out.v, frame_mfn(table).v);
    CHECK_EQ(first.v % BLOCK_FRAMES, 0);
    CHECK(first.v != base.v);
    CHECK_EQ(entry(), pte_make(first, SUPER).v);
    same(seed);
    CHECK_EQ(flagstone_poll(), 1);
    CHECK_EQ(told.type, FLAGSTONE_EVENT_healed);
    CHECK_EQ(told.mfn, first.v);
    CHECK_EQ(told.pfn, frame_pfn(first).v);
    CHECK_EQ(told.count, BLOCK_FRAMES);
    renew_p2m(first);
    /* Backwards once more: the pfns are in order again. */
    base = first;
    map_backwards();
    CHECK_EQ(flagstone_heal(at, &first, &out), 0);
    base = first;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        frame_set_mfn(pfn_of(block.v + i), mfn_add(first, i));
    CHECK_EQ(flagstone_poll(), 1);
    audit();
    return ticks;
}

static void test_heal(void)
{
    uint64_t least = ~UINT64_C(0);
    struct flagstone_stats before, s;
    mfn_t first, out;

    report_context("heal");
    map_backwards(); /* while the linear map has the frames too */
    CHECK_EQ(flagstone_heal(at, &first, &out), -XEN_EBUSY);
    CHECK_EQ(flagstone_heal(maddr_of(at.v + 8), &first, &out), -XEN_EINVAL);
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_heal, NULL), -XEN_EFAULT);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        frame_unmap(pfn_of(block.v + i));
    CHECK_EQ(flagstone_ring_open(), 0);
    flagstone_set_handler(FLAGSTONE_EVENT_healed, on_healed);
    flagstone_stats(&before);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t ticks = heal_once(i * 1000);

        least = MIN(least, ticks);
    }
    flagstone_stats(&s);
    CHECK_EQ(s.healed, before.healed + 6);
    CHECK_EQ(s.tot_pages, before.tot_pages);
    CHECK_EQ(s.blocks_whole, before.blocks_whole);
    CHECK_EQ(s.events, before.events + 6);
    CHECK_EQ(s.events_lost, before.events_lost);
    CHECK_EQ(flagstone_ring_close(), 0);
    say("heal", least);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        frame_make_rw(pfn_of(block.v + i));
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        const uint64_t *page = frame_va(pfn_of(block.v + BLOCK_FRAMES - 1 - i));

        CHECK_EQ(page[i], 2000 + i * 7);
    }
}

/* --- compact -------------------------------------------------------------- */

#define KEPT                                                                   \
    48u /* frames of the emptier block; the other has so many holes            \
         */

static struct flagstone_move moves[KEPT];

/* All of the block but those from `from` on, n of them, are given back. */
static void give_back(pfn_t first, unsigned from, unsigned n, bool others)
{
    static uint64_t list[BLOCK_FRAMES];
    unsigned count = 0;

    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        bool inside = i >= from && i < from + n;

        if (inside == others)
            continue;
        list[count++] = frame_mfn(pfn_of(first.v + i)).v;
        frame_unmap(pfn_of(first.v + i));
        frame_set_mfn(pfn_of(first.v + i), MFN_NONE);
    }
    struct xen_memory_reservation r = {(guest_ptr_t)list, count, 0, 0,
                                       DOMID_SELF};
    REQUIRE(hc_memory_op(XENMEM_decrease_reservation, &r) == (int64_t)count);
}

/* One after the other: by the linear map's own entry, or by none. */
static void list_moves(pfn_t first)
{
    for (unsigned i = 0; i < KEPT; i++) {
        pfn_t pfn = pfn_of(first.v + i);
        uint64_t va = (uint64_t)frame_va(pfn);

        *(volatile uint64_t *)va = 77 * i;
        moves[i].mfn = frame_mfn(pfn).v;
        moves[i].pte = pt_entry_maddr(pt_root(), va, 1).v;
        if (i % 2) {
            frame_unmap(pfn);
            moves[i].pte = 0;
        }
    }
}

static void check_moves(pfn_t first, mfn_t left, mfn_t filled)
{
    for (unsigned i = 0; i < KEPT; i++) {
        pfn_t pfn = pfn_of(first.v + i);

        CHECK(moves[i].mfn - left.v >= BLOCK_FRAMES);
        CHECK(moves[i].mfn - filled.v < BLOCK_FRAMES);
        CHECK_EQ(frame_pfn(mfn_of(moves[i].mfn)).v, pfn.v);
        frame_set_mfn(pfn, mfn_of(moves[i].mfn));
        if (i % 2)
            frame_make_rw(pfn);
        CHECK_EQ(pt_lookup((uint64_t)frame_va(pfn)).v & PTE_ADDR,
                 moves[i].mfn << PAGE_SHIFT);
        CHECK_EQ(*(volatile uint64_t *)frame_va(pfn), 77 * i);
    }
}

static void test_compact(void)
{
    pfn_t empty = frame_block_alloc(), full = frame_block_alloc();
    mfn_t left = frame_mfn(empty), filled = frame_mfn(full);
    struct flagstone_stats before, s;
    unsigned moved = 0;
    uint64_t start;

    report_context("compact");
    REQUIRE(empty.v != PFN_NONE.v && full.v != PFN_NONE.v);
    flagstone_stats(&before);
    give_back(empty, 0, KEPT, true);
    give_back(full, 100, KEPT, false);
    flagstone_stats(&s);
    CHECK_EQ(s.blocks_whole, before.blocks_whole);
    CHECK_EQ(s.tot_pages, before.tot_pages - BLOCK_FRAMES);
    list_moves(empty);
    start = tsc_read();
    CHECK_EQ(flagstone_compact(moves, KEPT, &moved), 0);
    say("compact, per frame of 48", (tsc_read() - start) / KEPT);
    CHECK_EQ(moved, KEPT);
    check_moves(empty, left, filled);
    flagstone_stats(&s);
    CHECK_EQ(s.blocks_whole, before.blocks_whole - 1); /* it went back */
    CHECK_EQ(s.tot_pages, before.tot_pages - BLOCK_FRAMES);
    report_context("compact again");
    moves[0].pte = pt_entry_maddr(pt_root(), (uint64_t)frame_va(empty), 1).v;
    CHECK_EQ(flagstone_compact(moves, 1, &moved), 0);
    CHECK_EQ(moved, 0);
    moves[0].pte = 0; /* but the linear map refers to it */
    CHECK_EQ(flagstone_compact(moves, 1, &moved), 0);
    CHECK_EQ(moved, 0);
    moves[1] = (struct flagstone_move){left.v, 0};
    CHECK_EQ(flagstone_compact(moves, 2, &moved), -XEN_EINVAL);
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_compact, NULL), -XEN_EFAULT);
    CHECK_EQ(flagstone_compact((void *)8, 1, &moved), -XEN_EFAULT);
    audit();
}

/* --- 1 GiB ---------------------------------------------------------------- */

#define PAGE_1G      (WINDOW + BIT(30))
#define REGION_PAGES (UINT64_C(1) << 18)
#define REGION       pfn_of(REGION_PAGES) /* the second GiB of the memory */

static maddr_t at_1g;

static bool contiguous(pfn_t first, uint64_t n)
{
    mfn_t m = frame_mfn(first);

    for (uint64_t i = 0; i < n; i++)
        if (frame_mfn(pfn_of(first.v + i)).v != m.v + i)
            return false;
    return m.v % n == 0;
}

static volatile uint64_t *word_1g(unsigned i)
{
    return (volatile uint64_t *)(PAGE_1G + i * BLOCK_SIZE + 8 * i);
}

static void same_1g(uint64_t seed)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < REGION_BLOCKS; i++)
        wrong += *word_1g(i) != seed + i;
    CHECK_EQ(wrong, 0);
}

static void use_1g(mfn_t m)
{
    struct flagstone_stats before, s;
    mfn_t out = MFN_NONE;

    report_context("1 GiB");
    flagstone_stats(&before);
    CHECK_EQ(before.superpage_maps, 1);
    for (unsigned i = 0; i < REGION_BLOCKS; i++)
        *word_1g(i) = 100 + i;
    CHECK_EQ(*((volatile uint64_t *)frame_va(pfn_of(REGION_PAGES + 512)) + 1),
             101);
    CHECK_EQ(hc_update_va_mapping(PAGE_1G, 0, UVMF_INVLPG), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_PIN_L1_TABLE, mfn_add(m, 512 * 400 + 7)),
             -XEN_EINVAL);
    report_context("1 GiB, split");
    CHECK_EQ(flagstone_split(at_1g, mfn_add(m, 99)), -XEN_EINVAL);
    CHECK_EQ(flagstone_split(at_1g, frame_mfn(table)), 0);
    for (unsigned i = 0; i < REGION_BLOCKS; i++)
        CHECK_EQ(tree_peek(table, i),
                 pte_make(mfn_add(m, i * BLOCK_FRAMES), SUPER).v);
    same_1g(100);
    flagstone_stats(&s);
    CHECK_EQ(s.superpage_maps, 512);
    CHECK_EQ(s.pt_l2, before.pt_l2 + 1);
    CHECK_EQ(pt_update(pt_slot_maddr(frame_mfn(table), 5), pte_of(0)), 0);
    CHECK_EQ(flagstone_join(at_1g, &out), -XEN_EINVAL);
    CHECK_EQ(pt_update(pt_slot_maddr(frame_mfn(table), 5),
                       pte_make(mfn_add(m, 5 * BLOCK_FRAMES), SUPER)),
             0);
    CHECK_EQ(flagstone_join(at_1g, &out), 0);
    CHECK_EQ(out.v, frame_mfn(table).v);
    same_1g(100);
    /* What is left of the table the next operation takes down. */
    CHECK_EQ(flagstone_join(at_1g, &out), -XEN_EINVAL);
    flagstone_stats(&s);
    CHECK_EQ(s.superpage_maps, 1);
    audit();
}

static void measure_1g(mfn_t m)
{
    uint64_t start = tsc_read(), ticks[4];
    mfn_t out;

    CHECK_EQ(flagstone_split(at_1g, frame_mfn(table)), 0);
    ticks[0] = tsc_read() - start;
    start = tsc_read();
    CHECK_EQ(flagstone_join(at_1g, &out), 0);
    ticks[1] = tsc_read() - start;
    start = tsc_read();
    CHECK_EQ(pt_update(at_1g, pte_of(0)), 0);
    ticks[2] = tsc_read() - start;
    start = tsc_read();
    CHECK_EQ(pt_update(at_1g, pte_make(m, SUPER)), 0);
    ticks[3] = tsc_read() - start;
    say("split 1 GiB", ticks[0]);
    say("join 1 GiB", ticks[1]);
    say("unmap 1 GiB", ticks[2]);
    say("map 1 GiB", ticks[3]);
}

static void test_1g(void)
{
    bool whole = guest_start_info->nr_pages >= 2 * REGION_PAGES &&
                 contiguous(REGION, REGION_PAGES);
    mfn_t m = whole ? frame_mfn(REGION) : base;
    int64_t rc;

    report_context("1 GiB");
    pt_make_tables(PAGE_1G, 3);
    at_1g = pt_entry_maddr(pt_root(), PAGE_1G, 3);
    rc = pt_update(at_1g, pte_make(m, SUPER));
    CHECK(rc == 0 ? whole : rc == -XEN_EINVAL);
    if (cmdline_is("expect", "page_1g"))
        CHECK_EQ(rc, 0);
    if (rc)
        return;
    use_1g(m);
    measure_1g(m);
    CHECK_EQ(pt_update(at_1g, pte_of(0)), 0);
    CHECK_EQ(pt_update(at_1g, pte_make(mfn_add(m, 512), SUPER)), -XEN_EINVAL);
    CHECK_EQ(pt_update(at_1g, pte_make(m, SUPER | PTE_G)), -XEN_EINVAL);
    CHECK_EQ(pt_update(at_1g, pte_make(frame_mfn(pfn_of(0)), SUPER)),
             -XEN_EINVAL); /* there are page tables */
    audit();
}

void guest_main(void)
{
    if (!guest_flagstone)
        report_end(REPORT_SKIP, "Xen has no such operations");
    block = frame_block_alloc();
    REQUIRE(block.v != PFN_NONE.v && contiguous(block, BLOCK_FRAMES));
    base = frame_mfn(block);
    table = frame_alloc();
    frame_make_ro(table);
    pt_make_tables(WINDOW, 2);
    at = pt_entry_maddr(pt_root(), WINDOW, 2);
    test_1g();
    test_split_and_join();
    test_between();
    test_refused();
    measure();
    test_heal();
    test_compact();
}
