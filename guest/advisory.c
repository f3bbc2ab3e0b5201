/* SPDX-License-Identifier: MIT */
/* make test: VCPUS=2 */
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

/* XSA-37: a writable mapping of a page that has each of the other types. */
static void writable_mapping_of_tables(void)
{
    for (unsigned level = 1; level <= PT_LEVELS; level++) {
        report_context("L%u table mapped writable", level);
        close_tables(1);
        CHECK_EQ(pt_pin(sp(TOP), level), 0);
        CHECK_EQ(pt_map(WINDOW, leak_mfn(TOP), PT_KERNEL_RW), -XEN_EBUSY);
        CHECK_EQ(pt_map(WINDOW, leak_mfn(TOP), PT_KERNEL_RO), 0);
        CHECK_EQ(pt_map(WINDOW, leak_mfn(TOP), PT_KERNEL_RW), -XEN_EBUSY);
        CHECK_EQ(pt_unmap(WINDOW), 0);
        CHECK_EQ(pt_unpin(sp(TOP)), 0);
        open_tables(1);
        leak_check();
    }
}

/* XSA-214: what was audited as descriptors is audited anew, here or gone. */
static void former_descriptors(void)
{
    uint64_t frame = leak_mfn(TOP).v, out = sp(TOP).v;
    struct xen_memory_exchange x = {
        .in = {(guest_ptr_t)&frame, 1, 0, 0, DOMID_SELF},
        .out = {(guest_ptr_t)&out, 1, 0, 0, DOMID_SELF},
    };
    report_context("former descriptors");
    close_tables(1);
    CHECK_EQ(hc_set_gdt(&frame, 512), 0);
    CHECK_EQ(hc_set_gdt(NULL, 0), 0);
    open_tables(1);
    tree_poke_raw(sp(TOP), 3, UINT64_C(0x0000820000000000)); /* an LDT's */
    close_tables(1);
    CHECK_EQ(hc_set_gdt(&frame, 512), -XEN_EINVAL);
    frame_unmap(sp(TOP));
    CHECK_EQ(hc_memory_op(XENMEM_exchange, &x), 0);
    frame_set_mfn(sp(TOP), mfn_of(out));
    open_tables(1);
    tree_poke_raw(sp(TOP), 3, UINT64_C(0x0000820000000000));
    close_tables(1);
    CHECK_EQ(hc_set_gdt(&out, 512), -XEN_EINVAL);
    open_tables(1);
    leak_check();
}

/* XSA-113: requests for M2P that fail leave no reference behind. */
static void failing_m2p_updates(void)
{
    const mfn_t no_frame = mfn_of(UINT64_C(1) << 39);
    struct mmu_update own = {
        maddr_of_mfn(leak_mfn(DATA)).v | MMU_MACHPHYS_UPDATE, sp(DATA).v};
    struct mmu_update bad = {maddr_of_mfn(no_frame).v | MMU_MACHPHYS_UPDATE, 1};
    report_context("updates of M2P that fail");
    for (unsigned i = 0; i < 16; i++) {
        struct mmu_update both[2] = {own, bad};
        uint32_t done = 0;
        CHECK_EQ(hc_mmu_update(&own, 1, NULL, 1234), -XEN_ESRCH);
        CHECK_EQ(hc_mmu_update(&bad, 1, NULL, DOMID_SELF), -XEN_EINVAL);
        CHECK_EQ(hc_mmu_update(both, 2, &done, DOMID_SELF), -XEN_EINVAL);
        CHECK_EQ(done, 1);
    }
    leak_check();
}

/* XSA-158: orders that are no overflow, and yet too much for one hypercall. */
static void large_orders(void)
{
    uint64_t extent = leak_mfn(DATA).v, keep = extent;
    int64_t before = leak_owned();
    if (guest_is_initial())
        return; /* its limit is another */
    for (unsigned order = 10; order <= 18; order++) {
        report_context("order %u", order);
        struct xen_memory_exchange x = {
            .in = {(guest_ptr_t)&extent, 1, order, 0, DOMID_SELF},
            .out = {(guest_ptr_t)&extent, 1, order, 0, DOMID_SELF},
        };
        CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &extent, 1, order),
                 0);
        CHECK_EQ(leak_reserve(XENMEM_increase_reservation, &extent, 1, order),
                 0);
        CHECK_EQ(leak_reserve(XENMEM_populate_physmap, &extent, 1, order), 0);
        CHECK_EQ(hc_memory_op(XENMEM_exchange, &x), -XEN_EPERM);
        CHECK_EQ(extent, keep);
    }
    CHECK_EQ(leak_owned(), before);
    leak_check();
}

static int64_t on_node(enum xen_memory_cmd cmd, uint64_t *extent, unsigned node)
{
    struct xen_memory_reservation r = {
        (guest_ptr_t)extent, 1, 0,
        XENMEMF_node(node) | XENMEMF_exact_node_request, DOMID_SELF};

    return hc_memory_op(cmd, &r);
}

/* XSA-231: memory of each node there could be: ignored, or not to be had. */
static void nodes(void)
{
    for (unsigned node = 0; node < 255; node += node < 4 ? 1 : 25) {
        uint64_t extent = leak_mfn(DATA).v;
        report_context("node %u", node);
        frame_unmap(sp(DATA));
        int64_t got = on_node(XENMEM_decrease_reservation, &extent, node);
        CHECK(got == 1 || (got == 0 && node >= 64)); /* too many for Xen */
        if (!got)
            CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &extent, 1, 0),
                     1);
        extent = sp(DATA).v;
        got = on_node(XENMEM_populate_physmap, &extent, node);
        CHECK(got == 0 || got == 1);
        if (!got)
            CHECK_EQ(leak_reserve(XENMEM_populate_physmap, &extent, 1, 0), 1);
        frame_set_mfn(sp(DATA), mfn_of(extent));
        frame_make_rw(sp(DATA));
    }
    leak_check();
}

/* XSA-279: flushes of addresses there are not. */
static void flush_of_no_address(void)
{
    static const uint64_t none[] = {UINT64_C(1) << 63, UINT64_C(1) << 47,
                                    UINT64_C(0xffff7fffffffffff)};
    uint64_t cpus = ~UINT64_C(0);
    report_context("flushes of no address");
    for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
        struct mmuext_op multi = {.cmd = MMUEXT_INVLPG_MULTI,
                                  .arg1.linear_addr = none[i],
                                  .arg2.vcpumask = (guest_ptr_t)&cpus};
        CHECK_EQ(hc_update_va_mapping(none[i], 0, UVMF_INVLPG | UVMF_ALL),
                 -XEN_EINVAL);
        CHECK_EQ(hc_update_va_mapping(none[i], 0, UVMF_INVLPG | UVMF_LOCAL),
                 -XEN_EINVAL);
        CHECK_EQ(pt_op_addr(MMUEXT_INVLPG_LOCAL, none[i]), 0);
        CHECK_EQ(pt_op_addr(MMUEXT_INVLPG_ALL, none[i]), 0);
        CHECK_EQ(hc_mmuext_op(&multi, 1, NULL, DOMID_SELF), 0);
    }
}

/* XSA-296: a vCPU's context whose tables take longer than there is time. */
static volatile uint64_t ticked; /* when */
static uint64_t returned;
static struct vcpu_guest_context context;

static void on_timer(evtchn_port_t port)
{
    (void)port;
    ticked = timer_now();
}

#define LONG_TABLES 40u

static void make_tables(pfn_t *l1)
{
    for (unsigned n = 0; n < LONG_TABLES; n++) {
        l1[n] = frame_alloc();
        for (unsigned i = 0; i < PT_ENTRIES; i++)
            tree_poke(l1[n], i, leak_mfn(DATA), PTE_P | PTE_US);
        frame_make_ro(l1[n]);
    }
}

/* Not validated: LONG_TABLES full L1 tables; the last entry may be bad. */
static pfn_t long_tree(const pfn_t *l1, bool bad)
{
    pfn_t l4 = frame_alloc(), l3 = frame_alloc(), l2 = frame_alloc();

    tree_poke(l4, 0, frame_mfn(l3), PT_TABLE);
    tree_poke(l3, 0, frame_mfn(l2), PT_TABLE);
    for (unsigned n = 0; n < LONG_TABLES; n++)
        tree_poke(l2, n, frame_mfn(l1[n]), PT_TABLE);
    if (bad) /* an ordinary page, mapped writable */
        tree_poke(l2, 511, leak_mfn(BAD), PT_TABLE);
    frame_make_ro(l2);
    frame_make_ro(l3);
    frame_make_ro(l4);
    return l4;
}

static int64_t initialise(pfn_t user_root)
{
    context.flags = VGCF_in_kernel;
    context.ctrlreg[3] = maddr_of_mfn(frame_mfn(pt_root())).v;
    context.ctrlreg[1] = maddr_of_mfn(frame_mfn(user_root)).v;
    ticked = 0;
    (void)hc_set_timer_op(timer_now() + 60000);
    int64_t rc = hc_vcpu_op(VCPUOP_initialise, 1, &context);
    returned = timer_now();
    while (!ticked)
        (void)hc_sched_op(SCHEDOP_yield, NULL);
    return rc;
}

static void interrupted_initialise(void)
{
    static pfn_t l1[LONG_TABLES];
    int64_t port;
    report_context("a vCPU whose tables take long");
    if (hc_vcpu_op(VCPUOP_is_up, 1, NULL) == -XEN_ENOENT)
        return;
    port = event_bind_virq(VIRQ_TIMER, 0);
    REQUIRE(port > 0);
    event_set_handler((evtchn_port_t)port, on_timer);
    event_unmask((evtchn_port_t)port);
    event_enable();
    make_tables(l1);
    bool seen = false; /* the event, long before the hypercall was through */
    pfn_t bad = long_tree(l1, true);
    for (unsigned i = 0; i < 8 && !seen; i++) {
        CHECK_EQ(initialise(bad), -XEN_EINVAL);
        seen = returned > ticked + 30000;
    }
    CHECK(seen);
    CHECK_EQ(initialise(long_tree(l1, false)), 0);
    CHECK_EQ(hc_vcpu_op(VCPUOP_initialise, 1, &context), -XEN_EEXIST);
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
    writable_mapping_of_tables();
    former_descriptors();
    failing_m2p_updates();
    large_orders();
    nodes();
    flush_of_no_address();
    interrupted_initialise(); /* the vCPU keeps what it has: the last one */
}
