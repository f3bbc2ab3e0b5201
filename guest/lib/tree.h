/* SPDX-License-Identifier: MIT */
/*
 * tree.h: a small page-table tree apart from the one in use: one L4, L3 and
 * L2, and some L1s, all in slot 0 upwards, so that virtual address 0 is its
 * first. The tables are read-only in the linear map while the tree exists.
 */
#pragma once

#include "guest/lib/pt.h"

#define TREE_L1S 16u

struct tree {
    pfn_t l4, l3, l2, l1[TREE_L1S];
    unsigned nr_l1;
};

/* With nr_l1 tables, all empty (and everything not pinned). */
void tree_build(struct tree *t, unsigned nr_l1);
/* As long as table is an ordinary writable page: store an entry. */
void tree_poke(pfn_t table, unsigned slot, mfn_t target, uint64_t flags);
void tree_poke_raw(pfn_t table, unsigned slot, uint64_t value);
uint64_t tree_peek(pfn_t table, unsigned slot);
/* Let the tables be ordinary pages again, or not any more. */
void tree_open(struct tree *t);
void tree_close(struct tree *t);
/* Nothing may refer to its tables any more; they go back to the pool. */
void tree_free(struct tree *t);
/* A new root with all of the kernel's upper half; not pinned, closed. */
pfn_t tree_kernel_root(void);
