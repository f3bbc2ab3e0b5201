/* SPDX-License-Identifier: MIT */
/*
 * advisory: sequences from which Xen's security advisories about page tables
 * were made (reference: the XSA numbers below). Each must end in a refusal or
 * in a fault of the guest's own, and leave nothing behind (leak.h).
 */
#include "guest/lib/guest.h"

const char guest_name[] = "advisory";

#define WINDOW UINT64_C(0xffffc00000000000)
/* Names for the spares. */
enum { TOP, MIDDLE, LOW, BAD, DATA, OTHER };

static pfn_t sp(unsigned i)
{
    return leak_spare(i);
}

static void point(unsigned from, unsigned slot, unsigned to, uint64_t flags)
{
    tree_poke(sp(from), slot, leak_mfn(to), flags);
}

static void close_tables(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        frame_make_ro(sp(i));
}

static void open_tables(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        frame_make_rw(sp(i));
}

/* XSA-45, 58, 299: a tree whose late entry is bad, at each level: refused as a
 * whole, and what was validated on the way is let go. */
static void late_bad_entry(void)
{
    for (unsigned level = 2; level <= PT_LEVELS; level++)
        for (unsigned late = 1; late < PT_ENTRIES; late += 127) {
            report_context("late bad entry: L%u slot %u", level, late);
            point(TOP, 0, MIDDLE, PT_TABLE);
            if (level > 2)
                point(MIDDLE, 0, LOW, PT_TABLE);
            unsigned slot = level == 4 && l4_slot_is_hv(late) ? 511 : late;
            point(TOP, slot, BAD, PT_TABLE); /* an ordinary page */
            close_tables(3);
            CHECK_EQ(pt_pin(sp(TOP), level), -XEN_EINVAL);
            open_tables(3);
            leak_check();
        }
}

/* XSA-182: a self-map read-only, then the same entry with RW. */
static void linear_to_writable(void)
{
    for (unsigned level = 2; level <= PT_LEVELS; level++) {
        report_context("linear L%u made writable", level);
        close_tables(1);
        CHECK_EQ(pt_pin(sp(TOP), level), 0);
        maddr_t at = pt_slot_maddr(leak_mfn(TOP), 3);
        CHECK_EQ(pt_update(at, pte_make(leak_mfn(TOP), PT_TABLE)), -XEN_EINVAL);
        if (!pt_update(at, pte_make(leak_mfn(TOP), PT_KERNEL_RO)))
            CHECK_EQ(pt_update(at, pte_make(leak_mfn(TOP), PT_TABLE)),
                     -XEN_EINVAL);
        CHECK(!(tree_peek(sp(TOP), 3) & PTE_RW));
        CHECK_EQ(pt_unpin(sp(TOP)), 0);
        open_tables(1);
        leak_check();
    }
}

/* XSA-240: a chain of tables of one level: the second link is refused. */
static void linear_chain(void)
{
    for (unsigned level = 2; level <= PT_LEVELS; level++) {
        report_context("chain of L%u", level);
        close_tables(3);
        for (unsigned i = 0; i < 3; i++)
            CHECK_EQ(pt_pin(sp(i), level), 0);
        int64_t first = pt_update(pt_slot_maddr(leak_mfn(1), 0),
                                  pte_make(leak_mfn(0), PT_KERNEL_RO));
        CHECK(first == 0 || first == -XEN_EINVAL);
        if (!first) {
            CHECK_EQ(pt_update(pt_slot_maddr(leak_mfn(2), 0),
                               pte_make(leak_mfn(1), PT_KERNEL_RO)),
                     -XEN_EINVAL);
            CHECK_EQ(pt_update(pt_slot_maddr(leak_mfn(0), 0),
                               pte_make(leak_mfn(2), PT_KERNEL_RO)),
                     -XEN_EINVAL);
        }
        for (unsigned i = 3; i-- > 0;)
            CHECK_EQ(pt_unpin(sp(i)), 0);
        open_tables(3);
        leak_check();
    }
}

/* XSA-148, 182: each single bit of a valid upper entry flipped. */
static void flip_bits(unsigned level)
{
    const uint64_t harmless =
        PTE_RW | PTE_US | PTE_A | PTE_D | PTE_AVL | PTE_AVL_HIGH | PTE_NX;
    point(TOP, 0, MIDDLE, PT_TABLE);
    close_tables(2);
    CHECK_EQ(pt_pin(sp(TOP), level), 0);
    maddr_t at = pt_slot_maddr(leak_mfn(TOP), 0);
    uint64_t base = tree_peek(sp(TOP), 0);
    for (unsigned bit = 1; bit < 64; bit++) {
        report_context("L%u entry, bit %u flipped", level, bit);
        /* PSE with an aligned frame could be a superpage: see super. */
        int64_t rc = pt_update(at, pte_of(base ^ BIT(bit)));
        if (rc == 0 && BIT(bit) & PTE_ADDR) {
            /* Chance led to another table of ours, and only there. */
            pfn_t p = frame_pfn(pte_mfn(pte_of(base ^ BIT(bit))));
            REQUIRE(p.v < frame_count());
            CHECK_EQ(frame_mfn(p).v, pte_mfn(pte_of(base ^ BIT(bit))).v);
            CHECK(!(pt_lookup((uint64_t)frame_va(p)).v & PTE_RW));
        } else {
            CHECK_EQ(rc, BIT(bit) & harmless ? 0 : -XEN_EINVAL);
            CHECK_EQ(tree_peek(sp(TOP), 0) & PTE_ADDR, base & PTE_ADDR);
        }
        CHECK(!(tree_peek(sp(TOP), 0) & (PTE_PSE | PTE_G | PTE_PCD | PTE_PWT)));
        CHECK_EQ(pt_update(at, pte_of(base)), 0);
    }
    CHECK_EQ(pt_update(at, pte_of(0)), 0);
    CHECK_EQ(pt_unpin(sp(TOP)), 0);
    open_tables(2);
    leak_check();
}

/* XSA-273: an entry that is not present and yet has an address. */
static void not_present_with_address(void)
{
    report_context("L1TF");
    if (guest_is_initial()) {
        printk("note: the initial domain may store L1TF entries\n");
        return;
    }
    REQUIRE(pt_map(WINDOW, leak_mfn(DATA), PT_KERNEL_RW) == 0);
    maddr_t at = pt_entry_maddr(pt_root(), WINDOW, 1);
    int64_t rc = pt_update(at, pte_make(leak_mfn(DATA), PTE_RW));
    pte_t seen = pt_lookup(WINDOW);
    CHECK(rc <= 0);
    CHECK(pte_present(seen) || !(seen.v & PTE_ADDR));
    REQUIRE(pt_unmap(WINDOW) == 0);
    leak_check();
}

/* XSA-252: a pinned root given back: it stays what it is until unpinned. */
static void decrease_pinned(void)
{
    report_context("decrease of a pinned root");
    point(TOP, 0, MIDDLE, PT_TABLE);
    point(MIDDLE, 0, LOW, PT_TABLE);
    close_tables(3);
    CHECK_EQ(pt_pin(sp(TOP), 4), 0);
    uint64_t extent = leak_mfn(TOP).v;
    int64_t before = leak_owned();
    CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &extent, 1, 0), 1);
    frame_unmap(sp(TOP));
    CHECK_EQ(leak_owned(), before); /* the pin holds it */
    CHECK_EQ(pt_op(MMUEXT_UNPIN_TABLE, mfn_of(extent)), 0);
    CHECK_EQ(leak_owned(), before - 1);
    extent = sp(TOP).v;
    CHECK_EQ(leak_reserve(XENMEM_populate_physmap, &extent, 1, 0), 1);
    frame_set_mfn(sp(TOP), mfn_of(extent));
    open_tables(3);
    leak_check();
}

/* XSA-241, 401, 408: a writable TLB entry must not outlive the type. */
static void stale_tlb(void)
{
    static const uint64_t none = 0;
    volatile uint64_t *va = (volatile uint64_t *)(WINDOW + PAGE_SIZE);
    for (unsigned how = 0; how < 3; how++) {
        report_context("stale TLB entry, way %u", how);
        REQUIRE(pt_map((uint64_t)va, leak_mfn(LOW), PT_KERNEL_RW) == 0);
        *va = 0; /* loads the TLB */
        maddr_t at = pt_entry_maddr(pt_root(), (uint64_t)va, 1);
        struct mmu_update req = {at.v, none};
        if (how == 0)
            CHECK_EQ(hc_update_va_mapping((uint64_t)va, 0, UVMF_NONE), 0);
        else if (how == 1)
            CHECK_EQ(hc_mmu_update(&req, 1, NULL, DOMID_SELF), 0);
        else
            CHECK_EQ(pt_update(at, pte_make(leak_mfn(LOW), PT_KERNEL_RO)), 0);
        close_tables(3);
        CHECK_EQ(pt_pin(sp(LOW), 1), 0);
        CHECK_EQ(try_write(va, how < 2 ? PTE_P | PTE_RW : PTE_ADDR | PTE_P), 1);
        CHECK_EQ(tree_peek(sp(LOW), 0), 0);
        CHECK_EQ(pt_unpin(sp(LOW)), 0);
        REQUIRE(pt_unmap((uint64_t)va) == 0);
        open_tables(3);
        leak_check();
    }
}

/* XSA-286: in one multicall a level-3 entry changes; what comes after must go
 * into the new level-1 table, not the one the old entry led to. */
static void changed_under_way(void)
{
    uint64_t va = WINDOW + BIT(30) * 7;
    report_context("tables changed under way");
    pt_make_tables(va, 3);
    point(MIDDLE, 0, LOW, PT_TABLE); /* the new L2 and L1 */
    close_tables(3);
    pt_make_tables(va, 1); /* the old ones */
    const pte_t *old = pt_entry(pt_root(), va, 1);
    maddr_t l3e = pt_entry_maddr(pt_root(), va, 3);
    uint64_t old_l3e = pt_entry(pt_root(), va, 3)->v;
    struct mmu_update req = {l3e.v, pte_make(leak_mfn(MIDDLE), PT_TABLE).v};
    uint64_t e = pte_make(leak_mfn(DATA), PT_KERNEL_RW).v;
    struct multicall_entry calls[] = {
        {.op = __HYPERVISOR_update_va_mapping, .args = {va, 0, UVMF_NONE}},
        {.op = __HYPERVISOR_mmu_update,
         .args = {(uint64_t)&req, 1, 0, DOMID_SELF}},
        {.op = __HYPERVISOR_update_va_mapping, .args = {va, e, UVMF_NONE}},
    };
    CHECK_EQ(hc_multicall(calls, 3), 0);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(calls[i].result, 0);
    CHECK_EQ(old->v, 0);
    CHECK_EQ(tree_peek(sp(LOW), 0) & PTE_ADDR, e & PTE_ADDR);
    CHECK_EQ(try_write((void *)va, 1), 0);
    CHECK_EQ(tree_peek(sp(DATA), 0), 1);
    CHECK_EQ(pt_unmap(va), 0);
    CHECK_EQ(pt_update(l3e, pte_of(old_l3e)), 0);
    open_tables(3);
    leak_check();
}

/* XSA-213: iret inside a multicall ends it; the rest must not run. */
static struct multicall_entry iret_calls[2];

static void do_multicall_iret(void)
{
    __asm__ volatile("movq %%rsp, %%rbx\n\t"
                     "pushq %[ss]\n\t"
                     "pushq %%rbx\n\t"
                     "pushq $0x202\n\t"
                     "pushq $0xe030\n\t" /* RPL 0: back into the kernel */
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "pushq $0\n\t" /* flags, rcx, r11, rax */
                     "pushq $0\n\t"
                     "pushq $0\n\t"
                     "pushq $0x77\n\t"
                     "movl $13, %%eax\n\t"
                     "movl $2, %%esi\n\t"
                     "movq %[calls], %%rdi\n\t"
                     "syscall\n"
                     "1:\n\t"
                     :
                     : [ss] "i"(FLAT_KERNEL_SS), [calls] "r"(iret_calls)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9",
                       "r10", "r11", "memory", "cc");
}

static void multicall_iret(void)
{
    report_context("iret in a multicall");
    struct mmu_update req = {
        maddr_of_mfn(leak_mfn(DATA)).v | MMU_MACHPHYS_UPDATE, 0x1234567};
    iret_calls[0] = (struct multicall_entry){.op = __HYPERVISOR_iret};
    iret_calls[1] =
        (struct multicall_entry){.op = __HYPERVISOR_mmu_update,
                                 .args = {(uint64_t)&req, 1, 0, DOMID_SELF}};
    do_multicall_iret();
    CHECK_EQ(frame_pfn(leak_mfn(DATA)).v, sp(DATA).v);
    leak_check();
}

/* XSA-45 and CR3: roots that are not. */
static void bad_roots(void)
{
    report_context("roots that are none");
    CHECK_EQ(pt_op(MMUEXT_NEW_BASEPTR, leak_mfn(TOP)), -XEN_EINVAL);
    point(TOP, 0, BAD, PT_TABLE);
    close_tables(1);
    CHECK_EQ(pt_op(MMUEXT_NEW_BASEPTR, leak_mfn(TOP)), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_NEW_USER_BASEPTR, leak_mfn(TOP)), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_NEW_BASEPTR, leak_mfn(DATA)), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_NEW_BASEPTR, frame_mfn(pt_root())), 0);
    open_tables(1);
    tree_poke_raw(sp(TOP), 0, 0);
    close_tables(1);
    CHECK_EQ(pt_op(MMUEXT_NEW_USER_BASEPTR, leak_mfn(TOP)), 0);
    CHECK_EQ(pt_op(MMUEXT_NEW_USER_BASEPTR, mfn_of(0)), 0);
    open_tables(1);
    leak_check();
}

void guest_main(void)
{
    leak_init();
    pt_make_tables(WINDOW, 1);
    leak_check();
    late_bad_entry();
    linear_to_writable();
    linear_chain();
    for (unsigned level = 2; level <= PT_LEVELS; level++)
        flip_bits(level);
    not_present_with_address();
    decrease_pinned();
    stale_tlb();
    changed_under_way();
    multicall_iret();
    bad_roots();
}
