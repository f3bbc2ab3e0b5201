/* SPDX-License-Identifier: MIT */
/*
 * gib: what it costs to give back 1 GiB and to take it again, in blocks of
 * 2 MiB and in frames of 4 KiB, page tables and p2m included, as a good driver
 * does it: 128 extents to a hypercall, the page tables in as few as possible.
 * Ticks of the TSC: under QEMU's -icount, instructions. Two parts of each are
 * the hypercalls for the reservation and those for the page tables; the rest
 * is the guest's own work.
 *
 * Where 2 MiB entries are to be had a block is mapped by one, else (on Xen) by
 * a table that is unhooked as a whole and refilled. Before memory is taken
 * again there is an idle moment, for a hypervisor that scrubs ahead of need.
 *
 * Command line: blocks=512, how many; needs a fifth of memory more. idle=1500,
 * milliseconds; 0: none.
 */
#include "guest/lib/guest.h"
#include "guest/lib/space.h"
#include "guest/lib/spare.h"

const char guest_name[] = "gib";

#define BATCH       128u
#define MAX_BLOCKS  768u
#define BLOCK_ORDER (BLOCK_SHIFT - PAGE_SHIFT)

static pfn_t block[MAX_BLOCKS];
static pfn_t table[MAX_BLOCKS]; /* of a block that is not mapped large */
static unsigned nr;
static bool large;

static uint64_t list[BATCH];
static struct mmu_update update[2 * BATCH];
static unsigned nr_updates;

static struct {
    uint64_t calls, reservation, tables;
} cost;

/* Tables for the blocks when they are small: behind the boot area. */
bool guest_large_map(pfn_t first)
{
    static uint64_t pool_end;
    if (!pool_end)
        pool_end = first.v + 2 * BLOCK_FRAMES;
    return first.v >= pool_end;
}

/* --- hypercalls, counted -------------------------------------------------- */

static void reserve(enum xen_memory_cmd cmd, unsigned n, unsigned order)
{
    struct xen_memory_reservation r = {(guest_ptr_t)list, n, order, 0,
                                       DOMID_SELF};
    uint64_t start = tsc_read();
    int64_t done = hc_memory_op(cmd, &r);
    cost.reservation += tsc_read() - start;
    cost.calls++;
    if (done == n)
        return;
    printk("memory_op %u: %ld of %u extents of order %u\n", cmd, done, n,
           order);
    report_end(REPORT_ERROR, "the memory is not to be had");
}

static void set(maddr_t at, pte_t value)
{
    update[nr_updates++] = (struct mmu_update){at.v, value.v};
}

static void flush(void)
{
    uint64_t start = tsc_read();
    REQUIRE(hc_mmu_update(update, nr_updates, NULL, DOMID_SELF) == 0);
    cost.tables += tsc_read() - start;
    cost.calls++;
    nr_updates = 0;
}

/* --- in blocks ------------------------------------------------------------ */

static maddr_t linear_entry(pfn_t pfn)
{
    return pt_entry_maddr(pt_root(), (uint64_t)frame_va(pfn), 1);
}

static void unmap_block(unsigned b)
{
    set(space_entry(space_nth(0), block[b]), pte_of(0));
    if (!large)
        set(linear_entry(table[b]),
            pte_make(frame_mfn(table[b]), PT_KERNEL_RW));
}

static void map_block(unsigned b)
{
    maddr_t at = space_entry(space_nth(0), block[b]);
    if (large) {
        set(at, pte_make(frame_mfn(block[b]), PT_TABLE | PTE_PSE));
        return;
    }
    pte_t *e = frame_va(table[b]);
    mfn_t m = frame_mfn(block[b]);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        e[i] = pte_make(mfn_add(m, i), PT_KERNEL_RW);
    set(linear_entry(table[b]), pte_make(frame_mfn(table[b]), PT_KERNEL_RO));
    set(at, pte_make(frame_mfn(table[b]), PT_TABLE));
}

static void blocks_out(void)
{
    for (unsigned b = 0, n; b < nr; b += n) {
        n = MIN(BATCH, nr - b);
        for (unsigned i = 0; i < n; i++) {
            list[i] = frame_mfn(block[b + i]).v;
            unmap_block(b + i);
        }
        flush();
        reserve(XENMEM_decrease_reservation, n, BLOCK_ORDER);
        for (unsigned i = 0; i < n; i++)
            frame_set_block(block[b + i], MFN_NONE);
    }
}

static void blocks_in(void)
{
    for (unsigned b = 0, n; b < nr; b += n) {
        n = MIN(BATCH, nr - b);
        for (unsigned i = 0; i < n; i++)
            list[i] = block[b + i].v;
        reserve(XENMEM_populate_physmap, n, BLOCK_ORDER);
        for (unsigned i = 0; i < n; i++) {
            frame_set_block(block[b + i], mfn_of(list[i]));
            map_block(b + i);
        }
        flush();
    }
}

/* --- in frames ------------------------------------------------------------ */

static maddr_t entry_of(unsigned b, unsigned frame)
{
    return pt_slot_maddr(frame_mfn(table[b]), frame);
}

static void frames_out(void)
{
    for (unsigned n = 0; n < nr * BLOCK_FRAMES; n += BATCH) {
        unsigned b = n / BLOCK_FRAMES, from = n % BLOCK_FRAMES;
        for (unsigned i = 0; i < BATCH; i++) {
            list[i] = frame_mfn(pfn_of(block[b].v + from + i)).v;
            set(entry_of(b, from + i), pte_of(0));
        }
        flush();
        reserve(XENMEM_decrease_reservation, BATCH, 0);
        for (unsigned i = 0; i < BATCH; i++)
            frame_set_mfn(pfn_of(block[b].v + from + i), MFN_NONE);
    }
}

static void frames_in(void)
{
    for (unsigned n = 0; n < nr * BLOCK_FRAMES; n += BATCH) {
        unsigned b = n / BLOCK_FRAMES, from = n % BLOCK_FRAMES;
        for (unsigned i = 0; i < BATCH; i++)
            list[i] = block[b].v + from + i;
        reserve(XENMEM_populate_physmap, BATCH, 0);
        for (unsigned i = 0; i < BATCH; i++) {
            frame_set_mfn(pfn_of(block[b].v + from + i), mfn_of(list[i]));
            set(entry_of(b, from + i), pte_make(mfn_of(list[i]), PT_KERNEL_RW));
        }
        flush();
    }
}

/* --- the measurement ------------------------------------------------------ */

static void measure(const char *what, void (*fn)(void))
{
    cost.calls = cost.reservation = cost.tables = 0;
    uint64_t start = tsc_read();
    fn();
    uint64_t ticks = tsc_read() - start;
    printk("%-12s %8lu %14lu %14lu %14lu\n", what, cost.calls, ticks,
           cost.reservation, cost.tables);
    printk("@{\"gib\":\"%s\",\"mib\":%u,\"calls\":%lu,\"ticks\":%lu,"
           "\"reservation\":%lu,\"tables\":%lu,\"hv\":\"%s\"}\n",
           what, nr * 2, cost.calls, ticks, cost.reservation, cost.tables,
           guest_flagstone ? "flagstone" : "xen");
}

/* Each frame is there and its own. */
static void check_frames(void)
{
    for (unsigned b = 0; b < nr; b++)
        for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
            uint64_t *p = frame_va(pfn_of(block[b].v + i));
            /* Xen gives the initial domain what it gave back as it is. */
            REQUIRE(!guest_flagstone || (p[7] == 0 && p[500] == 0));
            p[7] = block[b].v + i;
        }
    for (unsigned b = 0; b < nr; b++)
        for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
            const uint64_t *p = frame_va(pfn_of(block[b].v + i));
            REQUIRE(p[7] == block[b].v + i);
        }
}

static void idle(void)
{
    uint64_t ms = cmdline_number("idle", 1500);
    if (ms)
        REQUIRE(timer_sleep(ms * 1000000) == 0);
}

/* The table that maps it, of those made at the start. */
static pfn_t table_of(pfn_t first)
{
    const pte_t *e = pt_entry(pt_root(), (uint64_t)frame_va(first), 2);
    return frame_pfn(pte_mfn(*e));
}

static void take_blocks(void)
{
    unsigned want = (unsigned)MIN(cmdline_number("blocks", 512), MAX_BLOCKS);
    space_init();
    REQUIRE(spare_add(want));
    while (nr < want && (block[nr] = frame_block_alloc()).v != PFN_NONE.v)
        nr++;
    if (nr < want)
        report_end(REPORT_ERROR, "too little memory: 1280M for blocks=512");
    large = space_form(space_nth(0), block[0]) == SPACE_LARGE;
    for (unsigned b = 0; b < nr; b++) {
        enum space_form form = space_form(space_nth(0), block[b]);
        REQUIRE(space_is_block(block[b]));
        REQUIRE(form == (large ? SPACE_LARGE : SPACE_TABLE));
        if (!large)
            table[b] = table_of(block[b]);
    }
}

/* What was mapped large is mapped small from now on; not measured. */
static void make_small(void)
{
    for (unsigned b = 0; large && b < nr; b++) {
        REQUIRE(space_split(space_nth(0), block[b]) == 0);
        table[b] = table_of(block[b]);
    }
    large = false;
}

void guest_main(void)
{
    take_blocks();
    printk("%u MiB out and in; blocks are mapped by %s\n", nr * 2,
           large ? "one entry" : "tables");
    printk("%-12s %8s %14s %14s %14s\n", "what", "calls", "ticks",
           "reservation", "page tables");
    measure("blocks_out", blocks_out);
    idle();
    measure("blocks_in", blocks_in);
    check_frames();
    make_small();
    measure("frames_out", frames_out);
    idle();
    measure("frames_in", frames_in);
    check_frames();
}
