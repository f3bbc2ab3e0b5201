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

#include "mm/alloc/mm.h"

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

#define FRAME_REF_ONE     BIT(0) /* 22 bits: all references */
#define FRAME_REF_BITS    22
#define FRAME_COUNT_ONE   BIT(22) /* 20 bits: references to the type */
#define FRAME_COUNT_SHIFT 22
#define FRAME_COUNT_BITS  20
#define FRAME_TYPE_SHIFT  42 /* 3 bits; kept at count zero, see stamp */
#define FRAME_TYPE_BITS   3
#define FRAME_VALIDATED   BIT(45)
#define FRAME_PARTIAL     BIT(46) /* owns the one type and general ref */
#define FRAME_PINNED      BIT(47) /* owns one type and general ref */
#define FRAME_ALLOCATED   BIT(48) /* owns one general ref: the owner's */
#define FRAME_FIXED       BIT(49) /* shared with the hypervisor: not given back */
#define FRAME_OWNER_SHIFT 50
#define FRAME_OWNER_BITS  14

#define FRAME_COUNT_MAX  ((1u << FRAME_COUNT_BITS) - 1)
#define FRAME_TYPE_MASK  BITS(44, 42)
#define FRAME_COUNT_MASK BITS(41, 22)
#define FRAME_REF_MASK   BITS(21, 0)
#define FRAME_OWNER_MASK BITS(63, 50)

#define FRAME_FLAGS                                                            \
    (FRAME_VALIDATED | FRAME_PARTIAL | FRAME_PINNED | FRAME_ALLOCATED |        \
     FRAME_FIXED)
_Static_assert((FRAME_REF_MASK | FRAME_COUNT_MASK | FRAME_TYPE_MASK |
                FRAME_FLAGS | FRAME_OWNER_MASK) == ~UINT64_C(0),
               "the fields are complete");
_Static_assert(FRAME_REF_BITS + FRAME_COUNT_BITS + FRAME_TYPE_BITS +
                       5 /* flags */ + FRAME_OWNER_BITS ==
                   64,
               "and disjoint: there are no more bits in them than these");
_Static_assert(FRAME_REF_MASK == BLOCK_MASK(0, FRAME_REF_BITS), "as by shift");
_Static_assert(FRAME_COUNT_MASK ==
                   BLOCK_MASK(FRAME_COUNT_SHIFT, FRAME_COUNT_BITS),
               "as by shift");
_Static_assert(FRAME_TYPE_MASK == BLOCK_MASK(FRAME_TYPE_SHIFT, FRAME_TYPE_BITS),
               "as by shift");
_Static_assert(FRAME_OWNER_MASK ==
                   BLOCK_MASK(FRAME_OWNER_SHIFT, FRAME_OWNER_BITS),
               "as by shift");
_Static_assert(FRAME_OWNER_SHIFT == BLOCK_OWNER_SHIFT &&
                   FRAME_OWNER_BITS == BLOCK_OWNER_BITS,
               "the owner is at one place in both words");
_Static_assert(FRAME_OWNER_SHIFT + FRAME_OWNER_BITS == 64,
               "frame_owner() is a shift");
_Static_assert(FRAME_COUNT_ONE == BIT(FRAME_COUNT_SHIFT), "one of them");
_Static_assert(FRAME_REF_ONE == 1, "the lowest field");
_Static_assert(FRAME_WRITABLE < 1u << FRAME_TYPE_BITS, "the largest type fits");
_Static_assert(FRAME_L1 == 1 && FRAME_L4 == PT_LEVELS,
               "a table's type is its level");
_Static_assert(FRAME_SEG == FRAME_L4 + 1 && FRAME_WRITABLE == FRAME_SEG + 1,
               "frame_type_exclusive(): L1 to SEG, in a row");
_Static_assert(FRAME_NONE == 0, "a frame that comes to somebody has no type");
_Static_assert(FRAME_COUNT_BITS < FRAME_REF_BITS,
               "type references are some of all, so their count is full first");

/* Where a partial table was going when it stopped. */
enum pt_stop {
    PT_UP,
    PT_DOWN,
    PT_WAITS, /* down; the table that entry `progress` named is to go first */
};

/*
 * What only page tables need, beside the word, and those that were one: what is
 * of mm/pv/lapse.h stays until the domain gives the frame up. Changed under the
 * lock.
 */
struct frame_pt {
    int16_t linear : 14;    /* > 0: has linear entries; < 0: is used as one */
    uint16_t lapsed : 1;    /* its pin went, which the guest has not taken */
    uint16_t wanted : 1;    /* the guest's kernel is to write to it again */
    uint16_t progress : 14; /* entries validated, while FRAME_PARTIAL */
    uint16_t stop : 2;      /* enum pt_stop, while FRAME_PARTIAL */
};
#define FRAME_LINEAR_MIN (-8192)
_Static_assert(PT_WAITS < 1u << 2, "two bits hold how a table stopped");
_Static_assert(PT_ENTRIES < 1u << 14, "and fourteen how far it got");
_Static_assert(PT_ENTRIES < -FRAME_LINEAR_MIN,
               "a table's own linear entries can all be counted");

/*
 * Who has frames in a shared block, and how many: at most so many domains,
 * without gaps, the first of them the keeper.
 */
#define SHARED_OWNERS 16u
struct shared_owner {
    struct mm_domain *d;
    uint64_t frames;
};

/* The accounting of one block at 4 KiB grain: two frames. */
struct frame_table {
    _Atomic uint64_t word[BLOCK_FRAMES];
    struct frame_pt pt[BLOCK_FRAMES];
    uint16_t stamp[BLOCK_FRAMES]; /* TLB epoch of the last type reference */
    uint64_t hole_map[BLOCK_FRAMES / 64];
    struct shared_owner owner[SHARED_OWNERS]; /* of a shared block */
    uint32_t kept_next, kept_prev; /* the keeper's list of those with holes */
    uint32_t prev;    /* list of blocks with holes (holed.h); next is in */
    uint16_t nr_free; /* struct block; bits set in hole_map */
    uint16_t in_hand; /* of a shared block: being scrubbed, in no map */
    uint32_t span;    /* of a domain's own: 1 + the one it serves, 0: none */
    bool inherited;   /* its keeper is not the one that shared it */
    bool poisoned;    /* of a shared block: poison.h */
    uint8_t spare[2 * PAGE_SIZE - 4096 - 2048 - 1024 - 64 -
                  SHARED_OWNERS * sizeof(struct shared_owner) - 8 - 14];
};
_Static_assert(sizeof(struct frame_table) == 2 * PAGE_SIZE, "an order-1 pair");
_Static_assert(sizeof(struct frame_pt) == 4, "half of a word");
_Static_assert(offsetof(struct frame_table, word) == 0 &&
                   sizeof(((struct frame_table *)0)->word) == PAGE_SIZE,
               "the words are the first of the two frames");
_Static_assert(BLOCK_FRAMES <= UINT16_MAX, "nr_free counts all of a block's");
_Static_assert(sizeof(((struct frame_table *)0)->hole_map) * 8 == BLOCK_FRAMES,
               "a bit for each frame");

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

/* Of a hole: nobody has had it since it was scrubbed. */
#define FRAME_CLEAN FRAME_VALIDATED
_Static_assert(!(FRAME_CLEAN & (FRAME_OWNER_MASK | FRAME_TYPE_MASK)),
               "a clean hole is nobody's, of no type, like any other");
static inline bool frame_is_clean(uint64_t w)
{
    return w == (frame_word_hole() | FRAME_CLEAN);
}

/*
 * Counts are refused at half of their range: one test of the top bits covers
 * both, and whatever races past it still has the other half in reserve.
 */
#define FRAME_FULL (BIT(21) | BIT(41))
_Static_assert(FRAME_FULL == (BIT(FRAME_REF_BITS - 1) |
                              BIT(FRAME_COUNT_SHIFT + FRAME_COUNT_BITS - 1)),
               "the top bit of either count");
_Static_assert(FRAME_COUNT_MAX / 2 >= PT_ENTRIES,
               "half of the range has room for what one table adds");

/*
 * Transitions on a value; false: does not apply, *w unchanged.
 * A frame with an owner has at least one reference, so comparing the owner
 * tells a live frame from a hole.
 */
static inline bool frame_get(uint64_t *w, unsigned owner)
{
    if (frame_owner(*w) != owner || (*w & FRAME_FULL))
        return false;
    *w += FRAME_REF_ONE;
    return true;
}

/* The caller turns a frame whose last reference went into a hole. */
static inline bool frame_put(uint64_t *w)
{
    if (frame_refs(*w) == 0)
        return false;
    *w -= FRAME_REF_ONE;
    return true;
}

/* May the type reference be taken at all: same type, or count zero? */
static inline bool frame_type_fits(uint64_t w, enum frame_type t)
{
    if (w & FRAME_PARTIAL)
        return false;
    return frame_count(w) == 0 || frame_type(w) == t;
}

/* A type reference beside a general one already held. */
static inline bool frame_type_add(uint64_t *w, enum frame_type t)
{
    if (!frame_type_fits(*w, t) || (*w & FRAME_FULL))
        return false;
    if (frame_count(*w) == 0)
        *w = (*w & ~(FRAME_TYPE_MASK | FRAME_VALIDATED)) | frame_type_bits(t);
    *w += FRAME_COUNT_ONE;
    return true;
}

/* A general and a type reference together. */
static inline bool frame_type_get(uint64_t *w, unsigned owner,
                                  enum frame_type t)
{
    return frame_get(w, owner) && (frame_type_add(w, t) || !frame_put(w));
}

/*
 * A frame that has had no type since it came is writable from now on, with
 * nobody who refers to it as yet: no translation made under another type can be
 * left of it (must_flush()).
 */
static inline bool frame_begin_writable(uint64_t *w, unsigned owner)
{
    if (frame_owner(*w) != owner ||
        (*w & (FRAME_TYPE_MASK | FRAME_COUNT_MASK | FRAME_VALIDATED |
               FRAME_PARTIAL | FRAME_FULL)))
        return false;
    *w |= frame_type_bits(FRAME_WRITABLE);
    return true;
}

/* The type stays in the word at count zero: a translation may outlive it. */
static inline bool frame_type_sub(uint64_t *w)
{
    if (frame_count(*w) == 0)
        return false;
    *w -= FRAME_COUNT_ONE;
    if (frame_count(*w) == 0)
        *w &= ~FRAME_VALIDATED;
    return true;
}

static inline bool frame_type_put(uint64_t *w)
{
    return frame_type_sub(w) && frame_put(w);
}

/* Set and clear flag bits; refuses to set what is set already. */
static inline bool frame_flags(uint64_t *w, uint64_t set, uint64_t clear)
{
    if ((*w & set) || (*w & clear) != clear)
        return false;
    *w = (*w | set) & ~clear;
    return true;
}

/* The owner gives the frame up; references may keep it alive. */
static inline bool frame_unalloc(uint64_t *w, unsigned owner)
{
    if (frame_owner(*w) != owner || (*w & FRAME_FIXED) ||
        !(*w & FRAME_ALLOCATED))
        return false;
    *w &= ~FRAME_ALLOCATED;
    return frame_put(w);
}

/* Has the owner it and nobody refers to it? Its last type does not matter. */
static inline bool frame_is_idle(uint64_t w, unsigned owner)
{
    return (w & ~FRAME_TYPE_MASK) == frame_word_owned(owner);
}

/* Such a frame becomes a hole in one step. */
static inline bool frame_vacate(uint64_t *w, unsigned owner)
{
    if (!frame_is_idle(*w, owner))
        return false;
    *w = frame_word_hole();
    return true;
}

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

#define frame_try(f, fn, ...)                                                  \
    ({                                                                         \
        uint64_t unused_;                                                      \
        bool did_ = frame_apply(f, unused_, fn, ##__VA_ARGS__);                \
        (void)unused_;                                                         \
        did_;                                                                  \
    })

static inline struct frame_table *frame_table_at(const struct mm *mm,
                                                 uint32_t table)
{
    return (struct frame_table *)mm_frame_ptr(mm, mfn_of(table));
}

/* Make the table of a block of d's that has none. ERR_NOMEM. */
enum err frame_table_make(struct mm *mm, struct mm_domain *d, struct block *b);
/* Give it back. Nobody may refer to a frame of the block. */
void frame_table_drop(struct mm *mm, struct mm_domain *d, struct block *b);
/* The same where every frame is in the default state; else false. */
bool frame_table_trim(struct mm *mm, struct mm_domain *d, struct block *b);
/*
 * Idle work: look at the next n blocks of the machine for tables nobody needs
 * any more. Returns how many were given back. No operation is under way.
 */
uint64_t frame_trim(struct mm *mm, uint64_t n);

/* The accounting of a frame in a block that has a table. */
static always_inline struct frame frame_held(const struct mm *mm, mfn_t m)
{
    struct block *b = mm_block(mm, blk_of_mfn(m));

    return (struct frame){.mfn = m,
                          .block = b,
                          .table = frame_table_at(mm, b->table),
                          .i = (unsigned)m.v % BLOCK_FRAMES};
}

/*
 * The word of a frame in one of owner's blocks, or what stands for it; or in a
 * shared one in which owner has a frame.
 */
static inline uint64_t frame_word_of(const struct mm *mm, mfn_t m,
                                     unsigned owner)
{
    const struct block *b = mm_block(mm, blk_of_mfn(m));
    struct frame f;

    if (!b->table) {
        ASSERT(block_owned_by(b->word, owner));
        return frame_word_owned(owner);
    }
    f = frame_held(mm, m);
    return frame_word(&f);
}

/* Is b a shared block, and the frame in it the domain's? */
bool frame_in_shared(const struct mm_op *op, const struct block *b, mfn_t m);
/*
 * The next frame of the domain's from i on in b, which is or was a shared
 * block; BLOCK_FRAMES: there is none.
 */
unsigned frame_next_in_shared(const struct mm_op *op, const struct block *b,
                              unsigned i);

/* The block is not the domain's: as frame_find(), ERR_NONE if it is shared. */
enum err frame_find_shared(const struct mm_op *op, const struct block *b,
                           mfn_t m);

/*
 * Find the accounting of a frame in a block of op's domain or, if the frame is
 * the domain's, a shared one, making the table if there is none. ERR_PERM: no
 * memory there (what Xen takes for MMIO); ERR_BUSY: not the domain's;
 * ERR_NOMEM. In its own block the frame may be a hole: that is for the
 * transition to compare.
 */
static always_inline enum err frame_find(const struct mm_op *op, mfn_t m,
                                         struct frame *out)
{
    struct block *b;
    uint64_t w;

    if (!mm_mfn_valid(op->mm, m))
        return ERR_PERM;
    b = mm_block(op->mm, blk_of_mfn(m));
    w = atomic_load_explicit(&b->word, memory_order_relaxed);
    if (unlikely(!block_owned_by(w, op->d->id))) {
        enum err rc = frame_find_shared(op, b, m);

        if (rc)
            return rc;
    } else if (unlikely(b->table == 0)) {
        enum err rc = frame_table_make(op->mm, op->d, b);

        if (rc)
            return rc;
    }
    *out = frame_held(op->mm, m);
    return ERR_NONE;
}

/* Is the frame the domain's? Makes no table. */
bool frame_owned(const struct mm_op *op, mfn_t m);
/*
 * Its accounting, if it is the domain's and has any: what has neither a type
 * nor a second reference need not have a word. Makes no table.
 */
must_check bool frame_find_worded(const struct mm_op *op, mfn_t m,
                                  struct frame *out);
