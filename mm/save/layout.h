/* SPDX-License-Identifier: MIT */
/*
 * layout.h: from a domain in pfn terms, in an image or in place, to one that
 * lies in machine frames: what restoring and relocating have in common, once
 * it is decided which pfn is which frame.
 *
 * Invariant: nothing that is written here is believed. Tables are plain
 * memory while they are changed, and become tables by being pinned, so what
 * an image says can end in an error, never in a table that is not allowed.
 */
#pragma once

#include "mm/save/image.h"

enum restore_policy { RESTORE_FAIL, RESTORE_GUEST, RESTORE_SHATTER };

/* What became of the memory: restore and relocate alike. */
struct layout_result {
    uint64_t large_before; /* superpage entries there were */
    uint64_t large_after;  /* that there are now */
    uint64_t shattered;    /* entries onto supplied tables */
    uint64_t remap;        /* entries left to the guest */
    uint64_t supplied;     /* tables supplied */
    uint64_t whole,
        scattered;   /* extents of 512 that are, and are not, blocks */
    uint64_t moved;  /* frames copied */
    uint64_t healed; /* ranges that are whole again: relocate only */
};

/* A span of 512 pfns that was, or wants to be, one whole block. */
struct layout_span {
    uint64_t l1;     /* mfn of the supplied table that maps it; 0: none */
    uint64_t l2;     /* of that which maps the 1 GiB from here on */
    uint32_t offset; /* of its first pfn, from the multiple of 512 below */
    uint32_t flags;
};
#define LAYOUT_HERE   BIT(0)
#define LAYOUT_LARGE  BIT(1) /* mapped large, or was */
#define LAYOUT_1G     BIT(2) /* and part of a 1 GiB mapping */
#define LAYOUT_LATE   BIT(3) /* was no block: there may be entries to remap */
#define LAYOUT_WHOLE  BIT(4) /* is a block now */
#define LAYOUT_SMALL  BIT(5) /* some entry onto it is shattered now */
#define LAYOUT_REMAP  BIT(6) /* some entry onto it is left to the guest now */
#define LAYOUT_FILLED BIT(7) /* its supplied table says where it lies now */
#define LAYOUT_FULL   BIT(8) /* the same for l2 */
_Static_assert((LAYOUT_HERE | LAYOUT_LARGE | LAYOUT_1G | LAYOUT_LATE |
                LAYOUT_WHOLE | LAYOUT_SMALL | LAYOUT_REMAP | LAYOUT_FILLED |
                LAYOUT_FULL) == BIT(9) - 1,
               "nine flags, each its own bit");
_Static_assert(sizeof(struct layout_span) == 24, "170 in a frame");

struct layout {
    struct mm_op *op;
    struct pfnmap *map;        /* pfn to mfn */
    const struct image *image; /* where tables are listed: in one of both */
    const struct snapshot *snapshot;
    enum restore_policy policy;
    struct layout_result *result;
    char *why;                  /* JOB_WHY bytes */
    struct snapshot_list spans; /* struct layout_span, by pfn / 512 */
    struct snapshot_list own;   /* mfns of supplied tables that are no spans */
    /* A byte for each table: it maps another of its own level. */
    struct snapshot_list linear;
    bool any_linear;
    /* The table under way: layout_table.c. */
    unsigned entry; /* of it, that is next */
    unsigned part;  /* of the table supplied for 1 GiB, which is one entry */
    unsigned work;  /* since the last look at the clock */
    /* Pinning: layout_pin.c. */
    uint64_t cursor;
    unsigned stage, level;
};

#define layout_wrong(l, ...) (say((l)->why, 160, __VA_ARGS__), ERR_INVAL)

/* The lists are empty then. */
void layout_init(struct layout *l);
/* ERR_RESTART: call again. */
enum err layout_free(struct layout *l);
/* `whole`: it is a block by now. ERR_NOMEM. */
enum err layout_span_add(struct layout *l, struct extent e, bool whole);
/* The span that begins at this pfn; NULL: none does. */
struct layout_span *layout_span_at(const struct layout *l, uint64_t pfn);
/* The frame of a pfn or SNAPSHOT_SUPPLIED + n; MFN_NONE. */
mfn_t layout_named(const struct layout *l, uint64_t pfn);
uint64_t layout_nr_tables(const struct layout *l);
struct snapshot_table layout_nth_table(const struct layout *l, uint64_t n);
/* The level of the table that has this name; 0: it is none. */
unsigned layout_level(const struct layout *l, uint64_t pfn);

/* Before the first table: what is to be noted of them. ERR_RESTART, ERR_NOMEM.
 */
enum err layout_tables_begin(struct layout *l, uint64_t *cursor);
/*
 * The nth table from normalised form (normalise.h) to mfns, in place, and one
 * after the other. ERR_RESTART; ERR_INVAL: it names what is not there;
 * ERR_NOMEM: for a supplied table.
 */
enum err layout_table(struct layout *l, uint64_t n);
/* Once it is done: does the nth table map another of its level? */
bool layout_is_linear(const struct layout *l, uint64_t n);
/* Page n of the guest's p2m, at pfn. ERR_INVAL: no such pfn. */
enum err layout_p2m_page(const struct layout *l, uint64_t n, uint64_t pfn);
/*
 * All tables that were pinned are again. ERR_RESTART; ERR_INVAL: one of them
 * is not valid; ERR_NOMEM.
 */
enum err layout_pin(struct layout *l);
