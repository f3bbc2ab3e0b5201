/* SPDX-License-Identifier: MIT */
/*
 * census.h: a domain that does not run, in its own terms: which frame is
 * which pfn, which frames are page tables of which level, which of those are
 * pinned, which runs of 512 pfns are whole blocks and which of these are
 * mapped large, and where the guest keeps its p2m. What saving and relocating
 * start from.
 *
 * Invariant: M2P is the guest's to write, so it is only a claim. A census
 * holds only if every frame of the domain's has a pfn below the bound and no
 * pfn has two frames; from then on the map here is used, M2P is not read again
 * (XSA-251).
 */
#pragma once

#include "mm/frame.h"
#include "mm/pfnmap.h"
#include "mm/say.h"

/*
 * Where the guest says its p2m is (shared_info.arch: both forms); all of it
 * hostile. list_list MFN_NONE and va 0: it has none that it wants renewed.
 */
struct p2m_place {
    uint64_t nr_pfns; /* arch.max_pfn */
    mfn_t list_list;  /* arch.pfn_to_mfn_frame_list_list */
    uint64_t va;      /* arch.p2m_vaddr, in the address space below: */
    mfn_t cr3;        /* arch.p2m_cr3 as a frame */
};

/* A run of pfns that lie in one block, one after the other. */
struct extent {
    uint64_t pfn;
    uint32_t count; /* 512: all of a whole block; else 1..511 */
    uint32_t flags;
};
#define EXTENT_WHOLE BIT(0) /* count is 512, the mfns are an aligned block */
#define EXTENT_LARGE BIT(1) /* and it is mapped large, or marked, or was
                               (shattered, remap): wants a whole block */
#define EXTENT_GIANT BIT(2) /* and part of a 1 GiB mapping */

struct census_table {
    uint64_t pfn; /* of the table, or CENSUS_SUPPLIED + n: it has none */
    uint8_t level;
    uint8_t pinned;
    uint16_t pad[3];
};
/* Supplied tables the guest has changed, so that they are no mere superpage. */
#define CENSUS_SUPPLIED BIT(40)

/*
 * Arrays in pages of hypervisor frames, for what is too large for one frame
 * and has to be walked in order.
 */
struct census_list {
    uint64_t **page; /* NULL: empty */
    uint64_t nr;     /* records */
    size_t size;     /* of one */
};

struct census {
    struct mm_op *op;
    struct p2m_place p2m_place;
    struct pfnmap map;          /* pfn to mfn */
    uint64_t nr_pfns;           /* highest pfn + 1 */
    uint64_t nr_frames;         /* that have a pfn */
    uint64_t large;             /* entries with PSE, or that were, at L2 */
    struct census_list extents; /* struct extent, ascending pfn */
    struct census_list tables;  /* struct census_table */
    struct census_list p2m;     /* uint64_t: pfns of the p2m's pages, in order */
    uint64_t cursor;            /* private: how far it has got */
    unsigned phase;
    char why[160]; /* on an error, in words */
};

/* The domain's vCPUs do not run until census_end(). */
void census_begin(struct census *c, struct mm_op *op, struct p2m_place p2m);
/* ERR_RESTART: call again. ERR_INVAL, ERR_NOMEM: c->why; call census_end(). */
must_check enum err census_step(struct census *c);
void census_end(struct census *c);

/* The pfn of a frame, PFN_NONE if it has none. */
pfn_t census_pfn(const struct census *c, mfn_t m);
static inline mfn_t census_mfn(const struct census *c, pfn_t p)
{
    return pfnmap_get(&c->map, p);
}
void *census_at(const struct census_list *l, uint64_t n);
