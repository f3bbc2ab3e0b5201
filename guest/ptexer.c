/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * ptexer: page tables exercised as a well-behaved kernel would, with each
 * return code and each entry read back (ABI facts 2.1 to 2.4).
 */
#include "guest/lib/guest.h"

const char guest_name[] = "ptexer";

#define WINDOW UINT64_C(0xffffc00000000000)
#define GK     PTE_GUEST_KERNEL
/* What the hypervisor may add to a present L1 entry, by what the guest set. */
#define L1_USER_AS_SEEN(v)   ((v) | PTE_G)
#define L1_KERNEL_AS_SEEN(v) ((v) | PTE_US | GK)

static struct tree tree;
static pfn_t data; /* an ordinary frame, writable in the linear map */

static mfn_t m_of(pfn_t pfn)
{
    return frame_mfn(pfn);
}

/* ---- pin and unpin -------------------------------------------------- */

static void pin_level(pfn_t table, unsigned level)
{
    report_context("pin L%u", level);
    CHECK_EQ(pt_unpin(table), -XEN_EINVAL); /* not pinned */
    CHECK_EQ(pt_pin(table, level), 0);
    CHECK_EQ(pt_pin(table, level), -XEN_EINVAL); /* pins do not nest */
    for (unsigned other = 1; other <= PT_LEVELS; other++)
        if (other != level) /* one exclusive type at a time */
            CHECK_EQ(pt_pin(table, other), -XEN_EINVAL);
    CHECK_EQ(pt_unpin(table), 0);
    CHECK_EQ(pt_unpin(table), -XEN_EINVAL);
}

static void test_pin(void)
{
    tree_build(&tree, 2);
    tree_open(&tree);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        tree_poke(tree.l1[0], i, m_of(data), PT_KERNEL_RW);
    tree_close(&tree);
    pin_level(tree.l1[0], 1);
    pin_level(tree.l2, 2);
    pin_level(tree.l3, 3);
    pin_level(tree.l4, 4);

    report_context("pin a page that is mapped writable");
    pfn_t page = frame_alloc();
    for (unsigned level = 1; level <= PT_LEVELS; level++)
        CHECK_EQ(pt_pin(page, level), -XEN_EINVAL);
    frame_free(page);

    report_context("a tree pinned holds its tables");
    CHECK_EQ(pt_pin(tree.l4, 4), 0);
    CHECK_EQ(hc_update_va_mapping((uint64_t)frame_va(tree.l1[0]),
                                  pte_make(m_of(tree.l1[0]), PT_KERNEL_RW).v,
                                  UVMF_INVLPG),
             -XEN_EBUSY);
    CHECK_EQ(pt_pin(tree.l1[0], 1), 0); /* in a tree and pinned as well */
    CHECK_EQ(pt_unpin(tree.l4), 0);
    CHECK_EQ(hc_update_va_mapping((uint64_t)frame_va(tree.l1[0]),
                                  pte_make(m_of(tree.l1[0]), PT_KERNEL_RW).v,
                                  UVMF_INVLPG),
             -XEN_EBUSY);
    CHECK_EQ(pt_unpin(tree.l1[0]), 0);
    tree_free(&tree);
}

/* ---- mmu_update ----------------------------------------------------- */

static void test_l1_entries(void)
{
    static const uint64_t flags[] = {
        PTE_P,
        PTE_P | PTE_US,
        PTE_P | PTE_RW | PTE_A | PTE_D,
        PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D,
        PTE_P | PTE_US | PTE_NX,
        PTE_P | PTE_US | PTE_AVL,
        PTE_P | PTE_US | BITS(61, 53),
        PTE_P | PTE_US | PTE_G,
        PTE_P | PTE_US | GK,
    };
    pt_make_tables(WINDOW, 1);
    maddr_t at = pt_entry_maddr(pt_root(), WINDOW, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
        pte_t e = pte_make(m_of(data), flags[i]);
        report_context("L1 entry %#lx", flags[i]);
        CHECK_EQ(pt_update(at, e), 0);
        uint64_t seen = pt_lookup(WINDOW).v;
        if (!(e.v & PTE_US))
            CHECK_EQ(seen, L1_KERNEL_AS_SEEN(e.v));
        else if (!(e.v & GK))
            CHECK_EQ(seen, L1_USER_AS_SEEN(e.v));
        else
            CHECK_EQ(seen, e.v);
        CHECK_EQ(pt_update(at, pte_of(0)), 0);
        CHECK_EQ(pt_lookup(WINDOW).v, 0);
    }
    report_context("L1 entry that is not present");
    CHECK_EQ(pt_update(at, pte_of(0)), 0);
    CHECK_EQ(pt_update(at, pte_of(PTE_RW | PTE_AVL)), 0);
    CHECK_EQ(pt_lookup(WINDOW).v, PTE_RW | PTE_AVL);
    CHECK_EQ(pt_update(at, pte_of(0)), 0);
}

static void test_commands(void)
{
    maddr_t at = pt_entry_maddr(pt_root(), WINDOW, 1);
    pte_t e = pte_make(m_of(data), PTE_P | PTE_RW | PTE_US | GK);
    volatile uint64_t *through = (volatile uint64_t *)WINDOW;

    report_context("PRESERVE_AD");
    CHECK_EQ(pt_update(at, e), 0);
    *through = 1; /* the processor sets A and D */
    CHECK_EQ(pt_lookup(WINDOW).v, e.v | PTE_A | PTE_D);
    CHECK_EQ(pt_update_cmd(at, e, MMU_PT_UPDATE_PRESERVE_AD), 0);
    CHECK_EQ(pt_lookup(WINDOW).v, e.v | PTE_A | PTE_D);
    CHECK_EQ(pt_update(at, e), 0);
    CHECK_EQ(pt_lookup(WINDOW).v, e.v);

    report_context("NO_TRANSLATE");
    pte_t ro = pte_of(e.v & ~PTE_RW);
    CHECK_EQ(pt_update_cmd(at, ro, MMU_PT_UPDATE_NO_TRANSLATE), 0);
    CHECK_EQ(pt_lookup(WINDOW).v, ro.v);

    report_context("unknown command");
    for (uint64_t cmd = 4; cmd < 8; cmd++) {
        struct mmu_update req = {at.v | cmd, e.v};
        CHECK_EQ(hc_mmu_update(&req, 1, NULL, DOMID_SELF), -XEN_ENOSYS);
    }
    CHECK_EQ(pt_lookup(WINDOW).v, ro.v);
    CHECK_EQ(pt_update(at, pte_of(0)), 0);
}

static void test_machphys(void)
{
    mfn_t m = m_of(data);
    maddr_t at = maddr_of_mfn(m);
    report_context("MACHPHYS");
    CHECK_EQ(frame_pfn(m).v, data.v);
    CHECK_EQ(pt_update_cmd(at, pte_of(0x1234), MMU_MACHPHYS_UPDATE), 0);
    CHECK_EQ(frame_pfn(m).v, 0x1234);
    /* The value is the guest's business, even these (XSA-251). */
    CHECK_EQ(pt_update_cmd(at, pte_of(~UINT64_C(0)), MMU_MACHPHYS_UPDATE), 0);
    CHECK_EQ(frame_pfn(m).v, ~UINT64_C(0));
    CHECK_EQ(pt_update_cmd(at, pte_of(data.v), MMU_MACHPHYS_UPDATE), 0);
    CHECK_EQ(frame_pfn(m).v, data.v);
    int64_t max = hc_memory_op(XENMEM_maximum_ram_page, NULL);
    CHECK(max > 0);
    CHECK_EQ(pt_update_cmd(maddr_of(((uint64_t)max + 1) << PAGE_SHIFT),
                           pte_of(1), MMU_MACHPHYS_UPDATE),
             -XEN_EINVAL);
    uint64_t ignored;
    CHECK_EQ(try_write((void *)(MACH2PHYS_VIRT_START + m.v * 8), 0), 1);
    CHECK_EQ(trap_last.vector, TRAP_PF);
    CHECK_EQ(trap_last.error, PF_PRESENT | PF_WRITE);
    CHECK_EQ(try_read((void *)(MACH2PHYS_VIRT_START + m.v * 8), &ignored), 0);
    CHECK_EQ(ignored, data.v);
}

/* Stops at the first bad request, and says how far it got. */
static void test_batch(void)
{
    struct mmu_update reqs[4];
    uint32_t done = 77;
    maddr_t at = pt_entry_maddr(pt_root(), WINDOW, 1);
    report_context("batch");
    for (unsigned i = 0; i < 4; i++)
        reqs[i] = (struct mmu_update){at.v + i * 8,
                                      pte_make(m_of(data), PT_KERNEL_RO).v};
    reqs[2].val = pte_make(m_of(pt_root()), PT_KERNEL_RW).v;
    CHECK_EQ(hc_mmu_update(reqs, 4, &done, DOMID_SELF), -XEN_EBUSY);
    CHECK_EQ(done, 2);
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(pte_present(pt_lookup(WINDOW + i * PAGE_SIZE)), i < 2);
    for (unsigned i = 0; i < 4; i++)
        reqs[i].val = 0;
    CHECK_EQ(hc_mmu_update(reqs, 4, &done, DOMID_SELF), 0);
    CHECK_EQ(done, 4);
    done = 77;
    CHECK_EQ(hc_mmu_update(reqs, 0, &done, DOMID_SELF), 0);
    CHECK_EQ(done, 0);
    /* A page that is only data: the store is a plain store. */
    struct mmu_update plain = {maddr_of_mfn(m_of(data)).v + 16, 0x1122334455};
    CHECK_EQ(hc_mmu_update(&plain, 1, NULL, DOMID_SELF), 0);
    CHECK_EQ(tree_peek(data, 2), 0x1122334455);
}

static void upper_entry(pfn_t table, unsigned slot, pfn_t below, bool is_l4)
{
    maddr_t at = pt_slot_maddr(m_of(table), slot);
    uint64_t seen = pte_make(m_of(below), PTE_P | PTE_RW).v | PTE_US;
    CHECK_EQ(pt_update(at, pte_make(m_of(below), PTE_P | PTE_RW)), 0);
    CHECK_EQ(tree_peek(table, slot), is_l4 ? seen | PTE_A : seen);
    /* RW off and NX on: not the fast path, still fine. */
    CHECK_EQ(pt_update(at, pte_make(m_of(below), PTE_P | PTE_US | PTE_NX)), 0);
    static const uint64_t refused[] = {PTE_PSE, PTE_G, PTE_PWT, PTE_PCD};
    for (unsigned i = 0; i < ARRAY_SIZE(refused); i++)
        CHECK_EQ(pt_update(at, pte_make(m_of(below), PT_TABLE | refused[i])),
                 -XEN_EINVAL);
    CHECK_EQ(pt_update(at, pte_make(m_of(data), PT_TABLE)), -XEN_EINVAL);
    CHECK_EQ(tree_peek(table, slot) & (PTE_ADDR | PTE_P),
             pte_make(m_of(below), PTE_P).v);
    CHECK_EQ(pt_update(at, pte_of(0)), 0);
    CHECK_EQ(tree_peek(table, slot), 0);
}

static void test_upper_entries(void)
{
    tree_build(&tree, 1);
    report_context("entries of L2, L3, L4");
    CHECK_EQ(pt_pin(tree.l4, 4), 0);
    upper_entry(tree.l2, 7, tree.l1[0], false);
    upper_entry(tree.l3, 7, tree.l2, false);
    upper_entry(tree.l4, 7, tree.l3, true);
    for (unsigned slot = L4_HV_FIRST; slot <= L4_HV_LAST; slot += 5)
        CHECK_EQ(pt_update(pt_slot_maddr(m_of(tree.l4), slot),
                           pte_make(m_of(tree.l3), PT_TABLE)),
                 -XEN_EINVAL);
    CHECK_EQ(pt_unpin(tree.l4), 0);
    tree_free(&tree);
}

/* ---- update_va_mapping ---------------------------------------------- */

static void test_va_mapping(void)
{
    uint64_t cpus = 1;
    const uint64_t flushes[] = {
        UVMF_NONE,
        UVMF_TLB_FLUSH | UVMF_LOCAL,
        UVMF_TLB_FLUSH | UVMF_ALL,
        UVMF_INVLPG | UVMF_LOCAL,
        UVMF_INVLPG | UVMF_ALL,
        UVMF_TLB_FLUSH | (uint64_t)&cpus,
        UVMF_INVLPG | (uint64_t)&cpus,
    };
    pfn_t two = frame_alloc();
    volatile uint64_t *va = (volatile uint64_t *)WINDOW;
    tree_poke_raw(data, 0, 111);
    tree_poke_raw(two, 0, 222);
    for (unsigned i = 0; i < ARRAY_SIZE(flushes); i++) {
        report_context("flush %u", i);
        CHECK_EQ(hc_update_va_mapping(
                     WINDOW, pte_make(m_of(data), PT_KERNEL_RW).v, flushes[i]),
                 0);
        if (flushes[i])
            CHECK_EQ(*va, 111);
        CHECK_EQ(hc_update_va_mapping(
                     WINDOW, pte_make(m_of(two), PT_KERNEL_RW).v, flushes[i]),
                 0);
        if (flushes[i])
            CHECK_EQ(*va, 222);
        CHECK_EQ(hc_update_va_mapping(WINDOW, 0, flushes[i]), 0);
        if (!flushes[i])
            CHECK_EQ(pt_op_addr(MMUEXT_INVLPG_LOCAL, WINDOW), 0);
        CHECK_EQ(try_write(va, 1), 1);
        CHECK_EQ(trap_last.cr2, WINDOW);
        CHECK_EQ(trap_last.error, PF_WRITE);
    }
    frame_free(two);
    pte_t e = pte_make(m_of(data), PT_KERNEL_RO);
    report_context("update_va_mapping, bad address");
    CHECK_EQ(hc_update_va_mapping(UINT64_C(1) << 63, e.v, 0), -XEN_EINVAL);
    CHECK_EQ(hc_update_va_mapping(HYPERVISOR_VIRT_START, e.v, 0), -XEN_EINVAL);
    CHECK_EQ(hc_update_va_mapping(HYPERVISOR_VIRT_END - PAGE_SIZE, e.v, 0),
             -XEN_EINVAL);
    CHECK_EQ(hc_update_va_mapping(WINDOW + (UINT64_C(1) << 39), e.v, 0),
             -XEN_EINVAL);
}

/* Every mmuext operation that only flushes. */
static void test_flush_ops(void)
{
    static const enum xen_mmuext_cmd plain[] = {
        MMUEXT_TLB_FLUSH_LOCAL,
        MMUEXT_TLB_FLUSH_ALL,
        MMUEXT_INVLPG_LOCAL,
        MMUEXT_INVLPG_ALL,
    };
    static const uint64_t vas[] = {0, WINDOW, HYPERVISOR_VIRT_START,
                                   UINT64_C(1) << 63};
    for (unsigned i = 0; i < ARRAY_SIZE(plain); i++)
        for (unsigned v = 0; v < ARRAY_SIZE(vas); v++) {
            report_context("flush op %u at %#lx", plain[i], vas[v]);
            CHECK_EQ(pt_op_addr(plain[i], vas[v]), 0);
        }
    uint64_t cpus = ~UINT64_C(0); /* vCPUs that do not exist are ignored */
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_MULTI,
                           .arg2.vcpumask = (guest_ptr_t)&cpus};
    report_context("flush op with a mask");
    CHECK_EQ(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    op.cmd = MMUEXT_INVLPG_MULTI;
    op.arg1.linear_addr = WINDOW;
    CHECK_EQ(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    op.arg2.vcpumask = HYPERVISOR_VIRT_START + 4096;
    CHECK_EQ(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), -XEN_EINVAL);
}

static void test_page_ops(void)
{
    pfn_t to = frame_alloc();
    struct mmuext_op op = {.cmd = MMUEXT_COPY_PAGE,
                           .arg1.mfn = m_of(to).v,
                           .arg2.src_mfn = m_of(data).v};
    report_context("CLEAR_PAGE and COPY_PAGE");
    tree_poke_raw(data, 511, 0xabcdef);
    CHECK_EQ(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    CHECK_EQ(memcmp(frame_va(to), frame_va(data), PAGE_SIZE), 0);
    CHECK_EQ(pt_op(MMUEXT_CLEAR_PAGE, m_of(to)), 0);
    CHECK_EQ(tree_peek(to, 511), 0);
    CHECK_EQ(pt_op(MMUEXT_CLEAR_PAGE, m_of(pt_root())), -XEN_EINVAL);
    op.arg1.mfn = m_of(pt_root()).v;
    CHECK_EQ(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    op.arg1.mfn = m_of(to).v; /* a table may be read by its owner */
    op.arg2.src_mfn = m_of(pt_root()).v;
    CHECK_EQ(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    CHECK_EQ(memcmp(frame_va(to), frame_va(pt_root()), PAGE_SIZE), 0);
    frame_free(to);
}

/* ---- faults and protection ------------------------------------------ */

static void test_protection(void)
{
    report_context("page tables are read-only");
    CHECK_EQ(hc_update_va_mapping(WINDOW,
                                  pte_make(m_of(pt_root()), PT_KERNEL_RW).v,
                                  UVMF_INVLPG),
             -XEN_EBUSY);
    CHECK_EQ(hc_update_va_mapping(WINDOW,
                                  pte_make(m_of(pt_root()), PT_KERNEL_RO).v,
                                  UVMF_INVLPG),
             0);
    uint64_t value;
    CHECK_EQ(try_read((void *)(WINDOW + 8 * 511), &value), 0);
    CHECK_EQ(value, tree_peek(pt_root(), 511));
    CHECK_EQ(try_write((void *)WINDOW, 0), 1); /* an L4: never emulated */
    CHECK_EQ(trap_last.vector, TRAP_PF);
    CHECK_EQ(trap_last.error, PF_PRESENT | PF_WRITE);
    CHECK_EQ(trap_last.cr2, WINDOW);
    CHECK_EQ(pt_unmap(WINDOW), 0);

    report_context("hypervisor addresses");
    CHECK_EQ(try_write((void *)(HYPERVISOR_VIRT_END - 8), 0), 1);
    CHECK_EQ(trap_last.vector, TRAP_PF);
    CHECK_EQ(trap_last.cr2, HYPERVISOR_VIRT_END - 8);
    CHECK_EQ(try_read((void *)(UINT64_C(1) << 63), &value), 1);
    CHECK_EQ(trap_last.vector, TRAP_GP);
}

/* ---- linear (self-mapping) tables ----------------------------------- */

static void test_linear(void)
{
    const unsigned slot = 300;
    maddr_t at = pt_slot_maddr(m_of(pt_root()), slot);
    report_context("linear L4");
    CHECK_EQ(pt_update(at, pte_make(m_of(pt_root()), PT_TABLE)), -XEN_EINVAL);
    int64_t rc = pt_update(at, pte_make(m_of(pt_root()), PT_KERNEL_RO));
    if (rc == -XEN_EINVAL) {
        printk("linear page tables are refused here\n");
        return;
    }
    CHECK_EQ(rc, 0);
    uint64_t base = UINT64_C(0xffff000000000000) | (uint64_t)slot << 39;
    uint64_t self = base | (uint64_t)slot << 30 | (uint64_t)slot << 21 |
                    (uint64_t)slot << 12;
    uint64_t value;
    CHECK_EQ(try_read((void *)(self + slot * 8), &value), 0);
    CHECK_EQ(value, tree_peek(pt_root(), slot));
    CHECK_EQ(try_write((void *)(self + slot * 8), 0), 1);
    /* XSA-182: the same entry with RW added must not slip through. */
    CHECK_EQ(pt_update(at, pte_make(m_of(pt_root()), PT_TABLE)), -XEN_EINVAL);
    CHECK_EQ(pt_update(at, pte_of(0)), 0);
}

void guest_main(void)
{
    data = frame_alloc();
    test_pin();
    test_l1_entries();
    test_commands();
    test_machphys();
    test_batch();
    test_upper_entries();
    test_va_mapping();
    test_flush_ops();
    test_page_ops();
    test_protection();
    test_linear();
}
