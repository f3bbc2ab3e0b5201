/* SPDX-License-Identifier: MIT */
/*
 * actor.h: a guest that knows what it has written where: a domain with page
 * tables, a p2m and aliases, whose every access goes through its mappings and
 * the simulated TLB; beside it a naive model of what must be in its memory.
 *
 * Block 0 of its pfns holds its tables, p2m and small data; each other block
 * is mapped large, or by a table of its own, or is ballooned out.
 */
#pragma once

#include "mm/save/relocate.h"
#include "mm/save/restore.h"
#include "saving.h"

#define ACTOR_BLOCKS 12
#define ACTOR_PFNS   (ACTOR_BLOCKS * 512u)
#define ACTOR_FIRST  64 /* pfn of data */
#define ACTOR_ABSENT (~UINT64_C(0))

enum actor_state { ACTOR_GONE, ACTOR_LARGE, ACTOR_SMALL };

/* What must be so, whatever frames it lies in. */
struct actor_model {
    unsigned nr_blocks;
    enum actor_state state[ACTOR_BLOCKS];
    bool alias[ACTOR_BLOCKS];  /* mapped once more, read-only */
    uint64_t seed[ACTOR_PFNS]; /* of the content; 0: zeroes */
    uint64_t tag;              /* in each word of it; no other actor's */
};

struct actor_kind {
    domid_t id;
    unsigned nr_blocks;
    enum superpages superpages;
    enum relinquish relinquish;
    bool large_shown;
};

struct actor {
    struct world *w;
    struct world_domain *x;
    struct mm_op op;
    struct actor_model is;
    struct actor_kind kind;
    bool thorough;    /* check every word of every page, not of some only */
    uint64_t checked; /* which are next */
};

/* ERR_NOMEM: nothing is left. */
enum err actor_make(struct actor *a, struct world *w, struct actor_kind k);
void actor_end(struct actor *a);
/* Everything is as the model says; fails the test otherwise. */
void actor_check(struct actor *a);
mfn_t actor_mfn(const struct actor *a, uint64_t pfn);
/* The entry of block b's 2 MiB. */
pte_t actor_entry(const struct actor *a, unsigned b);

/* What guests do. ERR_NOMEM is the only error there is. */
void actor_write(struct actor *a, uint64_t pfn, uint64_t seed);
/* Map a block that is mapped large once more. */
void actor_alias(struct actor *a, unsigned b);
void actor_block_out(struct actor *a, unsigned b);
enum err actor_block_in(struct actor *a, unsigned b);
enum err actor_frame_out(struct actor *a, uint64_t pfn);
enum err actor_frame_in(struct actor *a, uint64_t pfn);
/* From whatever maps it to a table of the actor's own. */
enum err actor_small(struct actor *a, unsigned b);
/* A block collapsed: in place if it can be joined, else healed. ERR_BUSY. */
enum err actor_large(struct actor *a, unsigned b);
/* A large block small again by splitting its entry. */
enum err actor_split(struct actor *a, unsigned b);
/* restore=guest: all that was left to it. */
enum err actor_remap(struct actor *a);

/* ERR_NOMEM: nothing has changed. */
enum err actor_save(struct actor *a, struct image *to, domid_t owner);
enum err actor_relocate(struct actor *a, struct layout_result *result);
/* As `is` was when the image was made. On an error nothing is left. */
enum err actor_restore(struct actor *a, struct world *w, struct actor_kind k,
                       const struct image *image, const struct actor_model *is,
                       enum restore_policy policy, struct restore *r);
