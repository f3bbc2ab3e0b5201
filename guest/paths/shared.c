/* SPDX-License-Identifier: MIT */
/*
 * shared.c: entries onto frames of shared blocks, which is what a domain has
 * that was restored where no whole block was free: it maps all of them for the
 * first time. With relinquish=cut a block becomes one when a single frame of it
 * is given back; every other frame of two blocks goes, and as many come.
 *
 * Invariant: the frames that come are in no table until they are measured, so
 * that none has had a type.
 */
#include "guest/paths/paths.h"

#define BLOCKS 2u
#define HALF   (BLOCK_FRAMES / 2)
#define MANY   32u
#define BATCH  128u
#define ROUNDS 6

static uint64_t extents[BLOCK_FRAMES];
static struct tree tree;

static pfn_t nth(unsigned i)
{
    return pfn_of(path_block[i / HALF].v + 2 * (i % HALF) + 1);
}

/* Those of the blocks by turns. */
static pfn_t by_turns(unsigned i)
{
    return nth(i % BLOCKS * HALF + i / BLOCKS);
}

static pfn_t of_another(unsigned i)
{
    return pfn_of(path_block[BLOCKS].v + i);
}

static void reserve(enum xen_memory_cmd cmd, unsigned n)
{
    struct xen_memory_reservation r = {.extent_start = (guest_ptr_t)extents,
                                       .nr_extents = n,
                                       .domid = DOMID_SELF};
    path_must(hc_memory_op(cmd, &r) == n, "memory_op");
}

/* Their frames go, and others come. */
static void renew(pfn_t (*pfn)(unsigned), unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        extents[i] = frame_mfn(pfn(i)).v;
    reserve(XENMEM_decrease_reservation, n);
    for (unsigned i = 0; i < n; i++)
        extents[i] = pfn(i).v;
    reserve(XENMEM_populate_physmap, n);
    for (unsigned i = 0; i < n; i++)
        frame_set_mfn(pfn(i), mfn_of(extents[i]));
}

/*
 * The block that was cut for its first single frame has holes, which come
 * first: they are used up, so that what is given from now on is shared.
 */
static void share(void)
{
    struct flagstone_stats s;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        frame_unmap(nth(i));
        frame_unmap(of_another(i));
    }
    renew(of_another, BLOCK_FRAMES - 1);
    renew(nth, BLOCK_FRAMES);
    flagstone_stats(&s);
    CHECK(!guest_flagstone || s.frames_shared == BLOCKS * BLOCK_FRAMES + 1);
}

/* --- whole tables -----------------------------------------------------------
 */

static void fill_table(pfn_t (*frame)(unsigned))
{
    tree_open(&tree);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        tree_poke(tree.l1[0], i, frame_mfn(frame(i)), PT_KERNEL_RW);
    tree_close(&tree);
}

static void pin_l1(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(!pt_pin(tree.l1[0], 1) && !pt_unpin(tree.l1[0]), "an L1");
}

static void pin_of_new_frames(void)
{
    uint64_t least = ~UINT64_C(0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        renew(nth, BLOCK_FRAMES);
        fill_table(nth);
        const uint64_t start = tsc_read();
        pin_l1(1);
        least = MIN(least, path_since(start));
    }
    path_row("pin_unpin_l1", "frames new to it, of shared blocks", least, 1);
}

static void pins(void)
{
    static const char row[] = "pin_unpin_l1";
    tree_build(&tree, 1);
    pin_of_new_frames();
    path_warm(row, "frames of shared blocks", pin_l1, 1);
    fill_table(by_turns);
    path_warm(row, "frames of 2 shared blocks by turns", pin_l1, 1);
    tree_free(&tree);
}

/* --- entries ----------------------------------------------------------------
 */

static struct mmu_update list[2][BATCH]; /* cleared, set */

static uint64_t va_of(unsigned i)
{
    return PATH_WINDOW + i * PAGE_SIZE;
}

static void one_by_one(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(hc_mmu_update(&list[i & 1][0], 1, NULL, DOMID_SELF) == 0,
                  "mmu_update");
}

static void by_address(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(hc_update_va_mapping(va_of(0), list[i & 1][0].val,
                                       UVMF_INVLPG) == 0,
                  "update_va_mapping");
}

static void set_all(bool set)
{
    path_must(hc_mmu_update(list[set], BATCH, NULL, DOMID_SELF) == 0,
              "mmu_update of some");
}

/* n: of both lists. */
static void both(unsigned n)
{
    REQUIRE(n == 2 * BATCH);
    set_all(false);
    set_all(true);
}

static void list_entries(void)
{
    for (unsigned i = 0; i < BATCH; i++) {
        const uint64_t at = pt_entry_maddr(pt_root(), va_of(i), 1).v;
        const pte_t e = pte_make(frame_mfn(nth(i)), PT_KERNEL_RW);
        list[0][i] = (struct mmu_update){at, 0};
        list[1][i] = (struct mmu_update){at, e.v};
    }
}

static void batch_of_new_frames(void)
{
    uint64_t least = ~UINT64_C(0);
    pt_make_tables(PATH_WINDOW, 1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        renew(nth, BLOCK_FRAMES);
        list_entries();
        const uint64_t start = tsc_read();
        set_all(true);
        least = MIN(least, path_since(start));
        set_all(false);
    }
    path_row("mmu_update_batch128", "set to frames new to it, of shared blocks",
             least, BATCH);
}

static void entries(void)
{
    batch_of_new_frames();
    path_warm("mmu_update_batch128", "all cleared, then set, of shared blocks",
              both, 2 * BATCH);
    set_all(true);
    path_warm("mmu_update_clear_set", "a frame of a shared block", one_by_one,
              MANY);
    path_warm("update_va_mapping_invlpg",
              "cleared and set, a frame of a shared block", by_address, MANY);
}

void path_shared(void)
{
    share();
    pins();
    entries();
}
