/* SPDX-License-Identifier: MIT */
/* make test: GUESTOPTS=pse=always */
/*
 * span: what a balloon does to the blocks of a guest that is shown large pages
 * (pse=): frame by frame it gives some back wholly and others in part, takes
 * all of it again in another order, and can map each by a large entry as
 * before. An entry that is refused all the same, as one block has a hole, is an
 * event in the downgrade ring. Who is not shown large pages is promised
 * neither.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "span";

#define WINDOW UINT64_C(0xffffc00000000000)
#define LARGE  (PT_TABLE | PTE_PSE)
#define GONE   4u /* blocks of which all frames go */
#define BLOCKS 10u
#define FRAMES (BLOCKS * BLOCK_FRAMES)
#define BATCH  150u

static pfn_t block[BLOCKS];
static bool out[FRAMES];
static volatile uint64_t *entry; /* of WINDOW, by the read-only linear map */
static struct flagstone_event told;
static unsigned events;

static pfn_t page(unsigned n)
{
    return pfn_of(block[n / BLOCK_FRAMES].v + n % BLOCK_FRAMES);
}

static uint64_t *word(unsigned n)
{
    return frame_va(page(n));
}

static bool large_pages_are_shown(void)
{
    return cpuid(1, 0).d >> 3 & 1;
}

/* All of the first blocks, and of the others one in three. */
static bool goes(unsigned n)
{
    return n / BLOCK_FRAMES < GONE || n % 3 == 0;
}

static void give_back(unsigned n)
{
    uint64_t mfn = frame_mfn(page(n)).v;
    frame_unmap(page(n));
    CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &mfn, 1, 0), 1);
    out[n] = true;
}

static void take(const unsigned *n, unsigned count)
{
    uint64_t list[BATCH];
    for (unsigned i = 0; i < count; i++)
        list[i] = page(n[i]).v;
    CHECK_EQ(leak_reserve(XENMEM_populate_physmap, list, count, 0), count);
    for (unsigned i = 0; i < count; i++) {
        CHECK_EQ(frame_pfn(mfn_of(list[i])).v, page(n[i]).v);
        frame_set_mfn(page(n[i]), mfn_of(list[i]));
        frame_make_rw(page(n[i]));
        *word(n[i]) = n[i];
        out[n[i]] = false;
    }
}

/* In steps that meet all of them: the numbers have no divisor in common. */
static void balloon_out(void)
{
    for (unsigned i = 0, n = 0; i < FRAMES; i++, n = (n + 1777) % FRAMES)
        if (goes(n))
            give_back(n);
}

static void balloon_in(void)
{
    unsigned some[BATCH], count = 0;
    for (unsigned i = 0, n = 0; i < FRAMES; i++, n = (n + 3089) % FRAMES) {
        if (out[n])
            some[count++] = n;
        if (count == BATCH || i == FRAMES - 1) {
            take(some, count);
            count = 0;
        }
    }
}

static int64_t map_large(unsigned b)
{
    return pt_update(pt_entry_maddr(pt_root(), WINDOW, 2),
                     pte_make(frame_mfn(block[b]), LARGE));
}

static void unmap_large(void)
{
    CHECK_EQ(pt_update(pt_entry_maddr(pt_root(), WINDOW, 2), pte_of(0)), 0);
    CHECK_EQ(pt_op_addr(MMUEXT_INVLPG_LOCAL, WINDOW), 0);
}

static void check_whole(unsigned b)
{
    const mfn_t first = frame_mfn(block[b]);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        CHECK_EQ(frame_mfn(pfn_of(block[b].v + i)).v, first.v + i);
    if (map_large(b)) {
        report(REPORT_FAILURE, "block %u is not mapped by one entry", b);
        return;
    }
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        CHECK_EQ(*(volatile uint64_t *)(WINDOW + i * PAGE_SIZE),
                 b * BLOCK_FRAMES + i);
    unmap_large();
}

static void setup(void)
{
    for (unsigned b = 0; b < BLOCKS; b++) {
        block[b] = frame_block_alloc();
        REQUIRE(block[b].v != PFN_NONE.v);
    }
    for (unsigned n = 0; n < FRAMES; n++)
        *word(n) = n;
    pt_make_tables(WINDOW, 2);
    entry = (volatile uint64_t *)(uintptr_t)pt_entry(pt_root(), WINDOW, 2);
    REQUIRE(entry);
}

static void test_balloon(bool shown)
{
    for (unsigned round = 0; round < 2; round++) {
        report_context("round %u", round);
        balloon_out();
        balloon_in();
        for (unsigned n = 0; n < FRAMES; n++)
            CHECK_EQ(*word(n), n);
        for (unsigned b = 0; b < BLOCKS && shown; b++)
            check_whole(b);
    }
}

static void on_refused(const struct flagstone_event *e)
{
    told = *e;
    events++;
}

static void check_told(void)
{
    CHECK_EQ(flagstone_poll(), 1);
    CHECK_EQ(events, 1);
    CHECK_EQ(told.type, FLAGSTONE_EVENT_refused);
    CHECK_EQ(told.count, BLOCK_FRAMES);
    CHECK_EQ(told.pfn, block[0].v);
    CHECK_EQ(told.mfn, frame_mfn(block[0]).v);
    events = 0;
}

/* By hypercall, alone and in a list, and by a store, which is a fault then. */
static void test_refused(void)
{
    struct mmu_update list[2];
    const unsigned n = 77;
    report_context("refused");
    flagstone_set_handler(FLAGSTONE_EVENT_refused, on_refused);
    CHECK_EQ(flagstone_ring_open(), 0);
    CHECK_EQ(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables),
             0);
    give_back(n);
    CHECK_EQ(map_large(0), -XEN_EINVAL);
    check_told();
    list[0] = (struct mmu_update){pt_entry_maddr(pt_root(), WINDOW, 2).v, 0};
    list[1] = (struct mmu_update){list[0].ptr,
                                  pte_make(frame_mfn(block[0]), LARGE).v};
    CHECK_EQ(hc_mmu_update(list, 2, NULL, DOMID_SELF), -XEN_EINVAL);
    check_told();
    CHECK_EQ(try_write(entry, list[1].val), 1);
    CHECK_EQ(trap_last.vector, TRAP_PF);
    check_told();
    CHECK_EQ(pt_update(pt_entry_maddr(pt_root(), WINDOW, 2),
                       pte_make(mfn_of(list[0].ptr >> PAGE_SHIFT), PT_TABLE)),
             -XEN_EINVAL);
    CHECK_EQ(flagstone_poll(), 0); /* that was none */
    take(&n, 1);
    CHECK_EQ(map_large(0), 0);
    unmap_large();
    CHECK_EQ(flagstone_poll(), 0);
    CHECK_EQ(flagstone_ring_close(), 0);
}

void guest_main(void)
{
    const bool shown = guest_flagstone && large_pages_are_shown();
    setup();
    test_balloon(shown);
    if (shown)
        test_refused();
    for (unsigned b = 0; b < BLOCKS; b++)
        frame_block_free(block[b]);
}
