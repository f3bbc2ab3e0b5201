/* SPDX-License-Identifier: MIT */
/*
 * alloc.h: machine memory in whole blocks, and hypervisor frames cut from
 * blocks set aside for it.
 *
 * Invariants: a FREE block is on exactly one free map and in nobody's hand;
 * a BLOCK_HV block is cut, and goes back whole when its last frame is put;
 * free - fragment_reserve - claimed blocks are what an unclaimed request may
 * take, so a granted claim cannot fail.
 * All calls: O(1), whatever the size of the machine. Safe between CPUs.
 */
#pragma once

#include "mm/block.h"

struct mm;
struct region; /* private to alloc.c: one per GiB, free map and list links */

#define ALLOC_HV_ORDER_MAX 3

struct alloc {
    atomic_flag lock;    /* regions, their lists, the counts below */
    atomic_flag hv_lock; /* hv_list and the maps behind it; taken first */
    struct region *regions;
    uint64_t nr_regions;
    uint32_t lists[2];     /* of regions, partly and wholly free: index + 1 */
    uint32_t hv_list;      /* blocks with free hypervisor frames: index + 1 */
    uint64_t total_blocks; /* whole blocks handed to alloc_add() */
    uint64_t free_blocks;
    uint64_t dirty_blocks; /* free, not yet scrubbed */
    uint64_t claimed;      /* promised, not yet taken */
    uint64_t reserve;      /* fragment_reserve: blocks kept for cutting */
    uint64_t hv_blocks;    /* cut for hypervisor data */
    uint64_t hv_frames;    /* in use in them */
    uint64_t scrub_region; /* where alloc_scrub() goes on */
    uint64_t fail_at;      /* tests: this request from now fails; 0 never */
};

/* Who asks decides which blocks may be taken. */
enum alloc_use {
    ALLOC_WHOLE,   /* for a domain, to stay whole: leaves the reserve alone */
    ALLOC_CLAIMED, /* the same, against a claim granted earlier */
    ALLOC_CUT,     /* to be cut: may take from the reserve */
};

/* Bytes of metadata for a machine of nr_frames frames (highest mfn + 1). */
size_t alloc_metadata_size(uint64_t nr_frames);
/* `buf`: that many bytes, zeroed, 64-byte aligned; fills mm->blocks too. */
void alloc_init(struct mm *mm, void *buf, uint64_t nr_frames, uint64_t reserve);
/*
 * Hand over RAM at boot, any alignment. Whole blocks become FREE (dirty);
 * the frames of a partly usable block become hypervisor frames.
 */
void alloc_add(struct mm *mm, mfn_t first, uint64_t count);

/*
 * Take one whole block for `owner`: its word becomes {DOM, owner, no counts},
 * with BLOCK_DIRTY kept where the content has not been scrubbed (the caller
 * scrubs, or asks for `clean` and gets a scrubbed one if there is any: the
 * block returned is then scrubbed synchronously where none is).
 */
must_check enum err alloc_block_get(struct mm *mm, unsigned owner,
                                    enum alloc_use use, bool clean, blk_t *out);
/* Give it back: the caller has checked that no reference is left. */
void alloc_block_put(struct mm *mm, blk_t b);
/* As many blocks of one whole, aligned region (1 GiB) or nothing. */
must_check enum err alloc_region_get(struct mm *mm, unsigned owner,
                                     enum alloc_use use, blk_t *out);

/* Promise n blocks; ERR_NOMEM if they are not free. Unclaim what is left. */
must_check enum err alloc_claim(struct mm *mm, uint64_t n);
void alloc_unclaim(struct mm *mm, uint64_t n);

/*
 * Hypervisor frames, 2^order of them contiguous and aligned, order 0..3,
 * zeroed. Never owned by a guest (XSA-248).
 */
must_check enum err alloc_hv_get(struct mm *mm, unsigned order, mfn_t *out);
void alloc_hv_put(struct mm *mm, mfn_t m, unsigned order);
static inline void alloc_lock(atomic_flag *l)
{
    while (atomic_flag_test_and_set_explicit(l, memory_order_acquire))
        ;
}
static inline void alloc_unlock(atomic_flag *l)
{
    atomic_flag_clear_explicit(l, memory_order_release);
}
/* Parts of alloc_add() and alloc_check(). */
void alloc_hv_add(struct mm *mm, mfn_t first, uint64_t count);
const char *alloc_hv_check(const struct mm *mm);

/* Scrub up to n free dirty blocks (idle time); returns how many it did. */
uint64_t alloc_scrub(struct mm *mm, uint64_t n);

/* Recompute every counter from the maps; NULL or what is wrong. */
const char *alloc_check(const struct mm *mm);
