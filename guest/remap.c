/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * remap: what a guest has to do after restore=guest, without having been
 * restored: it takes its own large entries away, leaves in their place what
 * the hypervisor leaves, and mends all of it in every address space.
 * Also the spare tables that takes, and what happens without them.
 */
#include "guest/lib/remap.h"
#include "guest/lib/guest.h"
#include "guest/lib/pattern.h"
#include "guest/lib/space.h"
#include "guest/lib/spare.h"

const char guest_name[] = "remap";

#define BLOCKS 8u
#define SPACES 4u

static pfn_t block[BLOCKS];

/* The first run behind the boot area holds the tables. */
bool guest_large_map(pfn_t first)
{
    static uint64_t pool_end;
    if (!pool_end)
        pool_end = first.v + BLOCK_FRAMES;
    return first.v >= pool_end;
}

static uint64_t left_behind(const struct space *s, pfn_t first)
{
    uint64_t flags = (s->flags & ~PTE_P) | FLAGSTONE_PTE_SHATTERED;
    return (~first.v << PAGE_SHIFT & PTE_ADDR) | flags;
}

static void take_away(const struct space *s, pfn_t first)
{
    pte_t gone = pte_of(left_behind(s, first));
    CHECK_EQ(FLAGSTONE_REMAP_PFN(gone.v), first.v);
    REQUIRE(space_unmap(s, first));
    REQUIRE(pt_update(space_entry(s, first), gone) == 0);
    CHECK_EQ(space_form(s, first), SPACE_REMAP);
}

static void take_all_away(void)
{
    for (unsigned s = 0; s < space_count(); s++)
        for (unsigned b = 0; b < BLOCKS; b++)
            take_away(space_nth(s), block[b]);
}

/* What an address space permits it permits as before. */
static void check_space(const struct space *s)
{
    report_context("space with flags %#lx", s->flags);
    for (unsigned b = 0; b < BLOCKS; b++) {
        CHECK_EQ(space_form(s, block[b]), SPACE_TABLE);
        space_switch(s);
        for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
            pfn_t pfn = pfn_of(block[b].v + i);
            CHECK_EQ(pattern_check(space_va(s, pfn), pfn), -1);
        }
        volatile uint64_t *word = space_va(s, block[b]);
        CHECK_EQ(try_write(word, *word), !(s->flags & PTE_RW));
        space_switch(space_nth(0));
        pte_t e = *pt_entry(s->root, (uint64_t)space_va(s, block[b]), 1);
        CHECK_EQ(e.v & PTE_NX, s->flags & PTE_NX);
        CHECK_EQ(e.v & FLAGSTONE_PTE_SHATTERED, 0);
    }
}

static void test_mend(void)
{
    struct remap_result r;
    report_context("mend");
    take_all_away();
    uint64_t spares = spare_count();
    CHECK(remap_all(&r));
    CHECK_EQ(r.l1_frames, BLOCKS * SPACES);
    CHECK(r.calls >= SPACES && r.calls <= 2 * SPACES + 1);
    CHECK(r.ticks > 0);
    CHECK(r.looked_at >= 3 * SPACES);
    CHECK_EQ(spare_count(), spares - BLOCKS * SPACES);
    for (unsigned s = 0; s < space_count(); s++)
        check_space(space_nth(s));
    report_context("mend what is not broken");
    CHECK(remap_all(&r));
    CHECK_EQ(r.l1_frames, 0);
    CHECK_EQ(r.calls, 0);
}

/* Back to large ones where they are to be had; the tables become spare. */
static void restore_large(void)
{
    for (unsigned s = 0; s < space_count(); s++)
        for (unsigned b = 0; b < BLOCKS; b++) {
            REQUIRE(space_form(space_nth(s), block[b]) == SPACE_TABLE ||
                    space_form(space_nth(s), block[b]) == SPACE_LARGE);
            REQUIRE(space_unmap(space_nth(s), block[b]));
            REQUIRE(space_map(space_nth(s), block[b]));
        }
}

static void test_no_spares(void)
{
    static pfn_t hidden[BLOCKS * SPACES * 2 + 64];
    struct remap_result r;
    unsigned n = 0;
    report_context("no spare table");
    take_all_away();
    while (n < ARRAY_SIZE(hidden) && (hidden[n] = spare_get()).v != PFN_NONE.v)
        n++;
    CHECK_EQ(spare_count(), 0);
    CHECK(!remap_all(&r));
    CHECK_EQ(r.l1_frames, 0);
    for (unsigned i = 0; i < n; i++)
        spare_put(hidden[i]);
    CHECK(remap_all(&r));
    CHECK_EQ(r.l1_frames, BLOCKS * SPACES);
}

/* An entry that names memory the guest does not have is not believed. */
static void test_nonsense(void)
{
    struct remap_result r;
    const struct space *s = space_nth(1);
    report_context("nonsense");
    REQUIRE(space_unmap(s, block[0]));
    pte_t e = pte_of(left_behind(s, pfn_of(frame_count() - 100)));
    REQUIRE(pt_update(space_entry(s, block[0]), e) == 0);
    CHECK(!remap_all(&r));
    CHECK_EQ(r.l1_frames, 0);
    REQUIRE(pt_update(space_entry(s, block[0]), pte_of(0)) == 0);
    REQUIRE(space_map(s, block[0]));
}

void guest_main(void)
{
    space_init();
    space_add(PT_KERNEL_RO);
    space_add(PT_KERNEL_RW | PTE_NX);
    space_add(PT_KERNEL_RO | PTE_NX);
    REQUIRE(space_count() == SPACES);
    REQUIRE(spare_add(BLOCKS * SPACES + 8));
    for (unsigned b = 0; b < BLOCKS; b++) {
        block[b] = frame_block_alloc();
        REQUIRE(block[b].v != PFN_NONE.v);
        for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
            pfn_t pfn = pfn_of(block[b].v + i);
            pattern_fill(frame_va(pfn), pfn);
        }
        for (unsigned s = 1; s < SPACES; s++)
            REQUIRE(space_map(space_nth(s), block[b]));
    }
    test_mend();
    restore_large();
    test_no_spares();
    restore_large();
    test_nonsense();
    test_mend();
    if (guest_flagstone) {
        int64_t rc = hc_flagstone_op(FLAGSTONE_OP_audit, NULL);
        CHECK(rc == 0 || rc == -XEN_ENOSYS);
    }
}
