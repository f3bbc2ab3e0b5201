/* SPDX-License-Identifier: MIT */
/*
 * mmu.h: what a processor of some family does to translate the addresses of
 * instructions and data: two levels of TLBs, paging-structure caches, a walk;
 * with the page tables it has (direct paging), or with nested paging.
 */
#pragma once

#include "tests/tlb/nested.h"
#include "tests/tlb/psc.h"
#include "tests/tlb/tlb.h"

enum mmu_side { SIDE_CODE, SIDE_DATA, SIDES };

struct mmu_family {
    const char *name;
    struct tlb_shape l1[SIDES], l2[SIDES];
    bool l2_is_one;   /* for both sides: that of SIDE_DATA */
    bool l2_has_pdes; /* entries of level 2 are in the first array of L2 */
    struct psc_shape psc;
    struct nested_shape nested;
};

struct mmu_setup {
    const struct mmu_family *family;
    bool nested;
    enum page_size host; /* if nested */
};

struct mmu {
    struct mmu_setup setup;
    struct tlb l1[SIDES], l2[SIDES];
    struct psc psc;
    struct nested nested;
    bool
        pieces; /* what one entry of the page tables maps may be held in some */
};

enum mmu_hit { HIT_L1, HIT_L2, HIT_NONE };

bool mmu_init(struct mmu *m, const struct mmu_setup *setup);
void mmu_free(struct mmu *m);
/* As at first: what is cached of the host's tables goes, too. */
void mmu_reset(struct mmu *m);
/* Of what size the page is in the page tables, if it is a hit. */
enum mmu_hit mmu_look(struct mmu *m, enum mmu_side side, uint64_t va,
                      enum page_size *size);
/* After HIT_NONE, with the walk there is: the references it takes. */
unsigned mmu_walk(struct mmu *m, enum mmu_side side, uint64_t va,
                  const struct walk *w);
/* CR3 is loaded; CR4.PGE changed; INVLPG. */
void mmu_load_root(struct mmu *m);
void mmu_flush(struct mmu *m);
void mmu_flush_page(struct mmu *m, uint64_t va);
