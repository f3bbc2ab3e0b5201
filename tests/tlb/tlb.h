/* SPDX-License-Identifier: MIT */
/*
 * tlb.h: one level of a processor's TLBs: a few arrays, each for pages of some
 * sizes. A page of a size that no array holds is held in pieces of the next
 * size below that one does.
 */
#pragma once

#include "tests/tlb/cache.h"
#include "tests/tlb/walk.h"

#define TLB_ARRAYS 3

#define TLB_4K BIT(PAGE_4K)
#define TLB_2M BIT(PAGE_2M)
#define TLB_1G BIT(PAGE_1G)

struct tlb_shape {
    struct {
        struct cache_shape shape;
        uint64_t holds; /* TLB_4K, ... */
    } array[TLB_ARRAYS];
};

struct tlb {
    const struct tlb_shape *shape;
    struct cache array[TLB_ARRAYS];
};

/* A page as the page tables have it, and what of it is held as one: less where
 * the host's pages are smaller (nested.h). */
struct mapping {
    enum page_size mapped, held;
    bool global;
};

bool tlb_init(struct tlb *t, const struct tlb_shape *shape);
void tlb_free(struct tlb *t);
/* false: not there. */
bool tlb_find(struct tlb *t, uint64_t va, struct mapping *m);
/* It is not there yet. true: as a piece of what the page tables map. */
bool tlb_put(struct tlb *t, uint64_t va, struct mapping m);
void tlb_drop_page(struct tlb *t, uint64_t va);
void tlb_drop_local(struct tlb *t);
void tlb_drop_all(struct tlb *t);
