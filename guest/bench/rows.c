/* SPDX-License-Identifier: MIT */
/*
 * rows.c: what each operation costs as the guest sees it, in TSC ticks, which
 * guest/bench prints and guest/selfcheck shows. Each row comes of several
 * rounds; of these the caller picks one. Invariant: what is allocated and
 * mapped here stays so, or is as it was.
 */
#include "guest/bench/rows.h"

#include "guest/lib/guest.h"

#define ROUNDS 8
#define BATCH  128u
#define TABLES 16u

static pfn_t block; /* 512 frames to map */
static const uint64_t window = UINT64_C(0xffffc00000000000); /* ours to map */

static rows_tell_t *tell;
static enum rows_pick pick;

static void row(const char *name, uint64_t ticks, unsigned per)
{
    tell(name, ticks / per, per);
}

/* Sorts them. */
static uint64_t picked(uint64_t sample[ROUNDS])
{
    for (unsigned i = 1; i < ROUNDS; i++)
        for (unsigned k = i; k && sample[k] < sample[k - 1]; k--) {
            const uint64_t t = sample[k];
            sample[k] = sample[k - 1];
            sample[k - 1] = t;
        }
    return sample[pick == ROWS_LEAST ? 0 : ROUNDS / 2];
}

/* The time of one call in ROUNDS; the first warms up. */
static uint64_t measure(void (*fn)(void))
{
    uint64_t sample[ROUNDS];
    fn();
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t start = tsc_read();
        fn();
        sample[i] = tsc_read() - start;
    }
    return picked(sample);
}

#define LOOPS 64u

static void null_calls(void)
{
    for (unsigned i = 0; i < LOOPS; i++)
        hc_xen_version(XENVER_version, NULL);
}

/* One page, mapped at `window`, flipped between read-only and writable. */
static struct mmu_update flips[BATCH];

static void prepare_flips(void)
{
    for (unsigned i = 0; i < BATCH; i++) {
        uint64_t va = window + i * PAGE_SIZE;
        REQUIRE(pt_map(va, frame_mfn(pfn_of(block.v + i)), PT_KERNEL_RW) == 0);
        flips[i].ptr = pt_entry_maddr(pt_root(), va, 1).v;
        flips[i].val = pt_lookup(va).v;
    }
}

static void single_flips(void)
{
    for (unsigned i = 0; i < LOOPS; i++) {
        flips[0].val ^= PTE_RW;
        if (hc_mmu_update(flips, 1, NULL, DOMID_SELF))
            report(REPORT_FAILURE, "mmu_update refused a flip");
    }
}

/* The second page, unmapped and mapped again by turns. */
static void single_clears(void)
{
    const uint64_t value = flips[1].val;
    for (unsigned i = 0; i < LOOPS; i++) {
        flips[1].val = i & 1 ? value : 0;
        if (hc_mmu_update(&flips[1], 1, NULL, DOMID_SELF))
            report(REPORT_FAILURE, "mmu_update refused a change");
    }
}

static void batch_flips(void)
{
    for (unsigned i = 0; i < BATCH; i++)
        flips[i].val ^= PTE_RW;
    if (hc_mmu_update(flips, BATCH, NULL, DOMID_SELF))
        report(REPORT_FAILURE, "mmu_update refused a batch");
}

static void va_flips(void)
{
    for (unsigned i = 0; i < LOOPS; i++) {
        flips[0].val ^= PTE_RW;
        if (hc_update_va_mapping(window, flips[0].val, UVMF_INVLPG))
            report(REPORT_FAILURE, "update_va_mapping refused a flip");
    }
}

/* TABLES full L1s that map the same block. */
static struct tree tree;

static void build_tree(void)
{
    tree_build(&tree, TABLES);
    tree_open(&tree);
    for (unsigned t = 0; t < TABLES; t++)
        for (unsigned i = 0; i < PT_ENTRIES; i++)
            tree_poke(tree.l1[t], i, frame_mfn(pfn_of(block.v + i)),
                      PT_KERNEL_RW);
    tree_close(&tree);
}

static void pin_l1(void)
{
    if (pt_pin(tree.l1[0], 1) || pt_unpin(tree.l1[0]))
        report(REPORT_FAILURE, "pin or unpin of an L1 refused");
}

static void pin_tree(void)
{
    if (pt_pin(tree.l4, 4) || pt_unpin(tree.l4))
        report(REPORT_FAILURE, "pin or unpin of a tree refused");
}

/* A second root with the kernel's own upper half. */
static pfn_t other_root;

static void build_root(void)
{
    other_root = tree_kernel_root();
    REQUIRE(pt_pin(other_root, 4) == 0);
}

static void switch_roots(void)
{
    for (unsigned i = 0; i < LOOPS / 2; i++) {
        if (pt_op(MMUEXT_NEW_BASEPTR, frame_mfn(other_root)) ||
            pt_op(MMUEXT_NEW_BASEPTR, frame_mfn(pt_root())))
            report(REPORT_FAILURE, "new_baseptr refused");
    }
}

/* The shortest handler there is: the frame as bounced, straight into iret. */
__asm__(".pushsection .text\n"
        "bench_bounce:\n"
        "    pop %rcx\n"
        "    pop %r11\n"
        "    pushq $0\n"
        "    jmp hypercall_page + 23 * 32\n"
        ".popsection");
extern char bench_bounce[];

static void bounces(void)
{
    for (unsigned i = 0; i < LOOPS; i++)
        __asm__ volatile("int3" : : : "rcx", "r11", "memory");
}

/* A load of a page that is not there; the handler steps over it. */
__asm__(".pushsection .text\n"
        "bench_fault:\n"
        "    pop %rcx\n"
        "    pop %r11\n"
        "    add $8, %rsp\n"
        "    addq $2, (%rsp)\n"
        "    pushq $0\n"
        "    jmp hypercall_page + 23 * 32\n"
        ".popsection");
extern char bench_fault[];

static void faults(void)
{
    for (unsigned i = 0; i < LOOPS; i++)
        __asm__ volatile("movb (%0), %%cl"
                         :
                         : "a"(window)
                         : "rcx", "r11", "memory");
}

static void bench_exceptions(void)
{
    static struct trap_info table[257];
    trap_fill_table(table);
    table[TRAP_BP].address = (uint64_t)bench_bounce;
    table[TRAP_PF].address = (uint64_t)bench_fault;
    REQUIRE(hc_set_trap_table(table) == 0);
    row("exception_bounce_iret", measure(bounces), LOOPS);
    row("page_fault_iret", measure(faults), LOOPS);
    trap_init();
}

static struct mmuext_op flush;

static void flushes(void)
{
    for (unsigned i = 0; i < LOOPS; i++)
        if (hc_mmuext_op(&flush, 1, NULL, DOMID_SELF))
            report(REPORT_FAILURE, "a flush refused");
}

static void bench_flushes(void)
{
    flush = (struct mmuext_op){.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    row("tlb_flush_local", measure(flushes), LOOPS);
    flush = (struct mmuext_op){.cmd = MMUEXT_INVLPG_LOCAL,
                               .arg1.linear_addr = window};
    row("invlpg_local", measure(flushes), LOOPS);
}

/* Balloon: unmapped frames out and in again. */
static uint64_t extents[BATCH];

/*
 * One block, again and again, with no time to scrub any ahead: when what was
 * scrubbed before is used up. The mean of ROUNDS_BUSY.
 */
#define ROUNDS_BUSY 512u

static void balloon_busy(void)
{
    struct xen_memory_reservation r = {
        .extent_start = (guest_ptr_t)extents,
        .nr_extents = 1,
        .extent_order = BLOCK_SHIFT - PAGE_SHIFT,
        .domid = DOMID_SELF,
    };
    uint64_t in = 0;
    extents[0] = frame_mfn(block).v;
    for (unsigned round = 0; round < 2 * ROUNDS_BUSY; round++) {
        REQUIRE(hc_memory_op(XENMEM_decrease_reservation, &r) == 1);
        extents[0] = block.v;
        uint64_t start = tsc_read();
        REQUIRE(hc_memory_op(XENMEM_populate_physmap, &r) == 1);
        if (round >= ROUNDS_BUSY)
            in += tsc_read() - start;
    }
    for (uint64_t f = 0; f < BLOCK_FRAMES; f++)
        frame_set_mfn(pfn_of(block.v + f), mfn_of(extents[0] + f));
    row("balloon_2m_busy_in", in, ROUNDS_BUSY);
}

static void balloon(const char *name, unsigned order, uint64_t count)
{
    struct xen_memory_reservation r = {
        .extent_start = (guest_ptr_t)extents,
        .nr_extents = count,
        .extent_order = order,
        .domid = DOMID_SELF,
    };
    uint64_t out[ROUNDS], in[ROUNDS], pfns[BATCH];
    for (uint64_t i = 0; i < count; i++) {
        pfns[i] = block.v + (i << order);
        extents[i] = frame_mfn(pfn_of(pfns[i])).v;
    }
    for (unsigned round = 0; round <= ROUNDS; round++) {
        uint64_t start = tsc_read();
        int64_t done = hc_memory_op(XENMEM_decrease_reservation, &r);
        out[round % ROUNDS] = tsc_read() - start; /* the last is in the place
                                                     of the first */
        REQUIRE(done == (int64_t)count);
        memcpy(extents, pfns, sizeof(pfns));
        /* An idle moment, for a hypervisor that scrubs ahead of need. */
        REQUIRE(timer_sleep(20000000) == 0);
        start = tsc_read();
        done = hc_memory_op(XENMEM_populate_physmap, &r);
        in[round % ROUNDS] = tsc_read() - start;
        REQUIRE(done == (int64_t)count);
    }
    for (uint64_t i = 0; i < count; i++)
        for (uint64_t f = 0; f < UINT64_C(1) << order; f++)
            frame_set_mfn(pfn_of(pfns[i] + f), mfn_of(extents[i] + f));
    char label[40];
    format(label, sizeof(label), "%s_out", name);
    row(label, picked(out), (unsigned)count);
    format(label, sizeof(label), "%s_in", name);
    row(label, picked(in), (unsigned)count);
}

static void bench_balloon(void)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        frame_unmap(pfn_of(block.v + i));
    balloon("balloon_2m", BLOCK_SHIFT - PAGE_SHIFT, 1);
    balloon_busy();
    balloon("balloon_4k_batch128", 0, BATCH);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        frame_make_rw(pfn_of(block.v + i));
}

static struct mmu_update super_map, super_unmap;

static void super_cycle(void)
{
    if (hc_mmu_update(&super_map, 1, NULL, DOMID_SELF) ||
        hc_mmu_update(&super_unmap, 1, NULL, DOMID_SELF))
        report(REPORT_FAILURE, "superpage map or unmap refused");
}

static void bench_super(void)
{
    mfn_t m = frame_mfn(block);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (frame_mfn(pfn_of(block.v + i)).v != m.v + i)
            m = MFN_NONE;
    if (m.v % BLOCK_FRAMES) {
        printk("superpage: the block is not contiguous, no row\n");
        return;
    }
    uint64_t va = window + (UINT64_C(1) << 30);
    pt_make_tables(va, 2);
    maddr_t at = pt_entry_maddr(pt_root(), va, 2);
    super_map = (struct mmu_update){at.v, pte_make(m, PT_TABLE | PTE_PSE).v};
    super_unmap = (struct mmu_update){at.v, 0};
    int64_t rc = hc_mmu_update(&super_map, 1, NULL, DOMID_SELF);
    if (rc) {
        printk("superpage: refused (%ld), no row\n", rc);
        CHECK_EQ(rc, -XEN_EINVAL);
        return;
    }
    CHECK_EQ(hc_mmu_update(&super_unmap, 1, NULL, DOMID_SELF), 0);
    row("superpage_map_unmap", measure(super_cycle), 1);
}

void rows_run(rows_tell_t *to, enum rows_pick which)
{
    tell = to;
    pick = which;
    block = frame_block_alloc();
    REQUIRE(block.v != PFN_NONE.v);
    row("null_hypercall", measure(null_calls), LOOPS);
    prepare_flips();
    row("mmu_update_one", measure(single_flips), LOOPS);
    row("mmu_update_clear_set", measure(single_clears), LOOPS);
    row("mmu_update_batch128", measure(batch_flips), BATCH);
    flips[0].val = pt_lookup(window).v;
    row("update_va_mapping_invlpg", measure(va_flips), LOOPS);
    for (unsigned i = 0; i < BATCH; i++)
        REQUIRE(pt_unmap(window + i * PAGE_SIZE) == 0);
    build_tree();
    row("pin_unpin_l1", measure(pin_l1), 1);
    row("pin_unpin_tree16", measure(pin_tree), 1);
    build_root();
    row("new_baseptr", measure(switch_roots), LOOPS);
    bench_exceptions();
    bench_flushes();
    tree_free(&tree);
    bench_super();
    bench_balloon();
}
