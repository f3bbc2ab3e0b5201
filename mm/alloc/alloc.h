/* SPDX-License-Identifier: MIT */
/*
 * alloc.h: machine memory in whole blocks, and hypervisor frames cut from
 * blocks set aside for it.
 *
 * Invariants: a FREE block is in exactly one place, the region maps or one
 * CPU's cache, and in nobody's hand; a BLOCK_HV block is cut, and goes back
 * whole when its last frame is put; free - reserve - claimed blocks are what
 * an unclaimed request may take, so a granted claim cannot fail.
 *
 * All calls are O(1), whatever the size of the machine, and safe between
 * CPUs. Each CPU has a cache of blocks to hand out and of blocks given back;
 * a block in a cache carries the permission to hand it out without a claim,
 * so that the usual call looks at nothing but the cache of its CPU.
 * Which cache is only a matter of speed: correctness does not depend on it.
 * Locks, in this order: alloc.lock, alloc_cpu.lock; never two of the last kind.
 * Under alloc_hv.lock nothing else is taken.
 */
#pragma once

#include "mm/alloc/poison.h"
#include "mm/base/port.h"
#include "mm/base/region.h"
#include "mm/base/spin.h"

struct mm;

#define ALLOC_CPUS  64
#define ALLOC_CACHE 32 /* blocks of each kind that a CPU may hold */

struct alloc_cpu {
    struct spin lock;
    uint16_t get_at, get_end; /* of get[], to be handed out */
    uint16_t nr_put, put_at;  /* of put[], given back: a ring, and its first */
    uint32_t claims_used;     /* not yet deducted from alloc.claimed */
    uint32_t get[ALLOC_CACHE];
    uint32_t put[ALLOC_CACHE];
    uint64_t unscrubbed; /* how many went back to whose they had been */
} aligned_to(64);
_Static_assert(sizeof(struct alloc_cpu) % 64 == 0, "no line is two CPUs'");

/* Where the i-th of those given back is, in put[]. */
static inline unsigned alloc_cpu_put(const struct alloc_cpu *c, unsigned i)
{
    return (c->put_at + i) % ALLOC_CACHE;
}
_Static_assert(ALLOC_CACHE <= UINT16_MAX, "get_end and nr_put count them");

/* Cut blocks, by how full they are and by the largest chunk they have. */
#define ALLOC_HV_ORDERS 4
#define ALLOC_HV_LISTS  16

struct alloc_hv_block; /* private to alloc_hv.c, in a frame of the block */

struct alloc_hv {
    struct spin lock;
    uint32_t nonempty; /* bit n: list[n] is not empty */
    struct alloc_hv_block *list[ALLOC_HV_LISTS];
    uint64_t blocks;  /* cut from whole blocks */
    uint64_t partial; /* never were whole: edges of what boot left */
    uint64_t frames;  /* in use in either */
    /* Free pairs of frames in either, and pairs in use as frame tables. */
    _Atomic uint64_t pairs, frame_tables;
};
_Static_assert(ALLOC_HV_LISTS <= 32, "nonempty has a bit for each list");
_Static_assert(ALLOC_HV_LISTS == 4 * ALLOC_HV_ORDERS,
               "by quarters of free frames, and by the largest chunk");

struct alloc {
    struct spin lock; /* of regions, claimed and scrubbing */
    struct regions regions;
    struct alloc_cpu *cpus;
    uint64_t total_blocks; /* whole blocks handed to alloc_add() */
    uint64_t claimed;      /* promised; less the CPUs' claims_used */
    uint64_t scrubbing;    /* blocks out of the maps for alloc_scrub() */
    uint64_t scrubs;       /* how many it has scrubbed */
    bool caught_up;        /* once it had scrubbed all there was */
    uint64_t dirty_most;   /* in the maps at once, since then */
    bool still;            /* it has to wait: alloc_scrub_stop() */
    uint64_t reserve;      /* fragment_reserve: blocks kept for cutting */
    _Atomic bool reuse;    /* whose a block was may have it as it is */
    _Atomic bool low;      /* there may be less left than the reserve */
    uint64_t fail_in;      /* tests: the nth unclaimed request fails; 0: none */
    _Atomic uint64_t sync_scrubs; /* blocks somebody had to wait for */
    struct alloc_hv hv;
    struct poison poison;
};

/* Who asks decides which blocks may be taken. */
enum alloc_use {
    ALLOC_WHOLE,   /* for a domain, to stay whole: leaves the reserve alone */
    ALLOC_CLAIMED, /* the same, against a claim granted earlier */
    ALLOC_CUT,     /* to be cut: may take from the reserve (the word then says
                      BLOCK_RESERVED), but for what frame tables need */
    ALLOC_FRAME_TABLES, /* to be cut for frame tables: may take all of it */
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
 * What the content of a block that is asked for may be: all zeroes, anything,
 * or else the number of the incarnation that asks: zeroes, or what is its own,
 * unless alloc_set_reuse() has put an end to that.
 */
#define ALLOC_ZEROES   UINT64_C(0)
#define ALLOC_ANYTHING UINT64_MAX

/*
 * Take one whole block for `owner`: its word becomes {DOM, owner, no counts},
 * with BLOCK_DIRTY where there may be content that was not asked for (only if
 * anything may be: the caller scrubs). Whose own content will do gets the block
 * that it gave back last on this CPU, if that came last, or any that it had; or
 * a scrubbed one; and where there is none it is scrubbed here.
 */
enum err alloc_block_get_on(struct mm *mm, unsigned cpu, unsigned owner,
                            enum alloc_use use, uint64_t content, blk_t *out);
/*
 * Give it back: the caller has checked that no reference is left. `content`:
 * what it is, as above, ALLOC_ANYTHING if nobody knows.
 */
void alloc_block_put_on(struct mm *mm, unsigned cpu, blk_t b, uint64_t content);

/* On the CPU that calls. */
static inline enum err alloc_block_get(struct mm *mm, unsigned owner,
                                       enum alloc_use use, uint64_t content,
                                       blk_t *out)
{
    return alloc_block_get_on(mm, port_cpu(), owner, use, content, out);
}
static inline void alloc_block_put(struct mm *mm, blk_t b, uint64_t content)
{
    alloc_block_put_on(mm, port_cpu(), b, content);
}

/*
 * The 512 blocks of one whole, aligned region (1 GiB) or nothing, none of
 * them scrubbed here: look at BLOCK_DIRTY. Uses up 512 claims if claimed.
 */
enum err alloc_region_get(struct mm *mm, unsigned owner, enum alloc_use use,
                          blk_t *out);

/* Promise n blocks; ERR_NOMEM if they are not free. Unclaim what is left. */
enum err alloc_claim(struct mm *mm, uint64_t n);
void alloc_unclaim(struct mm *mm, uint64_t n);

/* How many blocks are kept for cutting from now on, as far as they are free. */
void alloc_set_reserve(struct mm *mm, uint64_t n);

/*
 * Off, from now on: every block that is asked for with zeroes, or with what is
 * its own, is zeroes. Whose each was is remembered all the same.
 */
void alloc_set_reuse(struct mm *mm, bool on);

/*
 * Hypervisor frames, 2^order of them contiguous and aligned, order 0..3,
 * zeroed. Never owned by a guest (XSA-248).
 */
enum err alloc_hv_get(struct mm *mm, unsigned order, mfn_t *out);
void alloc_hv_put(struct mm *mm, mfn_t m, unsigned order);

/*
 * The two frames of a frame table. No block of the machine has more than one,
 * so alloc_frame_tables_fit() knows how many there can be yet; nothing else may
 * take what they need. So none fails as long as the reserve is enough for those
 * of all blocks, 1 of 255: one domain's use of small frames does not keep
 * another from having tables for its own.
 */
enum err alloc_frame_table_get(struct mm *mm, mfn_t *out);
void alloc_frame_table_put(struct mm *mm, mfn_t m);

/* Scrub up to n free dirty blocks (idle time); returns how many it did. */
uint64_t alloc_scrub(struct mm *mm, uint64_t n);

/* Nobody does between the two; what is being scrubbed is waited for. */
void alloc_scrub_stop(struct mm *mm);
void alloc_scrub_go(struct mm *mm);

/* Empty all caches into the region maps, with alloc.lock held... */
void alloc_settle_held(struct mm *mm);
/* ... and what is to be done after less is spare. */
void alloc_note_low(struct alloc *a);

struct alloc_stats {
    uint64_t total, free, dirty, claimed, reserve; /* blocks */
    uint64_t whole_regions; /* not counting what caches hold */
    uint64_t hv_blocks, hv_partial, hv_frames;
    uint64_t sync_scrubs, scrubs; /* blocks somebody waited for, or nobody */
    uint64_t dirty_most; /* since all were scrubbed once; caches not counted */
    uint64_t unscrubbed; /* blocks that went back to whose they had been */
    bool reuse;          /* may they? */
};
struct alloc_stats alloc_stats(struct mm *mm);

/*
 * Recompute every counter from the maps; NULL or what is wrong. No operation
 * may be under way.
 */
const char *alloc_check(const struct mm *mm);
/* Part of it: the hypervisor's cut blocks. */
const char *alloc_hv_check(const struct mm *mm);
/*
 * Part of alloc.c, with alloc.lock held: would tables for all blocks fit into
 * `spare` blocks and `less` free pairs fewer than there are? Yes where the
 * reserve was never meant to be enough for that.
 */
bool alloc_frame_tables_fit(const struct alloc *a, uint64_t spare,
                            uint64_t less);
/* Is there enough for a general request that may break so many pairs? */
must_check bool alloc_hv_allowed(struct mm *mm, uint64_t pairs);
/* Part of alloc_add(): frames of one block that is not whole. */
void alloc_hv_feed(struct mm *mm, mfn_t first, uint64_t count);
