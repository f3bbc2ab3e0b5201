/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * ptwr: a kernel that stores straight into its level-1 tables, as Linux does.
 * The table is mapped read-only; the store faults, and the hypervisor carries
 * it out as if it had been a validated mmu_update. What must not be stored
 * comes back as the page fault that it was.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "ptwr";

#define WINDOW UINT64_C(0xffffc00000000000)
#define SLOTS  8u

static volatile uint64_t *l1; /* the table that maps WINDOW, through the
                                 read-only linear map */
static pfn_t pages[SLOTS];
static uint64_t entry[SLOTS]; /* as the hypervisor shows them: US | bit 52 */

static uint64_t make(pfn_t pfn, uint64_t flags)
{
    return pte_make(frame_mfn(pfn), flags | PTE_US | PTE_GUEST_KERNEL).v;
}

static void flush(unsigned slot)
{
    CHECK_EQ(pt_op_addr(MMUEXT_INVLPG_LOCAL, WINDOW + slot * PAGE_SIZE), 0);
}

/* What slot maps must be its own page, known by its content. */
static void check_maps(unsigned slot, unsigned page)
{
    uint64_t value = 0;
    flush(slot);
    CHECK_EQ(try_read((void *)(WINDOW + slot * PAGE_SIZE), &value), 0);
    CHECK_EQ(value, 0x1000 + page);
}

static void check_unmapped(unsigned slot)
{
    uint64_t value;
    flush(slot);
    CHECK_EQ(try_read((void *)(WINDOW + slot * PAGE_SIZE), &value), 1);
    CHECK_EQ(trap_last.vector, TRAP_PF);
    CHECK_EQ(trap_last.cr2, WINDOW + slot * PAGE_SIZE);
}

static void setup(void)
{
    /* Xen needs no asking in dom0, where it has other such faults to see to. */
    CHECK_EQ(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables),
             0);
    pt_make_tables(WINDOW, 1);
    l1 = (volatile uint64_t *)(uintptr_t)pt_entry(pt_root(), WINDOW, 1);
    for (unsigned i = 0; i < SLOTS; i++) {
        pages[i] = frame_alloc();
        tree_poke_raw(pages[i], 0, 0x1000 + i);
        entry[i] = make(pages[i], PTE_P | PTE_RW | PTE_A | PTE_D);
    }
}

static void test_mov(void)
{
    report_context("mov");
    l1[0] = entry[0];
    CHECK_EQ(l1[0], entry[0]);
    check_maps(0, 0);
    l1[0] = entry[1]; /* straight from one frame to another */
    check_maps(0, 1);
    l1[0] = entry[1] & ~PTE_RW;
    flush(0);
    CHECK_EQ(try_write((void *)WINDOW, 0), 1);
    l1[0] = 0;
    check_unmapped(0);
    report_context("mov of an immediate");
    __asm__ volatile("movq $0x6, %0" : "=m"(l1[0]));
    CHECK_EQ(l1[0], 6);
    __asm__ volatile("movq $0, %0" : "=m"(l1[0]));
    CHECK_EQ(l1[0], 0);
}

static void test_xchg(void)
{
    uint64_t value = entry[2];
    report_context("xchg");
    __asm__ volatile("xchgq %0, %1" : "+r"(value), "+m"(l1[2]) : : "memory");
    CHECK_EQ(value, 0);
    CHECK_EQ(l1[2], entry[2]);
    check_maps(2, 2);
    value = 0; /* ptep_get_and_clear */
    __asm__ volatile("xchgq %0, %1" : "+r"(value), "+m"(l1[2]) : : "memory");
    CHECK_EQ(value & ~(PTE_A | PTE_D), entry[2] & ~(PTE_A | PTE_D));
    check_unmapped(2);
}

static bool cmpxchg(volatile uint64_t *at, uint64_t *old, uint64_t new)
{
    bool ok;
    __asm__ volatile("lock cmpxchgq %3, %1"
                     : "=@ccz"(ok), "+m"(*at), "+a"(*old)
                     : "r"(new)
                     : "memory");
    return ok;
}

static void test_cmpxchg(void)
{
    uint64_t old = 0;
    report_context("lock cmpxchg");
    CHECK(cmpxchg(&l1[3], &old, entry[3]));
    check_maps(3, 3);
    old = 0x123; /* not what is there: nothing stored, told what is */
    CHECK(!cmpxchg(&l1[3], &old, entry[4]));
    CHECK_EQ(old, entry[3]);
    check_maps(3, 3);
    old = entry[3];
    CHECK(cmpxchg(&l1[3], &old, 0));
    check_unmapped(3);
}

static void test_bits(void)
{
    bool was;
    report_context("bts, btr, btc");
    l1[4] = entry[4];
    __asm__ volatile("lock btrq $1, %1" : "=@ccc"(was), "+m"(l1[4]) : :);
    CHECK(was);
    CHECK_EQ(l1[4], entry[4] & ~PTE_RW);
    flush(4);
    CHECK_EQ(try_write((void *)(WINDOW + 4 * PAGE_SIZE), 0), 1);
    __asm__ volatile("lock btsq $1, %1" : "=@ccc"(was), "+m"(l1[4]) : :);
    CHECK(!was);
    CHECK_EQ(l1[4], entry[4]);
    __asm__ volatile("lock btcq $5, %1" : "=@ccc"(was), "+m"(l1[4]) : :);
    CHECK_EQ(l1[4], entry[4] & ~PTE_A);
    check_maps(4, 4);
    l1[4] = 0;
}

static void test_logic(void)
{
    report_context("and, or, xor");
    l1[5] = entry[5];
    __asm__ volatile("lock andq %1, %0" : "+m"(l1[5]) : "r"(~PTE_RW));
    CHECK_EQ(l1[5], entry[5] & ~PTE_RW);
    __asm__ volatile("lock orq %1, %0" : "+m"(l1[5]) : "r"(PTE_RW));
    CHECK_EQ(l1[5], entry[5]);
    /* All of it, for an entry that keeps its address must stay present. */
    __asm__ volatile("xorq %1, %0" : "+m"(l1[5]) : "r"(entry[5]));
    CHECK_EQ(l1[5], 0);
    check_unmapped(5);
    __asm__ volatile("xorq %1, %0" : "+m"(l1[5]) : "r"(entry[5]));
    check_maps(5, 5);
    l1[5] = 0;
    report_context("add, sub"); /* never present: only software bits move */
    l1[5] = 0x200;
    __asm__ volatile("addq %1, %0" : "+m"(l1[5]) : "r"(UINT64_C(0x600)));
    CHECK_EQ(l1[5], 0x800);
    __asm__ volatile("lock subq %1, %0" : "+m"(l1[5]) : "r"(UINT64_C(0x600)));
    CHECK_EQ(l1[5], 0x200);
    l1[5] = 0;
}

/* A refused store is the fault it was; the entry stays. */
static void check_refused(const char *what, unsigned slot, uint64_t value)
{
    report_context("refused: %s", what);
    uint64_t before = l1[slot];
    CHECK_EQ(try_write(&l1[slot], value), 1);
    CHECK_EQ(trap_last.vector, TRAP_PF);
    CHECK_EQ(trap_last.error, PF_PRESENT | PF_WRITE);
    CHECK_EQ(trap_last.cr2, (uint64_t)&l1[slot]);
    CHECK_EQ(l1[slot], before);
}

static void test_refused(void)
{
    l1[6] = entry[6];
    check_refused("a table, writable", 6, make(pt_root(), PTE_P | PTE_RW));
    check_refused(
        "its own table, writable", 6,
        make(frame_pfn_of_va((const void *)(uintptr_t)l1), PTE_P | PTE_RW));
    check_refused("a frame that is not there", 6,
                  PTE_ADDR | PTE_P | PTE_RW | PTE_US);
    check_maps(6, 6);
    l1[6] = 0;

    report_context("only level 1 is emulated");
    volatile uint64_t *l2 =
        (volatile uint64_t *)(uintptr_t)pt_entry(pt_root(), WINDOW, 2);
    uint64_t before = *l2;
    CHECK_EQ(try_write(l2, 0), 1);
    CHECK_EQ(trap_last.vector, TRAP_PF);
    CHECK_EQ(*l2, before);
}

/* After all of it the table is an ordinary page again, counts and all. */
static void test_counts(void)
{
    report_context("counts");
    for (unsigned i = 0; i < SLOTS; i++)
        CHECK_EQ(l1[i], 0);
    pfn_t table = frame_pfn_of_va((const void *)(uintptr_t)l1);
    CHECK_EQ(pt_update(pt_entry_maddr(pt_root(), WINDOW, 2), pte_of(0)), 0);
    frame_make_rw(table);
    frame_free(table);
    for (unsigned i = 0; i < SLOTS; i++) {
        /* Nobody refers to it any more: it can be a table. */
        memset(frame_va(pages[i]), 0, PAGE_SIZE);
        frame_make_ro(pages[i]);
        CHECK_EQ(pt_pin(pages[i], 1), 0);
        CHECK_EQ(pt_unpin(pages[i]), 0);
        frame_make_rw(pages[i]);
        frame_free(pages[i]);
    }
}

void guest_main(void)
{
    setup();
    test_mov();
    test_xchg();
    test_cmpxchg();
    test_bits();
    test_logic();
    test_refused();
    test_counts();
}
