/* SPDX-License-Identifier: MIT */
/*
 * tree.c: builds tables as ordinary pages, then closes them to writing.
 */
#include "guest/lib/tree.h"

#include "guest/lib/frame.h"

static void each_table(struct tree *t, void (*fn)(pfn_t))
{
    fn(t->l4);
    fn(t->l3);
    fn(t->l2);
    for (unsigned i = 0; i < t->nr_l1; i++)
        fn(t->l1[i]);
}

void tree_poke_raw(pfn_t table, unsigned slot, uint64_t value)
{
    uint64_t *entries = frame_va(table);
    WRITE_ONCE(entries[slot], value);
}

void tree_poke(pfn_t table, unsigned slot, mfn_t target, uint64_t flags)
{
    tree_poke_raw(table, slot, pte_make(target, flags).v);
}

uint64_t tree_peek(pfn_t table, unsigned slot)
{
    const uint64_t *entries = frame_va(table);
    return READ_ONCE(entries[slot]);
}

void tree_build(struct tree *t, unsigned nr_l1)
{
    ASSERT(nr_l1 <= TREE_L1S);
    t->nr_l1 = nr_l1;
    t->l4 = frame_alloc();
    t->l3 = frame_alloc();
    t->l2 = frame_alloc();
    tree_poke(t->l4, 0, frame_mfn(t->l3), PT_TABLE);
    tree_poke(t->l3, 0, frame_mfn(t->l2), PT_TABLE);
    for (unsigned i = 0; i < nr_l1; i++) {
        t->l1[i] = frame_alloc();
        tree_poke(t->l2, i, frame_mfn(t->l1[i]), PT_TABLE);
    }
    tree_close(t);
}

void tree_open(struct tree *t)
{
    each_table(t, frame_make_rw);
}

void tree_close(struct tree *t)
{
    each_table(t, frame_make_ro);
}

void tree_free(struct tree *t)
{
    tree_open(t);
    each_table(t, frame_free);
}

pfn_t tree_kernel_root(void)
{
    pfn_t root = frame_alloc();
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        if (!l4_slot_is_hv(i))
            tree_poke_raw(root, i, tree_peek(pt_root(), i));
    frame_make_ro(root);
    return root;
}
