/* SPDX-License-Identifier: MIT */
/*
 * frame.h: the word that accounts for one 4 KiB frame, its transitions, and
 * the table that holds the words of a block.
 *
 * A frame has one exclusive type at a time, with a count; every type
 * reference is accompanied by a general one; the type changes only while its
 * count is zero. Frame words exist only while a block is used at 4 KiB grain:
 * without a table, each of its frames is {owner of the block, allocated,
 * one reference, no type}.
 */
#pragma once

#include "mm/mm.h"

/* Values 1..4 are the page-table levels themselves. */
enum frame_type {
    FRAME_NONE = 0,
    FRAME_L1 = 1,
    FRAME_L2 = 2,
    FRAME_L3 = 3,
    FRAME_L4 = 4,
    FRAME_SEG = 5,      /* descriptors: GDT or LDT */
    FRAME_WRITABLE = 6, /* mapped writable; excludes all the above */
};

#define FRAME_REF_ONE       BIT(0) /* 22 bits: all references */
#define FRAME_REF_BITS      22
#define FRAME_COUNT_ONE     BIT(22) /* 20 bits: references to the type */
#define FRAME_COUNT_SHIFT   22
#define FRAME_COUNT_BITS    20
#define FRAME_TYPE_SHIFT    42 /* 3 bits; kept at count zero, see stamp */
#define FRAME_TYPE_BITS     3
#define FRAME_VALIDATED     BIT(45)
#define FRAME_PARTIAL       BIT(46) /* owns the one type and general ref */
#define FRAME_PINNED        BIT(47) /* owns one type and general ref */
#define FRAME_ALLOCATED     BIT(48) /* owns one general ref: the owner's */
#define FRAME_FIXED         BIT(49) /* shared with the hypervisor: not given back */
#define FRAME_OWNER_SHIFT   50
#define FRAME_OWNER_BITS    14

#define FRAME_REF_MAX       ((1u << FRAME_REF_BITS) - 1)
#define FRAME_COUNT_MAX     ((1u << FRAME_COUNT_BITS) - 1)
#define FRAME_TYPE_MASK     BITS(44, 42)
#define FRAME_COUNT_MASK    BITS(41, 22)
#define FRAME_REF_MASK      BITS(21, 0)
#define FRAME_OWNER_MASK    BITS(63, 50)

/* What only page tables need, beside the word. Changed under the lock. */
struct frame_pt {
    int16_t linear;    /* > 0: has linear entries; < 0: is used as one */
    uint16_t progress; /* entries validated, while FRAME_PARTIAL */
};

/* The accounting of one block at 4 KiB grain: two frames. */
struct frame_table {
    _Atomic uint64_t word[BLOCK_FRAMES];
    struct frame_pt pt[BLOCK_FRAMES];
    uint16_t stamp[BLOCK_FRAMES]; /* TLB epoch of the last type reference */
    uint64_t hole_map[BLOCK_FRAMES / 64];
    uint32_t prev; /* list of the owner's blocks with holes; next is in */
    uint32_t pad;  /* struct block */
    uint8_t spare[2 * PAGE_SIZE - 4096 - 2048 - 1024 - 64 - 8];
};
_Static_assert(sizeof(struct frame_table) == 2 * PAGE_SIZE, "an order-1 pair");
_Static_assert(sizeof(struct frame_pt) == 4, "half of a word");

static inline unsigned frame_refs(uint64_t w)
{
    return (unsigned)(w & FRAME_REF_MASK);
}
static inline unsigned frame_count(uint64_t w)
{
    return BLOCK_FIELD(w, FRAME_COUNT_SHIFT, FRAME_COUNT_BITS);
}
static inline enum frame_type frame_type(uint64_t w)
{
    return (enum frame_type)BLOCK_FIELD(w, FRAME_TYPE_SHIFT, FRAME_TYPE_BITS);
}
static inline unsigned frame_owner(uint64_t w)
{
    return (unsigned)(w >> FRAME_OWNER_SHIFT);
}
static inline uint64_t frame_type_bits(enum frame_type t)
{
    return (uint64_t)t << FRAME_TYPE_SHIFT;
}
static inline bool frame_type_exclusive(enum frame_type t)
{
    return t >= FRAME_L1 && t <= FRAME_SEG;
}
static inline bool frame_is_table(enum frame_type t)
{
    return t >= FRAME_L1 && t <= FRAME_L4;
}

/* The word of a frame its owner simply has. */
static inline uint64_t frame_word_owned(unsigned owner)
{
    return (uint64_t)owner << FRAME_OWNER_SHIFT | FRAME_ALLOCATED |
           FRAME_REF_ONE;
}

/* The word of a hole: nobody has it. */
static inline uint64_t frame_word_hole(void)
{
    return (uint64_t)OWNER_NONE << FRAME_OWNER_SHIFT;
}

/*
 * Transitions on a value; false: does not apply, *w unchanged.
 * _get needs a live frame of that owner; two general references and the top
 * of the type count are kept in reserve, so that counts saturate by refusal.
 */
bool frame_get(uint64_t *w, unsigned owner);
bool frame_put(uint64_t *w);
/* One general and one type reference together. `*fresh`: count was zero. */
bool frame_type_get(uint64_t *w, unsigned owner, enum frame_type t,
                    bool *fresh);
bool frame_type_put(uint64_t *w);
bool frame_alloc(uint64_t *w, unsigned owner); /* hole -> owned */
bool frame_unalloc(uint64_t *w, unsigned owner);
bool frame_steal(uint64_t *w, unsigned owner); /* only if nobody refers to it */
bool frame_set(uint64_t *w, uint64_t set, uint64_t clear);

/* A frame of a guest: where its accounting is. */
struct frame {
    mfn_t mfn;
    struct block *block;
    struct frame_table *table;
    unsigned i; /* index in the block */
};

static inline _Atomic uint64_t *frame_word_ptr(const struct frame *f)
{
    return &f->table->word[f->i];
}
static inline uint64_t frame_word(const struct frame *f)
{
    return atomic_load_explicit(frame_word_ptr(f), memory_order_relaxed);
}

#define frame_apply(f, old, fn, ...)                                           \
    ({                                                                         \
        _Atomic uint64_t *p_ = frame_word_ptr(f);                              \
        uint64_t seen_ = atomic_load_explicit(p_, memory_order_relaxed);       \
        uint64_t new_;                                                         \
        bool ok_;                                                              \
        do {                                                                   \
            new_ = seen_;                                                      \
            ok_ = fn(&new_, ##__VA_ARGS__);                                    \
        } while (ok_ && !atomic_compare_exchange_weak(p_, &seen_, new_));      \
        (old) = seen_;                                                         \
        ok_;                                                                   \
    })

/*
 * Find the accounting of a frame in a block of op's domain, making the table
 * if there is none. ERR_INVAL: not a frame of the domain's; ERR_NOMEM.
 */
must_check enum err frame_find(struct mm_op *op, mfn_t m, struct frame *out);
/* The same where the table is known to exist (a reference is held). */
struct frame frame_held(const struct mm *mm, mfn_t m);
/* Give the table back if every frame is in the default state. */
bool frame_table_trim(struct mm *mm, struct mm_domain *d, blk_t b);
