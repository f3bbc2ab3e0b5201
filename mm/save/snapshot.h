/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h: a domain that does not run, in its own terms: which frame is
 * which pfn, which frames are page tables of which level, which of those are
 * pinned, which spans of 512 pfns are whole blocks and which of these are
 * mapped large, and where the guest keeps its p2m. What saving and relocating
 * start from.
 *
 * Invariant: M2P is the guest's to write, so it is only a hint. A snapshot
 * holds only if every frame of the domain's has a pfn below the bound and no
 * pfn has two frames; from then on the map here is what counts, and what M2P
 * says of a frame only where to look in it (XSA-251). And it holds only if
 * every table can be said in pfn terms: afterwards normalise_table() cannot
 * fail. A frame that was given up and is still referred to is one the domain
 * has.
 *
 * The domain is not changed but for tables that were interrupted on their way
 * up or down: those are taken down first, so that there are none. What that
 * owes is owed.h's.
 */
#pragma once

#include "mm/alloc/frame.h"
#include "mm/alloc/pfnmap.h"
#include "mm/base/job.h"
#include "mm/base/say.h"
#include "mm/save/snapshot_list.h"

/*
 * Where the guest says its p2m is (shared_info.arch: both forms); all of it
 * hostile. list_list MFN_NONE and va 0: it has none that it wants renewed.
 * With both, va counts, as it does for Xen's tools.
 */
struct p2m_location {
    uint64_t nr_pfns; /* arch.max_pfn */
    mfn_t list_list;  /* arch.pfn_to_mfn_frame_list_list */
    uint64_t va;      /* arch.p2m_vaddr, in the address space below: */
    mfn_t cr3;        /* arch.p2m_cr3 as a frame */
};

/*
 * A span of at most 512 pfns, one after the other. Those with flags have 512
 * and may start anywhere; they want a whole block. All others end where such
 * a span begins and at every multiple of 512.
 */
struct extent {
    uint64_t pfn;
    uint32_t count;
    uint32_t flags;
};
#define EXTENT_WHOLE BIT(0) /* the mfns are an aligned block, in order */
#define EXTENT_LARGE                                                           \
    BIT(1)               /* mapped large or marked; without WHOLE: it was,     \
                            and is shattered or left to the guest now */
#define EXTENT_1G BIT(2) /* and part of a 1 GiB mapping */
#define EXTENT_SCATTERED                                                       \
    BIT(3) /* was whole, not mapped large: RANGE_SCATTERED */
#define EXTENT_FLAGS                                                           \
    (EXTENT_WHOLE | EXTENT_LARGE | EXTENT_1G | EXTENT_SCATTERED)
_Static_assert(EXTENT_FLAGS == 15, "the format: four flags, each its own bit");
_Static_assert(offsetof(struct extent, pfn) == 0 &&
                   offsetof(struct extent, count) == 8 &&
                   offsetof(struct extent, flags) == 12,
               "the format");

struct snapshot_table {
    uint64_t pfn; /* of the table, or SNAPSHOT_SUPPLIED + n: it has none */
    uint8_t level;
    uint8_t pinned;
    uint8_t marks; /* LAPSE_MARKS, of mm/pv/lapse.h */
    uint8_t pad[5];
};
_Static_assert(offsetof(struct snapshot_table, pfn) == 0 &&
                   offsetof(struct snapshot_table, level) == 8 &&
                   offsetof(struct snapshot_table, pinned) == 9 &&
                   offsetof(struct snapshot_table, marks) == 10,
               "the format");
_Static_assert(PT_LEVELS <= UINT8_MAX, "any level fits");
/*
 * Supplied tables the guest has changed, or refers to otherwise than by
 * entries one level up: no mere superpages. They are numbered from 0, the
 * number takes the place of a pfn, and fits where an entry has it.
 */
#define SNAPSHOT_SUPPLIED BIT(39)

/* The bound of pfns: a map of them costs a page for each 512 at most. */
#define SNAPSHOT_PFNS_MAX BIT(30)
_Static_assert(SNAPSHOT_PFNS_MAX <= SNAPSHOT_SUPPLIED, "no number is a pfn");
_Static_assert(SNAPSHOT_SUPPLIED << PAGE_SHIFT & PTE_ADDR,
               "a number fits where an entry has its pfn");
_Static_assert(BIT(42) == SNAPSHOT_PFNS_MAX * PAGE_SIZE,
               "4 TiB, as a pfnmap's");

struct snapshot {
    struct mm_op *op;
    struct p2m_location p2m_location;
    struct pfnmap map;  /* pfn to mfn */
    uint64_t bound;     /* pfns there may be: twice max_pages */
    uint64_t nr_pfns;   /* highest pfn + 1 */
    uint64_t nr_frames; /* that have a pfn */
    uint64_t large;     /* entries with PSE, or that were, L2 and L3 */
    struct snapshot_list extents; /* struct extent, ascending pfn */
    struct snapshot_list tables;  /* struct snapshot_table, ascending pfn */
    struct snapshot_list p2m; /* uint64_t: pfns of the p2m's pages, in order */
    /* Private: snapshot_span.h, snapshot_supply.h, and how far it has got. */
    struct snapshot_list spans, supplied;
    struct snapshot_list
        own;         /* uint64_t: mfns of those that are no superpages */
    uint64_t nr_own; /* how many these are */
    struct job job;
};
static inline struct snapshot *snapshot_of(struct job *j)
{
    return container_of(j, struct snapshot, job);
}
#define snapshot_wrong(c, ...)                                                 \
    (say((c)->job.why, JOB_WHY, __VA_ARGS__), ERR_INVAL)

/* The domain's vCPUs do not run until snapshot_end(). */
void snapshot_begin(struct snapshot *c, struct mm_op *op,
                    struct p2m_location p2m);
/* ERR_RESTART: call again. ERR_INVAL, ERR_NOMEM: job.why; call snapshot_end().
 */
enum err snapshot_step(struct snapshot *c);
/* ERR_RESTART: call again, and nothing else. */
enum err snapshot_end(struct snapshot *c);

/* The pfn of a frame, PFN_NONE if it has none. */
pfn_t snapshot_pfn(const struct snapshot *c, mfn_t m);
static inline mfn_t snapshot_mfn(const struct snapshot *c, pfn_t p)
{
    return pfnmap_get(&c->map, p);
}
/* Is it one of the tables listed so far? */
bool snapshot_is_table(const struct snapshot *c, uint64_t pfn);
/* The frame of supplied table n, n < nr_own. */
mfn_t snapshot_supplied_mfn(const struct snapshot *c, uint64_t n);
/* The content of what a snapshot_table or an INDEX of an image names. */
mfn_t snapshot_named(const struct snapshot *c, uint64_t pfn);
