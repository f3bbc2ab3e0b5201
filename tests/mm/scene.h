/* SPDX-License-Identifier: MIT */
/*
 * scene.h: a guest with a tree of page tables, one of each level, that is
 * pinned and its root, one data frame mapped at address 0, and one whole
 * block; beside it another guest. What most tests of the MMU start from.
 */
#pragma once

#include "mm/pv/grant.h"
#include "world.h"

#define KERNEL (PTE_P | PTE_RW | PTE_US)
#define READ   (PTE_P | PTE_US)

struct scene {
    struct world w;
    struct world_domain us, them;
    struct mm_op op;
    mfn_t l4, l3, l2, l1, data, block, foreign;
};

/* cmocka's setup and teardown. */
int scene_make(void **state);
int scene_end(void **state);

#define scene_test(f) cmocka_unit_test_setup_teardown(f, scene_make, scene_end)

static inline pte_t *scene_entry(struct scene *s, mfn_t table, unsigned i)
{
    return (pte_t *)mm_frame_ptr(&s->w.mm, table) + i;
}

static inline mfn_t scene_member(const struct scene *s, unsigned i)
{
    return mfn_add(s->block, i);
}

/*
 * Under relinquish=cut, s->block, full of litter, becomes shared by giving
 * back frames 3, 4 and 5 of it.
 */
void scene_share(struct scene *s);
/* A frame the other guest takes. */
mfn_t scene_they_get(struct scene *s);

/* A zeroed frame of ours. */
mfn_t scene_frame(struct scene *s);
/* mmu_update of one entry, what it owes discharged. */
/* We map a grant of theirs: GNTST_*. */
int scene_map(struct scene *s, struct grant_request *r);
enum err scene_update(struct scene *s, mfn_t table, unsigned i, uint64_t val);
