/* SPDX-License-Identifier: MIT */
/* make test: GUESTOPTS=pse=always */
/*
 * lapse: a kernel that knows large pages (pse=) and lets tables go as on a bare
 * machine: takes one out of an L2 by xchg and writes there, forgets an empty
 * one, wants a shared one back. What becomes writable is what no tree has, and
 * what is not the kernel's alone, or in use, or another's, is a page fault as
 * ever, whatever bits its entries have. Who is not shown large pages has none
 * of it.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "lapse";

#define WINDOW  UINT64_C(0xffffc00000000000) /* what is stored to, by pages */
#define TREE    UINT64_C(0xffffc10000000000) /* where tables hang */
#define REGION  BIT(30)
#define TEXT    (PTE_P | PTE_A | PTE_D) /* of the kernel's own */
#define KERNELS (TEXT | PTE_NX)
#define BAD     (PT_KERNEL_RW | PTE_PCD)

static pfn_t table;
static volatile uint64_t *word = (volatile uint64_t *)WINDOW;

static void map(unsigned page, mfn_t m, uint64_t flags)
{
    CHECK_EQ(pt_map(WINDOW + page * PAGE_SIZE, m, flags), 0);
}

static bool is_writable(unsigned page)
{
    return pt_lookup(WINDOW + page * PAGE_SIZE).v & PTE_RW;
}

static bool is_large_shown(void)
{
    return cpuid(1, 0).d >> 3 & 1;
}

static maddr_t slot_of(uint64_t va, unsigned level)
{
    return pt_entry_maddr(pt_root(), va, level);
}

static uint64_t xchg(volatile uint64_t *p, uint64_t value)
{
    __asm__ volatile("xchgq %0, %1" : "+r"(value), "+m"(*p) : : "memory");
    return value;
}

/* An empty table, pinned, by the kernel's own mapping in page 0. */
static void table_begin(void)
{
    table = frame_alloc();
    frame_make_ro(table);
    CHECK_EQ(pt_pin(table, 1), 0);
    map(0, frame_mfn(table), KERNELS);
}

/* Whatever it is by now, but a table in use. */
static void table_end(void)
{
    CHECK_EQ(pt_unmap(WINDOW), 0);
    frame_make_rw(table);
    frame_free(table);
}

/* A page fault, of which nothing is left. */
static void check_faults(const char *what, volatile uint64_t *at,
                         uint64_t value)
{
    const uint64_t before = *at;
    report_context("not writable: %s", what);
    CHECK_EQ(try_write(at, value), 1);
    CHECK_EQ(trap_last.vector, TRAP_PF);
    CHECK_EQ(trap_last.error, PF_PRESENT | PF_WRITE);
    CHECK_EQ(trap_last.cr2, (uint64_t)at);
    CHECK_EQ(*at, before);
}

/* Anything goes there, an entry that is none and one of another's frame. */
static void check_is_memory(void)
{
    const uint64_t values[] = {BAD, pte_make(mfn_of(0), PT_KERNEL_RW).v,
                               pte_make(frame_mfn(table), PT_KERNEL_RW).v, 1};
    for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
        CHECK_EQ(try_write(&word[i * 100], values[i]), 0);
        CHECK_EQ(word[i * 100], values[i]);
    }
    CHECK(is_writable(0));
}

static void check_lapsed(void)
{
    check_is_memory();
    CHECK_EQ(pt_unpin(table), 0); /* once, of the pin that went */
    CHECK_EQ(pt_unpin(table), -XEN_EINVAL);
    table_end();
}

static void test_empty(void)
{
    report_context("an empty table");
    table_begin();
    CHECK_EQ(pt_pin(table, 1), -XEN_EINVAL); /* it is */
    check_lapsed();
    report_context("mapped elsewhere first");
    table_begin();
    map(1, frame_mfn(table), PT_KERNEL_RW);
    word[512] = BAD;
    CHECK_EQ(pt_unmap(WINDOW + PAGE_SIZE), 0);
    check_lapsed();
}

/* The store is carried out as one of an entry, by the rules for entries. */
static void check_is_table(const char *what)
{
    check_faults(what, &word[9], pte_make(frame_mfn(table), PT_KERNEL_RW).v);
    report_context("a table still: %s", what);
    CHECK_EQ(try_write(&word[9], PTE_NX), 0);
    CHECK(!is_writable(0));
    CHECK_EQ(try_write(&word[9], 0), 0);
}

static void test_in_use(void)
{
    const maddr_t slot = (pt_make_tables(TREE, 2), slot_of(TREE, 2));
    table_begin();
    CHECK_EQ(pt_update(slot, pte_make(frame_mfn(table), PT_TABLE)), 0);
    check_is_table("it hangs in a tree");
    CHECK_EQ(try_write(&word[0], pte_make(frame_mfn(table), KERNELS).v), 0);
    CHECK_EQ(pt_update(slot, pte_of(0)), 0);
    check_is_table("it maps");
    CHECK_EQ(try_write(&word[0], 0x246), 0);
    CHECK_EQ(try_write(&word[0], PTE_NX), 0);
    check_is_table("it says something");
    CHECK_EQ(try_write(&word[0], 0), 0);
    check_lapsed();
}

/* By an entry that is not the kernel's alone, until it says that it is. */
static void test_mark(void)
{
    table_begin();
    map(0, frame_mfn(table), PT_KERNEL_RO | PTE_NX);
    check_faults("a program's entry", &word[9], BAD);
    map(0, frame_mfn(table), TEXT);
    check_faults("what is run", &word[9], BAD);
    map(0, frame_mfn(table), PT_KERNEL_RO | PTE_NX | PTE_GUEST_KERNEL);
    check_is_memory();
    map(0, frame_mfn(table), KERNELS);
    check_faults("read-only again", &word[9], 1);
    map(0, frame_mfn(table), KERNELS | PTE_RW);
    check_lapsed();
}

/* Levels 2 to 4, descriptors, and what is the hypervisor's. */
static void test_others(void)
{
    for (unsigned level = 2; level <= 4; level++) {
        const pfn_t p = frame_alloc();
        frame_make_ro(p);
        CHECK_EQ(pt_pin(p, level), 0);
        map(1, frame_mfn(p), KERNELS);
        check_faults("empty, of another level", &word[512 + 9], BAD);
        CHECK_EQ(pt_unpin(p), 0);
        check_faults("that was unpinned", &word[512 + 9], 1);
        CHECK_EQ(pt_unpin(p), -XEN_EINVAL);
        CHECK_EQ(pt_unmap(WINDOW + PAGE_SIZE), 0);
        frame_make_rw(p);
        frame_free(p);
    }
    map(1, mfn_of(guest_start_info->shared_info >> PAGE_SHIFT), KERNELS);
    check_faults("shared with the hypervisor", &word[512 + 500], 1);
    map(1, frame_mfn(frame_pfn_of_va(guest_name)), KERNELS);
    check_faults("a page like any other", &word[512], 1);
    CHECK_EQ(pt_unmap(WINDOW + PAGE_SIZE), 0);
}

/* The L2 in page 1, by which tables are taken out. */
static volatile uint64_t *l2_begin(uint64_t va)
{
    const pte_t *e = pt_entry(pt_root(), va, 2);
    map(1, frame_mfn(frame_pfn_of_va(e)), KERNELS);
    return &word[512 + ((uintptr_t)e % PAGE_SIZE) / 8];
}

static void fill(void)
{
    for (unsigned i = 0; i < 512; i++)
        CHECK_EQ(pt_update(pt_slot_maddr(frame_mfn(table), i),
                           pte_make(frame_mfn(table), KERNELS)),
                 0);
}

static void test_taken_out(void)
{
    volatile uint64_t *e = l2_begin(TREE);
    const uint64_t hangs =
        pte_make((table_begin(), frame_mfn(table)), PT_TABLE).v;
    fill();
    CHECK_EQ(try_write(e, hangs), 1); /* there is a hypercall for that */
    CHECK_EQ(pt_update(slot_of(TREE, 2), pte_of(hangs)), 0);
    CHECK_EQ(pt_update(slot_of(TREE + BIT(21), 2), pte_of(hangs)), 0);
    check_faults("absent, but names memory", e,
                 pte_make(frame_mfn(table), PTE_PSE).v);
    check_faults("another table", e, hangs | PTE_PCD);
    report_context("taken out");
    CHECK_EQ(xchg(e + 1, 0), hangs);
    check_faults("it hangs elsewhere", &word[9], BAD);
    CHECK_EQ(xchg(e, 0), hangs);
    report_context("and put back");
    CHECK_EQ(pt_update(slot_of(TREE, 2), pte_of(hangs)), 0);
    check_faults("it was put back", &word[9], BAD);
    CHECK_EQ(xchg(e, PTE_NX), hangs);
    CHECK_EQ(xchg(e, 0), PTE_NX);
    check_lapsed();
}

/* Level 3 takes none out, nor does an entry onto its own level. */
static void test_not_taken_out(void)
{
    volatile uint64_t *e = l2_begin(TREE);
    const mfn_t l2 = frame_mfn(
        frame_pfn_of_va((const void *)(uintptr_t)pt_entry(pt_root(), TREE, 2)));
    CHECK_EQ(pt_update(slot_of(TREE, 2), pte_make(l2, PT_KERNEL_RO)), 0);
    check_faults("a table of its own level", e, 0);
    CHECK_EQ(pt_update(slot_of(TREE, 2), pte_of(0)), 0);
    map(1,
        frame_mfn(frame_pfn_of_va(
            (const void *)(uintptr_t)pt_entry(pt_root(), TREE, 3))),
        KERNELS);
    check_faults("level 3", &word[512 + pt_index(TREE, 3)], 0);
}

/* Two places of the L3 have it. */
static void test_shared(void)
{
    const pfn_t p = frame_alloc();
    const mfn_t m = frame_mfn(p);
    frame_make_ro(p);
    for (unsigned i = 1; i <= 2; i++)
        CHECK_EQ(
            pt_update(slot_of(TREE + i * REGION, 3), pte_make(m, PT_TABLE)), 0);
    map(0, m, KERNELS);
    map(0, m, KERNELS | PTE_RW);
    report_context("a shared table");
    for (unsigned i = 1; i <= 2; i++) {
        CHECK(!is_writable(0));
        check_faults("a shared table", &word[9], BAD);
        CHECK_EQ(try_write(&word[9], PTE_NX), 0);
        CHECK_EQ(pt_update(slot_of(TREE + i * REGION, 3), pte_of(0)), 0);
    }
    CHECK_EQ(pt_pin(p, 2), 0);
    check_faults("it is one again", &word[9], BAD);
    CHECK_EQ(pt_unpin(p), 0);
    table = p;
    check_is_memory();
    CHECK_EQ(pt_unpin(p), -XEN_EINVAL);
    table_end();
}

/* As on Xen: it is a table until it is unpinned. */
static void test_not_shown(void)
{
    table_begin();
    check_is_table("large pages are not shown");
    CHECK(pt_map(WINDOW + PAGE_SIZE, frame_mfn(table), PT_KERNEL_RW) != 0);
    CHECK_EQ(pt_unpin(table), 0);
    CHECK_EQ(pt_unpin(table), -XEN_EINVAL);
    check_faults("an entry like any other", &word[9], 1);
    table_end();
}

void guest_main(void)
{
    CHECK_EQ(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables),
             0);
    pt_make_tables(WINDOW, 1);
    if (!is_large_shown()) {
        test_not_shown();
        return;
    }
    test_empty();
    test_in_use();
    test_mark();
    test_others();
    test_taken_out();
    test_not_taken_out();
    test_shared();
}
