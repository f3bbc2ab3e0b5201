/* SPDX-License-Identifier: MIT */
/*
 * page_1g: 1 GiB by one entry at level 3, where the processor has such entries
 * and the domain a whole aligned region of machine memory: mapped, used,
 * split into 512 large entries and joined again, and everything that must be
 * refused. Needs some 3200 MiB; skips without a region.
 *
 * Its own memory is mapped by 2 MiB entries: a region with page tables in it
 * cannot be mapped as one.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "page_1g";

#define WINDOW   UINT64_C(0xffffc00000000000)
#define REGION   BIT(30)
#define FRAMES   (REGION >> PAGE_SHIFT)
#define PAGE_1G  (PT_TABLE | PTE_PSE)
#define MAX_MFNS BIT(24) /* 64 GiB */

static mfn_t base;   /* of the region */
static pfn_t table;  /* a level-2 table to be, read only */
static maddr_t at;   /* the level-3 entry of WINDOW */
static pfn_t inside; /* a block of the region */

bool guest_large_map(pfn_t first)
{
    (void)first;
    return true;
}

static pte_t entry(void)
{
    return *pt_entry(pt_root(), WINDOW, 3);
}

/* One word in each block, at a place of its own. */
static volatile uint64_t *word(unsigned block)
{
    return (volatile uint64_t *)(WINDOW + block * BLOCK_SIZE +
                                 block * PAGE_SIZE + 8 * block);
}

static void audit(void)
{
    int64_t rc = hc_flagstone_op(FLAGSTONE_OP_audit, NULL);
    CHECK(rc == 0 || rc == -XEN_ENOSYS);
}

static uint16_t have[MAX_MFNS / FRAMES]; /* blocks, by region */
static pfn_t any[MAX_MFNS / FRAMES];

/* true: its region is complete. */
static bool count(pfn_t first)
{
    uint64_t m = frame_mfn(first).v;
    if (m % BLOCK_FRAMES || m >= MAX_MFNS)
        return false;
    any[m / FRAMES] = first;
    return ++have[m / FRAMES] == REGION_BLOCKS;
}

/* Free blocks, and those beyond the linear map. */
static bool find_region(void)
{
    pfn_t first;
    bool found = false;
    while (!found && (first = frame_block_alloc()).v != PFN_NONE.v)
        found = count(first);
    for (uint64_t pfn = frame_count();
         !found && pfn + BLOCK_FRAMES <= guest_start_info->nr_pages;
         pfn += BLOCK_FRAMES) {
        first = pfn_of(pfn);
        found = count(first);
    }
    if (!found)
        return false;
    base = mfn_of(frame_mfn(first).v & ~(FRAMES - 1));
    inside = any[base.v / FRAMES];
    return true;
}

/* The entry of the linear map for it, set or cleared, if there is one. */
static void set_linear(bool present)
{
    if (inside.v >= frame_count())
        return;
    maddr_t e = pt_entry_maddr(pt_root(), (uint64_t)frame_va(inside), 2);
    pte_t value =
        present ? pte_make(frame_mfn(inside), PT_TABLE | PTE_PSE) : pte_of(0);
    REQUIRE(pt_update(e, value) == 0);
}

static uint64_t inside_va(void)
{
    return WINDOW + ((frame_mfn(inside).v - base.v) << PAGE_SHIFT);
}

static void flush(void)
{
    REQUIRE(pt_op_addr(MMUEXT_INVLPG_LOCAL, WINDOW) == 0);
}

static void check_words(uint64_t seed)
{
    for (unsigned b = 0; b < REGION_BLOCKS; b++)
        CHECK_EQ(*word(b), seed * (b + 1));
}

static void use(void)
{
    struct flagstone_stats before, after;
    report_context("use");
    flagstone_stats(&before);
    REQUIRE(pt_update(at, pte_make(base, PAGE_1G)) == 0);
    flagstone_stats(&after);
    CHECK(after.superpage_maps > before.superpage_maps);
    for (unsigned b = 0; b < REGION_BLOCKS; b++)
        *word(b) = 17 * (b + 1);
    check_words(17);
    report_context("read only");
    CHECK_EQ(pt_update(at, pte_make(base, PAGE_1G & ~PTE_RW)), 0);
    flush();
    CHECK_EQ(try_write(word(3), 0), 1);
    CHECK_EQ(*word(3), 17 * 4);
    CHECK_EQ(pt_update(at, pte_make(base, PAGE_1G)), 0);
    flush();
    audit();
}

static void bad_entries(void)
{
    uint64_t before = entry().v;
    static const uint64_t bad[] = {PTE_PWT, PTE_PCD, PTE_G,  PTE_PSE_PAT,
                                   BIT(13), BIT(21), BIT(29)};
    report_context("bad entry");
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        CHECK_EQ(pt_update(at, pte_of(pte_make(base, PAGE_1G).v | bad[i])),
                 -XEN_EINVAL);
        CHECK_EQ(entry().v, before);
    }
    const uint64_t frames[] = {0, base.v + BLOCK_FRAMES, base.v ^ BIT(22),
                               PTE_ADDR >> PAGE_SHIFT & ~(FRAMES - 1)};
    for (unsigned i = 0; i < ARRAY_SIZE(frames); i++)
        CHECK_EQ(pt_update(at, pte_make(mfn_of(frames[i]), PAGE_1G)),
                 -XEN_EINVAL);
    CHECK_EQ(pt_update(at, pte_make(base, PAGE_1G & ~PTE_P)), -XEN_EINVAL);
    CHECK_EQ(pt_update(pt_entry_maddr(pt_root(), WINDOW, 4),
                       pte_make(base, PAGE_1G)),
             -XEN_EINVAL);
    report_context("below it there is nothing");
    CHECK_EQ(hc_update_va_mapping(WINDOW, 0, UVMF_INVLPG), -XEN_EINVAL);
    CHECK_EQ(entry().v, before);
}

/* A frame of it is a page table only while it is not mapped as one. */
static void exclusive(void)
{
    report_context("a member as page table");
    memset((void *)inside_va(), 0, PAGE_SIZE);
    set_linear(false);
    CHECK_EQ(pt_op(MMUEXT_PIN_L1_TABLE, frame_mfn(inside)), -XEN_EINVAL);
    REQUIRE(pt_update(at, pte_of(0)) == 0);
    CHECK_EQ(pt_op(MMUEXT_PIN_L1_TABLE, frame_mfn(inside)), 0);
    CHECK_EQ(pt_update(at, pte_make(base, PAGE_1G)), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_UNPIN_TABLE, frame_mfn(inside)), 0);
    CHECK_EQ(pt_update(at, pte_make(base, PAGE_1G)), 0);
    set_linear(true);
}

/* A member given back: the region is whole no longer. */
static void hole(void)
{
    uint64_t m = frame_mfn(inside).v, extent = inside.v;
    report_context("a block given back");
    REQUIRE(pt_update(at, pte_of(0)) == 0);
    set_linear(false);
    CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &m, 1, 9), 1);
    CHECK_EQ(pt_update(at, pte_make(base, PAGE_1G)), -XEN_EINVAL);
    CHECK_EQ(leak_reserve(XENMEM_populate_physmap, &extent, 1, 9), 1);
    frame_set_block(inside, mfn_of(extent));
    set_linear(true);
    CHECK_EQ(pt_update(at, pte_make(base, PAGE_1G)),
             extent == m ? 0 : -XEN_EINVAL);
}

static void split_and_join(void)
{
    struct flagstone_stats before, after;
    mfn_t left = MFN_NONE;
    report_context("split");
    for (unsigned b = 0; b < REGION_BLOCKS; b++)
        *word(b) = 29 * (b + 1);
    flagstone_stats(&before);
    REQUIRE(flagstone_split(at, frame_mfn(table)) == 0);
    flagstone_stats(&after);
    CHECK_EQ(after.split, before.split + 1);
    CHECK_EQ(after.pt_l2, before.pt_l2 + 1);
    const pte_t *e = frame_va(table);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        CHECK(pte_has(e[i], PTE_P | PTE_PSE | PTE_RW | PTE_US));
        CHECK_EQ(pte_mfn(e[i]).v, base.v + i * BLOCK_FRAMES);
    }
    check_words(29);
    audit();
    report_context("join refused");
    maddr_t fifth = pt_slot_maddr(frame_mfn(table), 5);
    pte_t was = e[5];
    CHECK_EQ(pt_update(fifth, pte_of(was.v & ~(uint64_t)PTE_RW)), 0);
    CHECK_EQ(flagstone_join(at, &left), -XEN_EINVAL);
    CHECK_EQ(pt_update(fifth, pte_of(0)), 0);
    CHECK_EQ(flagstone_join(at, &left), -XEN_EINVAL);
    CHECK_EQ(pt_update(fifth, was), 0);
    report_context("join");
    CHECK_EQ(flagstone_join(at, &left), 0);
    CHECK_EQ(left.v, frame_mfn(table).v);
    CHECK_EQ(pte_mfn(entry()).v, base.v);
    CHECK(pte_has(entry(), PTE_P | PTE_PSE | PTE_RW));
    check_words(29);
    /* The old table may have stopped on its way down: the next goes on. */
    CHECK_EQ(pt_update(at, entry()), 0);
    flagstone_stats(&after);
    CHECK_EQ(after.superpage_maps, before.superpage_maps);
    CHECK_EQ(after.pt_l2, before.pt_l2);
    audit();
}

/* Refused by a processor that has none, by Xen, and where they are off. */
static void refused(void)
{
    CHECK_EQ(pt_update(at, pte_make(base, PAGE_1G)), -XEN_EINVAL);
    report_end(REPORT_SKIP, "1 GiB entries are refused");
}

static bool processor_has_them(void)
{
    uint32_t eax = 0x80000001, ebx, ecx = 0, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return edx & BIT(26);
}

void guest_main(void)
{
    if (!find_region())
        report_end(REPORT_SKIP, "no region of 1 GiB is all mine");
    table = frame_alloc();
    frame_make_ro(table);
    pt_make_tables(WINDOW, 3);
    at = pt_entry_maddr(pt_root(), WINDOW, 3);
    printk("region at mfn %#lx; CPUID %s 1 GiB entries\n", base.v,
           processor_has_them() ? "shows" : "does not show");
    int64_t rc = pt_update(at, pte_make(base, PAGE_1G));
    if (rc || cmdline_is("expect", "refused"))
        refused();
    REQUIRE(pt_update(at, pte_of(0)) == 0);
    use();
    bad_entries();
    exclusive();
    split_and_join();
    hole();
    audit();
}
