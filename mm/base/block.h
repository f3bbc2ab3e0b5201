/* SPDX-License-Identifier: MIT */
/*
 * block.h: the word that accounts for one 2 MiB block, and its transitions.
 *
 * The word is changed only by compare-and-swap through the pure functions
 * here: old value in, new value out, or "does not apply". Invariants kept:
 *  - a superpage mapping or a mark excludes frames of an exclusive type and
 *    holes, and the other way round;
 *  - owner and class are compared under the same swap that changes a count
 *    (Xen's superframe table never compared the owner: facts 3.3, flaw 4);
 *  - a count is never decremented below zero nor incremented into its
 *    neighbour.
 */
#pragma once

#include <stdatomic.h>

#include "base.h"

/* What a block is for. A cut block has one class for as long as it is cut. */
enum block_class {
    BLOCK_NOT_RAM = 0, /* no memory here, or memory mm/ was not given */
    BLOCK_FREE = 1,
    BLOCK_HV = 2,     /* cut: hypervisor data */
    BLOCK_DOM = 3,    /* owned by one domain */
    BLOCK_OWED = 4,   /* freed, and not on offer yet: owed.h */
    BLOCK_SHARED = 7, /* cut: each frame has an owner of its own */
};

/* Field positions, low bit first. */
#define BLOCK_SUPER_SHIFT 0 /* 20: superpage mappings */
#define BLOCK_SUPER_BITS  20
#define BLOCK_MARK        BIT(20) /* MMUEXT_MARK_SUPER */
#define BLOCK_EXCL_SHIFT  21      /* 10: frames that have an exclusive type */
#define BLOCK_HOLES_SHIFT 31      /* 10: frames the owner does not have */
#define BLOCK_COUNT_BITS  10
#define BLOCK_STALE_SUPER BIT(41) /* a superpage mapping went, not flushed */
#define BLOCK_STALE_EXCL  BIT(42) /* an exclusive type went, not flushed */
#define BLOCK_DIRTY       BIT(43) /* there may be content of others */
#define BLOCK_CUT         BIT(44) /* set aside for small frames */
#define BLOCK_RESERVED    BIT(45) /* it was taken from the fragment reserve */
#define BLOCK_CLASS_SHIFT 46      /* 3 */
#define BLOCK_CLASS_BITS  3
#define BLOCK_OWNER_SHIFT 50 /* 14 */
#define BLOCK_OWNER_BITS  14

#define OWNER_MAX  0x3ffeu /* domids above are never owners */
#define OWNER_NONE 0x3fffu

#define BLOCK_SUPER_ONE BIT(BLOCK_SUPER_SHIFT)
#define BLOCK_SUPER_MAX ((1u << BLOCK_SUPER_BITS) - 1)
#define BLOCK_EXCL_ONE  BIT(BLOCK_EXCL_SHIFT)
#define BLOCK_HOLES_ONE BIT(BLOCK_HOLES_SHIFT)

#define BLOCK_FIELD(w, shift, bits)                                            \
    ((unsigned)((w) >> (shift)) & ((1u << (bits)) - 1))

#define BLOCK_MASK(shift, bits) BITS((shift) + (bits)-1, shift)
#define BLOCK_COUNTS                                                           \
    (BLOCK_MASK(BLOCK_SUPER_SHIFT, BLOCK_SUPER_BITS) |                         \
     BLOCK_MASK(BLOCK_EXCL_SHIFT, BLOCK_COUNT_BITS) |                          \
     BLOCK_MASK(BLOCK_HOLES_SHIFT, BLOCK_COUNT_BITS))
#define BLOCK_FLAGS                                                            \
    (BLOCK_MARK | BLOCK_STALE_SUPER | BLOCK_STALE_EXCL | BLOCK_DIRTY |         \
     BLOCK_CUT | BLOCK_RESERVED)
#define BLOCK_IDENTITY                                                         \
    (BLOCK_MASK(BLOCK_OWNER_SHIFT, BLOCK_OWNER_BITS) |                         \
     BLOCK_MASK(BLOCK_CLASS_SHIFT, BLOCK_CLASS_BITS))
_Static_assert((BLOCK_COUNTS | BLOCK_FLAGS | BLOCK_IDENTITY) == ~BIT(49),
               "the fields are complete, but for one spare bit");
_Static_assert(BLOCK_SUPER_BITS + 2 * BLOCK_COUNT_BITS + 6 /* flags */ +
                       BLOCK_CLASS_BITS + BLOCK_OWNER_BITS ==
                   63,
               "and disjoint: there are no more bits in them than these");
_Static_assert(BLOCK_FRAMES < 1u << BLOCK_COUNT_BITS,
               "all frames of a block may be counted");
_Static_assert(BLOCK_SHARED < 1u << BLOCK_CLASS_BITS, "the largest class fits");
_Static_assert((BLOCK_SHARED & BLOCK_DOM) == BLOCK_DOM &&
                   !((BLOCK_FREE & BLOCK_DOM) == BLOCK_DOM) &&
                   !((BLOCK_HV & BLOCK_DOM) == BLOCK_DOM) &&
                   !((BLOCK_OWED & BLOCK_DOM) == BLOCK_DOM),
               "block_has_frames() is one test: of a domain's, and shared");
_Static_assert(BLOCK_NOT_RAM == 0, "a word of zeroes is no memory");
_Static_assert(OWNER_NONE == (1u << BLOCK_OWNER_BITS) - 1,
               "every id there is room for is an owner, but the last");
_Static_assert(OWNER_MAX + 1 == OWNER_NONE, "none between");
_Static_assert((domid_t)OWNER_NONE == OWNER_NONE, "a domid holds an owner");
_Static_assert(BLOCK_SIZE == BLOCK_FRAMES * (uint64_t)PAGE_SIZE,
               "frames of a block");
_Static_assert(PAGE_SIZE == 1u << PAGE_SHIFT, "and of bytes of a frame");
_Static_assert(BIT(30) == REGION_BLOCKS * BLOCK_SIZE, "1 GiB");

/*
 * One descriptor per block: 16 bytes, 8 KiB per GiB. `table` is the mfn of
 * the two frames that hold the frame words (struct frame_table); it is not 0
 * only for a domain's block that is used at 4 KiB grain, and for a shared one,
 * so a frame found through it is some domain's or free.
 */
struct block {
    _Atomic uint64_t word;
    uint32_t table;
    uint32_t next; /* with holes: list link; HV: the frame describing it */
};
_Static_assert(sizeof(struct block) == 16, "8 KiB of metadata per GiB");
_Static_assert(offsetof(struct block, word) == 0, "what is changed by swaps");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && sizeof(long long) == 8,
               "a word is swapped by one instruction");

typedef struct {
    uint64_t v;
} blk_t; /* index of a block: mfn / 512 */

static inline blk_t blk_of(uint64_t v)
{
    return (blk_t){v};
}
static inline blk_t blk_of_mfn(mfn_t m)
{
    return blk_of(m.v / BLOCK_FRAMES);
}
static inline mfn_t mfn_of_blk(blk_t b)
{
    return mfn_of(b.v * BLOCK_FRAMES);
}

static inline unsigned block_super(uint64_t w)
{
    return BLOCK_FIELD(w, BLOCK_SUPER_SHIFT, BLOCK_SUPER_BITS);
}
static inline unsigned block_excl(uint64_t w)
{
    return BLOCK_FIELD(w, BLOCK_EXCL_SHIFT, BLOCK_COUNT_BITS);
}
static inline unsigned block_holes(uint64_t w)
{
    return BLOCK_FIELD(w, BLOCK_HOLES_SHIFT, BLOCK_COUNT_BITS);
}
static inline enum block_class block_class(uint64_t w)
{
    return (enum block_class)BLOCK_FIELD(w, BLOCK_CLASS_SHIFT,
                                         BLOCK_CLASS_BITS);
}
static inline unsigned block_owner(uint64_t w)
{
    return BLOCK_FIELD(w, BLOCK_OWNER_SHIFT, BLOCK_OWNER_BITS);
}

/* A fresh word of this class and owner, all counts zero. */
static inline uint64_t block_word(enum block_class c, unsigned owner)
{
    return (uint64_t)c << BLOCK_CLASS_SHIFT | (uint64_t)owner
                                                  << BLOCK_OWNER_SHIFT;
}

/* The word of a block that nobody has. */
static inline uint64_t block_word_free(bool clean)
{
    return block_word(BLOCK_FREE, OWNER_NONE) | (clean ? 0 : BLOCK_DIRTY);
}

/*
 * Where a word that nobody owns needs no counts it says whose all of the
 * content is: mm_domain.incarnation, 0: not one domain's alone.
 */
#define BLOCK_LAST_MAX BITS(40, 0)
_Static_assert((BLOCK_LAST_MAX & (BLOCK_IDENTITY | BLOCK_DIRTY)) == 0 &&
                   (BLOCK_LAST_MAX & BLOCK_COUNTS) == BLOCK_COUNTS,
               "in place of the counts, and of the mark among them");

static inline uint64_t block_last(uint64_t w)
{
    return w & BLOCK_LAST_MAX;
}

static inline bool block_owned_by(uint64_t w, unsigned owner)
{
    return (w & BLOCK_IDENTITY) == block_word(BLOCK_DOM, owner);
}

/* Do the block's frames belong to domains? */
static inline bool block_has_frames(uint64_t w)
{
    return (block_class(w) & BLOCK_DOM) == BLOCK_DOM;
}

/*
 * Where frames of this owner's may be: its own blocks, and all shared ones,
 * where each frame has to be asked.
 */
static inline bool block_concerns(uint64_t w, unsigned owner)
{
    return block_owned_by(w, owner) || block_class(w) == BLOCK_SHARED;
}

/* What excludes exclusive types and holes. */
#define BLOCK_SUPER_USE                                                        \
    (BLOCK_MASK(BLOCK_SUPER_SHIFT, BLOCK_SUPER_BITS) | BLOCK_MARK)
/* What excludes superpage mappings and marks. */
#define BLOCK_SMALL_USE                                                        \
    BITS(BLOCK_HOLES_SHIFT + BLOCK_COUNT_BITS - 1, BLOCK_EXCL_SHIFT)
_Static_assert(BLOCK_SMALL_USE ==
                   (BLOCK_MASK(BLOCK_EXCL_SHIFT, BLOCK_COUNT_BITS) |
                    BLOCK_MASK(BLOCK_HOLES_SHIFT, BLOCK_COUNT_BITS)),
               "neighbours: the two counts and nothing else");
_Static_assert(!(BLOCK_SUPER_USE & BLOCK_SMALL_USE), "each excludes the other");
_Static_assert(!(BLOCK_IDENTITY & (BLOCK_SUPER_USE | BLOCK_SMALL_USE)),
               "no count reaches into owner or class");

/*
 * Transitions: `*w` is the old value on entry and the new one on success;
 * false means the transition does not apply and *w is unchanged.
 */
static inline bool block_super_get(uint64_t *w, unsigned owner)
{
    if (!block_owned_by(*w, owner) || (*w & BLOCK_SMALL_USE) ||
        block_super(*w) == BLOCK_SUPER_MAX)
        return false;
    *w += BLOCK_SUPER_ONE;
    return true;
}

/*
 * Whoever makes an exclusive type next must flush first. What nobody owns has
 * no counts: block_last() is in their place, and must not be taken for them.
 */
static inline bool block_super_put(uint64_t *w)
{
    if (!block_has_frames(*w) || block_super(*w) == 0)
        return false;
    *w = (*w - BLOCK_SUPER_ONE) | BLOCK_STALE_SUPER;
    return true;
}

static inline bool block_mark(uint64_t *w, unsigned owner)
{
    if (!block_owned_by(*w, owner) || (*w & (BLOCK_SMALL_USE | BLOCK_MARK)))
        return false;
    *w |= BLOCK_MARK;
    return true;
}

static inline bool block_unmark(uint64_t *w, unsigned owner)
{
    if (!block_owned_by(*w, owner) || !(*w & BLOCK_MARK))
        return false;
    *w &= ~BLOCK_MARK;
    return true;
}

static inline bool block_excl_get(uint64_t *w)
{
    if (!block_has_frames(*w) || (*w & BLOCK_SUPER_USE) ||
        block_excl(*w) == BLOCK_FRAMES)
        return false;
    *w += BLOCK_EXCL_ONE;
    return true;
}

/* Whoever maps the block as a superpage next must flush first. */
static inline bool block_excl_put(uint64_t *w)
{
    if (!block_has_frames(*w) || block_excl(*w) == 0)
        return false;
    *w = (*w - BLOCK_EXCL_ONE) | BLOCK_STALE_EXCL;
    return true;
}

/* n more holes. */
static inline bool block_holes_get(uint64_t *w, unsigned n)
{
    if (!block_has_frames(*w) || (*w & BLOCK_SUPER_USE) ||
        block_holes(*w) + n > BLOCK_FRAMES)
        return false;
    *w += n * BLOCK_HOLES_ONE;
    return true;
}

static inline bool block_holes_put(uint64_t *w, unsigned n)
{
    if (!block_has_frames(*w) || block_holes(*w) < n)
        return false;
    *w -= n * BLOCK_HOLES_ONE;
    return true;
}

/* One more hole. */
static inline bool block_hole_get(uint64_t *w)
{
    return block_holes_get(w, 1);
}

static inline bool block_hole_put(uint64_t *w)
{
    return block_holes_put(w, 1);
}

/* From one owner's to everybody's; counts go on. */
static inline bool block_share(uint64_t *w, unsigned owner)
{
    if (!block_owned_by(*w, owner) || (*w & BLOCK_SUPER_USE))
        return false;
    *w = (*w & ~(BLOCK_IDENTITY | BLOCK_CUT | BLOCK_DIRTY)) |
         block_word(BLOCK_SHARED, OWNER_NONE);
    return true;
}

/* No stale translation is left. */
static inline bool block_flushed(uint64_t *w)
{
    *w &= ~(BLOCK_STALE_SUPER | BLOCK_STALE_EXCL);
    return true;
}

/* The one place where pure transitions meet memory. */
#define block_apply(b, old, fn, ...)                                           \
    ({                                                                         \
        uint64_t seen_ =                                                       \
            atomic_load_explicit(&(b)->word, memory_order_relaxed);            \
        uint64_t new_;                                                         \
        bool ok_;                                                              \
        do {                                                                   \
            new_ = seen_;                                                      \
            ok_ = fn(&new_, ##__VA_ARGS__);                                    \
        } while (ok_ &&                                                        \
                 !atomic_compare_exchange_weak(&(b)->word, &seen_, new_));     \
        (old) = seen_;                                                         \
        ok_;                                                                   \
    })

/* The same where the old value does not matter. */
#define block_try(b, fn, ...)                                                  \
    ({                                                                         \
        uint64_t unused_;                                                      \
        bool did_ = block_apply(b, unused_, fn, ##__VA_ARGS__);                \
        (void)unused_;                                                         \
        did_;                                                                  \
    })
