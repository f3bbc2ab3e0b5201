/* SPDX-License-Identifier: MIT */
/*
 * entry.h: which entries a guest may have in its tables, and the references
 * an entry takes (facts 2.1). get and put are exact opposites: what a present
 * entry of a validated table holds is
 *   L1          one reference of the frame, one more of type writable if RW
 *   L2 with PSE one superpage mapping of the block
 *   L3 with PSE one superpage mapping of each block of the region
 *   L2..L4      one type reference of the next level, or of the same level
 *               for a linear entry (none if it points to its own table)
 * Entries that are not present hold nothing. An L1 entry for a grant holds the
 * same, of another domain's frame; it is made by grant.h alone, and put here.
 */
#pragma once

#include "mm/pv/type.h"

/* Where a table's entry stands: what get and put need to know about it. */
struct entry_at {
    struct frame table;
    unsigned level;
};

/*
 * The bits that may change without looking at the entry anew. RW is not among
 * them (XSA-182: linear tables), nor PSE, nor any cache bit (XSA-148, -154).
 */
#define ENTRY_SOFT(level)                                                      \
    (PTE_NX | PTE_AVL_HIGH | PTE_AVL | PTE_D | PTE_A | PTE_US |                \
     ((level) == 1 ? PTE_G : 0))

/* What no present entry of this level may have; PSE at L2 and L3 apart. */
#define ENTRY_FORBIDDEN(level)                                                 \
    ((level) == 1 ? PTE_PWT | PTE_PCD | PTE_PAT                                \
                  : PTE_PWT | PTE_PCD | PTE_PSE | PTE_G)
_Static_assert(!(ENTRY_SOFT(1) & ENTRY_FORBIDDEN(1)) &&
                   !(ENTRY_SOFT(2) & ENTRY_FORBIDDEN(2)),
               "what no entry may have is no soft bit");
_Static_assert(!((ENTRY_SOFT(1) | ENTRY_SOFT(2)) &
                 (PTE_P | PTE_RW | PTE_PSE | PTE_PWT | PTE_PCD | PTE_ADDR)),
               "whatever a reference depends on is looked at anew");
_Static_assert((ENTRY_SOFT(1) | ENTRY_FORBIDDEN(1) | PTE_P | PTE_RW |
                PTE_ADDR) == ~UINT64_C(0),
               "each bit at level 1 is dealt with");
_Static_assert((ENTRY_SOFT(2) | ENTRY_FORBIDDEN(2) | PTE_P | PTE_RW |
                PTE_ADDR) == ~UINT64_C(0),
               "and at the levels above");
_Static_assert(ENTRY_SOFT(1) & PTE_GUEST_KERNEL,
               "the mark is nothing to check");

/*
 * How a present entry really reads: guest kernels run in ring 3, so all is
 * US; L1 entries of the guest's user mode are global, its kernel's are marked.
 */
static always_inline pte_t entry_adjust(pte_t e, unsigned level)
{
    if (level == 4)
        return pte_of(e.v | PTE_US | PTE_A);
    if (level > 1)
        return pte_of(e.v | PTE_US);
    if (!(e.v & PTE_US))
        return pte_of(e.v | PTE_US | PTE_GUEST_KERNEL);
    if (!(e.v & PTE_GUEST_KERNEL))
        return pte_of(e.v | PTE_G);
    return e;
}

/*
 * A not-present entry must not name memory that a CPU with the L1 terminal
 * fault would fetch from its cache (XSA-273): RAM. With PSE at L2 and L3 it
 * names all of a large page, at L4 it is refused. What of the address is beyond
 * mm.cache_bits such a cache does not see.
 */
bool entry_absent_ok(const struct mm *mm, pte_t e, unsigned level);
/* May the domain store it? On Xen none with PSE, so only who is shown them. */
static inline bool entry_absent_allowed(const struct mm_op *op, pte_t e,
                                        unsigned level)
{
    return entry_absent_ok(op->mm, e, level) &&
           (op->d->large_shown || level == 1 || !(e.v & PTE_PSE));
}

/* References of a present entry. ERR_RESTART only at L2..L4. */
enum err entry_get(struct mm_op *op, const struct entry_at *at, pte_t e);
/* What takes long may be left to type_finish_deferred(). */
void entry_put(struct mm_op *op, const struct entry_at *at, pte_t e);
/* The same for L1 entries, which have no place to know about. */
enum err entry_get_l1(struct mm_op *op, pte_t e);
void entry_put_l1(struct mm_op *op, pte_t e);
/* The entry keeps its frame and becomes writable, or no longer is. */
enum err entry_make_writable(struct mm_op *op, pte_t e);
void entry_make_readonly(struct mm_op *op, pte_t e);

/*
 * The usual case of the above, in a handful of instructions: the frame's word
 * exists, in a block of the domain's own, is already of the type wanted, and
 * not full. Owner and type cannot change while the domain's lock is held, which
 * op stands for; counts may, where others drop references they hold, and
 * FRAME_FULL leaves half their range for that: so what was found fit may simply
 * be added to.
 *
 * A lens that `keeps` is for many entries: what these need of struct mm is
 * looked up once, because atomics make the compiler forget what it has read;
 * and so is the table of the last block, because neighbours come together.
 * Make a new lens after anything else has been done: it may have flushed, or a
 * block may be gone.
 */
struct entry_lens {
    const struct mm *mm;
    const struct mm_domain *d;
    uint8_t *direct;
    const struct block *blocks;
    uint64_t nr_frames, owner_bits, block_bits;
    uint64_t last; /* mfn / BLOCK_FRAMES */
    struct frame_table *table;
    bool keeps; /* a constant wherever this is inlined: is it worth it? */
    uint16_t epoch;
};
_Static_assert(sizeof(((struct entry_lens *)0)->epoch) ==
                   sizeof(((struct frame_table *)0)->stamp[0]),
               "as much of the epoch as a frame remembers");
#define LENS(l, field) ((l)->keeps ? (l)->field : (l)->mm->field)

static always_inline struct entry_lens entry_lens(const struct mm_op *op,
                                                  bool keeps)
{
    if (!keeps)
        return (struct entry_lens){
            .mm = op->mm, .d = op->d, .owner_bits = op->d->owner_bits};
    return (struct entry_lens){.direct = op->mm->direct,
                               .blocks = op->mm->blocks,
                               .nr_frames = op->mm->nr_frames,
                               .owner_bits = op->d->owner_bits,
                               .block_bits = op->d->block_bits,
                               .last = ~UINT64_C(0),
                               .keeps = keeps,
                               .epoch = (uint16_t)op->d->tlb_epoch};
}

static always_inline uint16_t lens_epoch(const struct entry_lens *l)
{
    return l->keeps ? l->epoch : (uint16_t)l->d->tlb_epoch;
}

/* Is it a block of the domain's own? */
static always_inline bool entry_block_own(const struct entry_lens *l,
                                          const struct block *b)
{
    const uint64_t own = l->keeps ? l->block_bits : l->d->block_bits;

    return !((atomic_load_explicit(&b->word, memory_order_relaxed) ^ own) >>
             BLOCK_CLASS_SHIFT);
}
_Static_assert((BLOCK_IDENTITY | BIT(49)) >> BLOCK_CLASS_SHIFT ==
                   ~UINT64_C(0) >> BLOCK_CLASS_SHIFT,
               "class and owner are all there is from there on");

/*
 * The table with the frame's word, NULL if there is none, or if the block is
 * not the domain's own: then the table is not its to look into (frame.h).
 */
static always_inline struct frame_table *entry_table(struct entry_lens *l,
                                                     mfn_t m)
{
    const struct block *b;

    if (l->keeps && likely(m.v / BLOCK_FRAMES == l->last))
        return l->table;
    if (unlikely(m.v >= LENS(l, nr_frames)))
        return NULL;
    b = &LENS(l, blocks)[m.v / BLOCK_FRAMES];
    if (unlikely(!entry_block_own(l, b)) || unlikely(b->table == 0))
        return NULL;
    l->table = (struct frame_table *)(LENS(l, direct) +
                                      ((uint64_t)b->table << PAGE_SHIFT));
    if (l->keeps)
        l->last = m.v / BLOCK_FRAMES;
    return l->table;
}

/*
 * The table of a shared block in which m is the domain's, which keeps it what
 * it is, for all of its frames; NULL: it is something else.
 */
struct frame_table *entry_table_shared(const struct mm_op *op, mfn_t m);

/* The same for a frame somebody refers to, which therefore has one. */
static always_inline struct frame_table *entry_table_held(struct entry_lens *l,
                                                          mfn_t m)
{
    uint64_t t;

    if (l->keeps && likely(m.v / BLOCK_FRAMES == l->last))
        return l->table;
    t = LENS(l, blocks)[m.v / BLOCK_FRAMES].table;
    l->table = (struct frame_table *)(LENS(l, direct) + (t << PAGE_SHIFT));
    if (l->keeps)
        l->last = m.v / BLOCK_FRAMES;
    return l->table;
}

#define ENTRY_RW_REFS (FRAME_REF_ONE | FRAME_COUNT_ONE)
_Static_assert(ENTRY_RW_REFS == FRAME_REF_ONE + FRAME_COUNT_ONE,
               "one addition takes both");

/*
 * e is to be a writable entry onto a frame of the block that t is of, which has
 * had no type since it came, so that no translation made under another one can
 * be left (must_flush()): its type is writable from now on, with nobody who
 * refers to it as yet, and entry_fast_get() will do. False: it is something
 * else.
 */
bool entry_prepare(const struct mm_op *op, struct frame_table *t, pte_t e);

/* False: nothing was done, take the slow path. */
static always_inline bool entry_fast_get(struct entry_lens *l, pte_t e)
{
    const mfn_t m = pte_mfn(e);
    struct frame_table *t;
    _Atomic uint64_t *p;
    uint64_t w;

    if (unlikely((e.v & (PTE_P | ENTRY_FORBIDDEN(1))) != PTE_P))
        return false;
    t = entry_table(l, m);
    if (unlikely(!t))
        return false;
    p = &t->word[m.v % BLOCK_FRAMES];
    w = atomic_load_explicit(p, memory_order_relaxed) ^ l->owner_bits;
    if (!(e.v & PTE_RW)) {
        if (unlikely(w & (FRAME_OWNER_MASK | FRAME_FULL)))
            return false;
        atomic_fetch_add_explicit(p, FRAME_REF_ONE, memory_order_acq_rel);
        return true;
    }
    if (unlikely((w ^ frame_type_bits(FRAME_WRITABLE)) &
                 (FRAME_OWNER_MASK | FRAME_TYPE_MASK | FRAME_FULL)))
        return false;
    atomic_fetch_add_explicit(p, ENTRY_RW_REFS, memory_order_acq_rel);
    return true;
}

#define ENTRY_TABLE_REFS (FRAME_REF_ONE | FRAME_COUNT_ONE)

/*
 * The word of a validated table of the domain's, to which references may be
 * added; NULL if m is not one.
 */
static always_inline _Atomic uint64_t *
entry_fast_table(struct entry_lens *l, mfn_t m, enum frame_type level)
{
    const uint64_t ready = frame_type_bits(level) | FRAME_VALIDATED;
    struct frame_table *t = entry_table(l, m);
    _Atomic uint64_t *p;

    if (unlikely(!t))
        return NULL;
    p = &t->word[m.v % BLOCK_FRAMES];
    if (unlikely((atomic_load_explicit(p, memory_order_relaxed) ^
                  (l->owner_bits | ready)) &
                 (FRAME_OWNER_MASK | FRAME_TYPE_MASK | FRAME_VALIDATED |
                  FRAME_FULL)))
        return NULL;
    return p;
}

/*
 * e is present in a validated table, so its frame's word exists. True: there is
 * more to it, for entry_put_rest(), and new lenses are to be made: that was the
 * frame's last reference. Of another domain's frame it never is, nor the last
 * to its type: the grant's handle has one of each (grant.h).
 */
must_check static always_inline bool entry_fast_put(struct entry_lens *l,
                                                    pte_t e)
{
    const mfn_t m = pte_mfn(e);
    struct frame_table *t = entry_table_held(l, m);
    _Atomic uint64_t *p = &t->word[m.v % BLOCK_FRAMES];
    uint64_t old;

    if (e.v & PTE_RW) {
        old = atomic_fetch_sub_explicit(p, ENTRY_RW_REFS, memory_order_acq_rel);
        /* Writable no more: translations may live on (must_flush()). */
        if ((old & FRAME_COUNT_MASK) == FRAME_COUNT_ONE)
            t->stamp[m.v % BLOCK_FRAMES] = lens_epoch(l);
    } else {
        old = atomic_fetch_sub_explicit(p, FRAME_REF_ONE, memory_order_acq_rel);
    }
    return unlikely((old & FRAME_REF_MASK) == FRAME_REF_ONE);
}
void entry_put_rest(struct mm_op *op, mfn_t m);

/*
 * From read-only to writable, of a frame that was writable before; of one's
 * own, which a grant is not (grant.h).
 */
static always_inline bool entry_fast_make_writable(struct entry_lens *l,
                                                   pte_t e)
{
    const mfn_t m = pte_mfn(e);
    struct frame_table *t = entry_table(l, m);
    _Atomic uint64_t *p;

    if (unlikely(!t || (e.v & ENTRY_FORBIDDEN(1))))
        return false;
    p = &t->word[m.v % BLOCK_FRAMES];
    if (unlikely((atomic_load_explicit(p, memory_order_relaxed) ^
                  (l->owner_bits | frame_type_bits(FRAME_WRITABLE))) &
                 (FRAME_OWNER_MASK | FRAME_TYPE_MASK | FRAME_FULL)))
        return false;
    atomic_fetch_add_explicit(p, FRAME_COUNT_ONE, memory_order_acq_rel);
    return true;
}

/* And back. The entry's own general reference goes on. */
static always_inline void entry_fast_make_readonly(struct entry_lens *l,
                                                   pte_t e)
{
    const mfn_t m = pte_mfn(e);
    struct frame_table *t = entry_table_held(l, m);
    uint64_t old = atomic_fetch_sub_explicit(
        &t->word[m.v % BLOCK_FRAMES], FRAME_COUNT_ONE, memory_order_acq_rel);

    if ((old & FRAME_COUNT_MASK) == FRAME_COUNT_ONE)
        t->stamp[m.v % BLOCK_FRAMES] = lens_epoch(l);
}
