/* SPDX-License-Identifier: MIT */
/*
 * resize: a guest that changes the size of its mappings in place: splits a
 * large entry into a table, joins it again, and says what each costs it. Every
 * byte of the memory must read the same after each change, and what is refused
 * must change nothing. On Xen there is none of it.
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
    uint64_t least[2] = {~UINT64_C(0), ~UINT64_C(0)}, start;
    mfn_t out;

    report_context("measure");
    for (unsigned i = 0; i < 8; i++) {
        start = tsc_read();
        CHECK_EQ(flagstone_split(at, frame_mfn(table)), 0);
        least[0] = MIN(least[0], tsc_read() - start);
        start = tsc_read();
        CHECK_EQ(flagstone_join(at, &out), 0);
        least[1] = MIN(least[1], tsc_read() - start);
    }
    say("split", least[0]);
    say("join", least[1]);
}

static bool contiguous(pfn_t first)
{
    mfn_t m = frame_mfn(first);

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (frame_mfn(pfn_of(first.v + i)).v != m.v + i)
            return false;
    return m.v % BLOCK_FRAMES == 0;
}

void guest_main(void)
{
    if (!guest_flagstone)
        report_end(REPORT_SKIP, "Xen has no such operations");
    block = frame_block_alloc();
    REQUIRE(block.v != PFN_NONE.v && contiguous(block));
    base = frame_mfn(block);
    table = frame_alloc();
    frame_make_ro(table);
    pt_make_tables(WINDOW, 2);
    at = pt_entry_maddr(pt_root(), WINDOW, 2);
    test_split_and_join();
    test_between();
    test_refused();
    measure();
}
