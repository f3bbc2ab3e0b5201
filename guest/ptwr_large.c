/* SPDX-License-Identifier: MIT */
/* make test: GUESTOPTS=pse=always */
/*
 * ptwr_large: a kernel that stores straight into its tables of level 2, as
 * Linux does with large pages (pse=late): makes one, takes RW away by a bit,
 * leaves the complement of its address for a moment, takes it out by xchg. What
 * must not be stored comes back as the page fault that it was. Who is not shown
 * large pages is refused the first of them, as on Xen.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "ptwr_large";

#define WINDOW UINT64_C(0xffffc00000000000)
#define LARGE  (PT_TABLE | PTE_PSE)

static volatile uint64_t *entry; /* of WINDOW, by the read-only linear map */
static volatile uint64_t *word = (volatile uint64_t *)WINDOW;
static pfn_t block;
static mfn_t base;

/* What the processor may set at any time is not looked at. */
static uint64_t seen(uint64_t e)
{
    return e & ~(PTE_A | PTE_D);
}

static uint64_t large(uint64_t flags)
{
    return pte_make(base, flags).v;
}

static volatile uint64_t *entry_of(uint64_t va, unsigned level)
{
    return (volatile uint64_t *)(uintptr_t)pt_entry(pt_root(), va, level);
}

static void flush(void)
{
    CHECK_EQ(pt_op_addr(MMUEXT_INVLPG_LOCAL, WINDOW), 0);
}

static void check_maps(bool writable)
{
    uint64_t value = 0;
    flush();
    CHECK_EQ(try_read((const void *)WINDOW, &value), 0);
    CHECK_EQ(value, 0x1234);
    CHECK_EQ(try_write((void *)WINDOW, 0x1234), !writable);
}

static void check_unmapped(void)
{
    uint64_t value;
    flush();
    CHECK_EQ(try_read((const void *)WINDOW, &value), 1);
    CHECK_EQ(trap_last.vector, TRAP_PF);
    CHECK_EQ(trap_last.cr2, WINDOW);
}

static uint64_t xchg(uint64_t value)
{
    __asm__ volatile("xchgq %0, %1" : "+r"(value), "+m"(*entry) : : "memory");
    return value;
}

/* What CPUID says of PSE. */
static bool large_pages_are_shown(void)
{
    return cpuid(1, 0).d >> 3 & 1;
}

static bool setup(void)
{
    CHECK_EQ(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables),
             0);
    block = frame_block_alloc();
    REQUIRE(block.v != PFN_NONE.v);
    base = frame_mfn(block);
    pt_make_tables(WINDOW, 2);
    entry = entry_of(WINDOW, 2);
    REQUIRE(entry);
    return try_write(entry, large(LARGE)) == 0;
}

static void test_life(void)
{
    bool was;
    report_context("a large page");
    *word = 0x1234;
    check_maps(true);
    CHECK_EQ(*(uint64_t *)frame_va(block), 0x1234);
    report_context("read only by a bit");
    __asm__ volatile("lock btrq $1, %1" : "=@ccc"(was), "+m"(*entry) : :);
    CHECK(was);
    check_maps(false);
    __asm__ volatile("lock btsq $1, %1" : "=@ccc"(was), "+m"(*entry) : :);
    CHECK(!was);
    check_maps(true);
    report_context("invalid for a moment");
    CHECK_EQ(seen(xchg((~large(0) & PTE_ADDR) | PTE_PSE | PTE_RW)),
             seen(large(LARGE)));
    check_unmapped();
    CHECK_EQ(xchg(large(LARGE)), (~large(0) & PTE_ADDR) | PTE_PSE | PTE_RW);
    check_maps(true);
    report_context("taken out");
    CHECK_EQ(seen(xchg(0)), seen(large(LARGE)));
    check_unmapped();
}

static void check_refused(const char *what, volatile uint64_t *at,
                          uint64_t value)
{
    report_context("refused: %s", what);
    uint64_t before = *at;
    CHECK_EQ(try_write(at, value), 1);
    CHECK_EQ(trap_last.vector, TRAP_PF);
    CHECK_EQ(trap_last.error, PF_PRESENT | PF_WRITE);
    CHECK_EQ(trap_last.cr2, (uint64_t)at);
    CHECK_EQ(seen(*at), seen(before));
}

/* Into an empty entry, and over one that maps. */
static void test_refused(void)
{
    const mfn_t table = frame_mfn(
        frame_pfn_of_va((const void *)(uintptr_t)entry_of(WINDOW, 3)));
    for (unsigned round = 0; round < 2; round++) {
        if (round)
            CHECK_EQ(try_write(entry, large(LARGE)), 0);
        check_refused("a table", entry, pte_make(table, PT_TABLE).v);
        check_refused("not the first of a block", entry,
                      pte_make(mfn_add(base, 1), LARGE).v);
        check_refused("not there", entry, large(LARGE) | BIT(50));
        check_refused("its address, absent", entry, large(PTE_PSE));
        check_refused("address 0, absent", entry, PTE_PSE);
        check_refused("its address above the cache's bits, absent", entry,
                      large(PTE_PSE) | BIT(51));
        check_refused("a cache bit", entry, large(LARGE | PTE_PCD));
    }
    CHECK_EQ(try_write(entry, 0), 0);
    /* A table in use neither goes nor changes by a store. */
    check_refused("a table's end", entry_of(WINDOW, 3), 0);
    check_refused("a table's flags", entry_of(WINDOW, 3),
                  *entry_of(WINDOW, 3) | PTE_NX);
    check_refused("level 4", entry_of(WINDOW, 4), 0);
}

/* The block is an ordinary one again, of which each frame may be a table. */
static void test_counts(void)
{
    report_context("counts");
    for (unsigned i = 0; i < BLOCK_FRAMES; i += 73) {
        const pfn_t p = pfn_of(block.v + i);
        memset(frame_va(p), 0, PAGE_SIZE);
        frame_make_ro(p);
        CHECK_EQ(pt_pin(p, 1), 0);
        CHECK_EQ(pt_unpin(p), 0);
        frame_make_rw(p);
    }
    frame_block_free(block);
}

void guest_main(void)
{
    const bool shown = large_pages_are_shown();
    CHECK_EQ(setup(), shown);
    if (!shown) {
        CHECK_EQ(trap_last.vector, TRAP_PF);
        CHECK_EQ(*entry, 0);
        return;
    }
    test_life();
    test_refused();
    test_counts();
}
