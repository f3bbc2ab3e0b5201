/* SPDX-License-Identifier: MIT */
/*
 * pins.c: tables pinned whole, with other content than guest/bench's; roots
 * loaded in other ways; and superpages.
 */
#include "guest/paths/paths.h"

#define MANY   32u
#define TABLES 16u

static struct tree tree;

static void fill_tables(pfn_t (*frame)(unsigned), uint64_t flags)
{
    tree_open(&tree);
    for (unsigned t = 0; t < TABLES; t++)
        for (unsigned i = 0; i < PT_ENTRIES; i++)
            tree_poke(tree.l1[t], i, frame_mfn(frame(i)), flags);
    tree_close(&tree);
}

static pfn_t in_order(unsigned i)
{
    return pfn_of(path_block[0].v + i);
}

static void pin_l1(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(!pt_pin(tree.l1[0], 1) && !pt_unpin(tree.l1[0]), "an L1");
}

static void pin_tree(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(!pt_pin(tree.l4, 4) && !pt_unpin(tree.l4), "a tree");
}

static void pins(void)
{
    tree_build(&tree, TABLES);
    fill_tables(in_order, PT_KERNEL_RW);
    path_cold("pin_unpin_l1", pin_l1, 1);
    path_cold("pin_unpin_tree16", pin_tree, 1);
    fill_tables(in_order, PT_KERNEL_RO);
    path_warm("pin_unpin_l1", "all read-only", pin_l1, 1);
    path_warm("pin_unpin_tree16", "all read-only", pin_tree, 1);
    fill_tables(path_mixed, PT_KERNEL_RW);
    path_warm("pin_unpin_l1", "frames of 4 blocks by turns", pin_l1, 1);
    path_warm("pin_unpin_tree16", "frames of 4 blocks by turns", pin_tree, 1);
    tree_free(&tree);
}

/* --- roots ------------------------------------------------------------------
 */

static struct mmuext_op roots[PATH_CALLS]; /* another, the first, another.. */

static void roots_one_by_one(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(hc_mmuext_op(&roots[i % PATH_CALLS], 1, NULL, DOMID_SELF) ==
                      0,
                  "a root");
}

static void roots_in_one(unsigned n)
{
    path_must(hc_mmuext_op(roots, n, NULL, DOMID_SELF) == 0, "roots");
}

static void to_itself(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(hc_mmuext_op(&roots[1], 1, NULL, DOMID_SELF) == 0,
                  "the same root");
}

static void base_pointers(void)
{
    const pfn_t other = tree_kernel_root();
    REQUIRE(pt_pin(other, 4) == 0);
    for (unsigned i = 0; i < PATH_CALLS; i++) {
        roots[i] = (struct mmuext_op){
            .cmd = MMUEXT_NEW_BASEPTR,
            .arg1.mfn = frame_mfn(i & 1 ? pt_root() : other).v};
        path_calls[i] = (struct multicall_entry){
            __HYPERVISOR_mmuext_op, 0, {(uint64_t)&roots[i], 1, 0, DOMID_SELF}};
    }
    path_cold("new_baseptr", roots_one_by_one, 2);
    path_warm("new_baseptr", "of 2 in a hypercall", roots_in_one, 2);
    path_warm("new_baseptr", "of 16 in a multicall", path_multicall,
              PATH_CALLS);
    path_warm("new_baseptr", "the one in use", to_itself, MANY);
    REQUIRE(pt_unpin(other) == 0);
    frame_make_rw(other);
    frame_free(other);
}

void path_pins(void)
{
    pins();
    base_pointers();
}

/* --- superpages -------------------------------------------------------------
 */

static struct mmu_update supers[2 * PATH_BLOCKS]; /* all set, then cleared */

static void super_cycle(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(
            !hc_mmu_update(&supers[i % PATH_BLOCKS], 1, NULL, DOMID_SELF) &&
                !hc_mmu_update(&supers[PATH_BLOCKS + i % PATH_BLOCKS], 1, NULL,
                               DOMID_SELF),
            "a superpage");
}

/* n: all of them. */
static void super_in_one(unsigned n)
{
    path_must(hc_mmu_update(supers, 2 * n, NULL, DOMID_SELF) == 0,
              "superpages");
}

static void set_supers(uint64_t va, uint64_t flags)
{
    pt_make_tables(va, 2);
    for (unsigned i = 0; i < PATH_BLOCKS; i++) {
        const uint64_t at = pt_entry_maddr(pt_root(), va + i * BLOCK_SIZE, 2).v;
        supers[i] = (struct mmu_update){
            at, pte_make(frame_mfn(path_block[i]), flags | PTE_PSE).v};
        supers[PATH_BLOCKS + i] = (struct mmu_update){at, 0};
    }
}

/* Its blocks are whole at first, and machine blocks. */
static bool have_whole(void)
{
    for (unsigned b = 0; b < PATH_BLOCKS; b++) {
        const mfn_t m = frame_mfn(path_block[b]);
        for (unsigned i = 0; i < BLOCK_FRAMES; i++)
            if (frame_mfn(pfn_of(path_block[b].v + i)).v != m.v + i)
                return false;
        if (m.v % BLOCK_FRAMES)
            return false;
    }
    return true;
}

void path_super(void)
{
    static const char row[] = "superpage_map_unmap";
    const uint64_t va = PATH_WINDOW + (UINT64_C(3) << 30);
    if (!have_whole())
        return;
    set_supers(va, PT_TABLE);
    const uint64_t start = tsc_read();
    const int64_t rc = hc_mmu_update(supers, 1, NULL, DOMID_SELF);
    if (rc) {
        CHECK_EQ(rc, -XEN_EINVAL); /* no superpages for this guest */
        return;
    }
    CHECK_EQ(hc_mmu_update(supers + PATH_BLOCKS, 1, NULL, DOMID_SELF), 0);
    path_row(row, PATH_COLD, path_since(start), 1);
    path_warm(row, "4 blocks by turns", super_cycle, MANY);
    path_warm(row, "4 set and cleared in a hypercall", super_in_one,
              PATH_BLOCKS);
    set_supers(va + (UINT64_C(5) << 30), PT_TABLE & ~PTE_RW);
    path_warm(row, "read-only, elsewhere", super_cycle, MANY);
}
