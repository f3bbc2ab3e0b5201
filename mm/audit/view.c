/* SPDX-License-Identifier: MIT */
/*
 * view.c: see view.h. A frame's word is looked at under the lock that keeps the
 * table it is in: its owner's or, in a shared block, that of all of those.
 */
#include "mm/audit/view.h"

#include "mm/alloc/m2p.h"
#include "mm/alloc/shared.h"

_Static_assert((unsigned)FLAGSTONE_FRAME_segment == FRAME_SEG &&
                   (unsigned)FLAGSTONE_FRAME_writable == FRAME_WRITABLE &&
                   (unsigned)FLAGSTONE_FRAME_none == FRAME_NONE,
               "the interface has our numbers");
_Static_assert(FLAGSTONE_NOBODY > OWNER_MAX, "which is nobody's id");

static uint64_t word_of(const struct block *b)
{
    return atomic_load_explicit(&b->word, memory_order_relaxed);
}

/* --- blocks --------------------------------------------------------------- */

static enum flagstone_block_kind kind_of_own(const struct block *b, uint64_t w)
{
    if (w & BLOCK_SUPER_USE)
        return FLAGSTONE_BLOCK_large;
    if ((w & BLOCK_CUT) || block_holes(w))
        return FLAGSTONE_BLOCK_cut;
    if (block_excl(w) || READ_ONCE(b->table))
        return FLAGSTONE_BLOCK_frames;
    return FLAGSTONE_BLOCK_whole;
}

static enum flagstone_block_kind kind_of(const struct block *b, uint64_t w)
{
    switch (block_class(w)) {
    case BLOCK_FREE:
    case BLOCK_OWED:
        return FLAGSTONE_BLOCK_free;
    case BLOCK_HV:
        return FLAGSTONE_BLOCK_hv;
    case BLOCK_DOM:
        return kind_of_own(b, w);
    case BLOCK_SHARED:
        return FLAGSTONE_BLOCK_shared;
    default:
        return FLAGSTONE_BLOCK_none;
    }
}

static struct flagstone_block view_word(const struct block *b, uint64_t w)
{
    struct flagstone_block out = {.owner = FLAGSTONE_NOBODY,
                                  .kind = (uint8_t)kind_of(b, w)};

    if (block_class(w) == BLOCK_DOM)
        out.owner = (uint16_t)block_owner(w);
    if (block_has_frames(w)) {
        out.tables = (uint16_t)block_excl(w);
        out.holes = (uint16_t)block_holes(w);
    }
    return out;
}

struct flagstone_block view_block(const struct mm *mm, blk_t b)
{
    const struct block *at = mm_block(mm, b);

    return view_word(at, word_of(at));
}

/* --- frames --------------------------------------------------------------- */

static uint32_t flags_of(uint64_t w)
{
    return (uint32_t)(FLAGSTONE_FRAME_known |
                      (w & FRAME_VALIDATED ? FLAGSTONE_FRAME_validated : 0) |
                      (w & FRAME_PARTIAL ? FLAGSTONE_FRAME_partial : 0) |
                      (w & FRAME_PINNED ? FLAGSTONE_FRAME_pinned : 0) |
                      (w & FRAME_ALLOCATED ? FLAGSTONE_FRAME_allocated : 0) |
                      (w & FRAME_FIXED ? FLAGSTONE_FRAME_fixed : 0));
}

/* Of a hole there is nothing more to say: its word has another meaning. */
static void set_word(struct flagstone_frame *f, uint64_t w)
{
    f->flags = FLAGSTONE_FRAME_known;
    f->owner = FLAGSTONE_NOBODY;
    if (frame_owner(w) == OWNER_NONE)
        return;
    f->owner = (uint16_t)frame_owner(w);
    f->flags = flags_of(w);
    f->type = (uint8_t)frame_type(w);
    f->refs = frame_refs(w);
    f->count = frame_count(w);
}

static void set_from_table(const struct mm *mm, struct flagstone_frame *f)
{
    const struct frame held = frame_held(mm, mfn_of(f->mfn));

    set_word(f, frame_word(&held));
    f->flags |= FLAGSTONE_FRAME_worded;
}

/* What can be said without a lock. False: there is no memory of that number. */
static bool begin(const struct mm *mm, mfn_t m, struct flagstone_frame *f,
                  uint64_t *word)
{
    const struct block *b;

    *f = (struct flagstone_frame){.mfn = m.v,
                                  .pfn = M2P_INVALID,
                                  .owner = FLAGSTONE_NOBODY,
                                  .block.owner = FLAGSTONE_NOBODY};
    if (!mm_mfn_valid(mm, m))
        return false;
    b = mm_block(mm, blk_of_mfn(m));
    *word = word_of(b);
    f->block = view_word(b, *word);
    f->owner = f->block.owner;
    if (!block_has_frames(*word))
        return false;
    f->large = block_super(*word);
    f->pfn = READ_ONCE(mm->m2p[m.v]);
    return true;
}

static void of_shared(struct mm *mm, mfn_t m, struct flagstone_frame *f)
{
    const struct block *b = mm_block(mm, blk_of_mfn(m));

    spin_lock(&mm->shared.lock);
    if (block_class(word_of(b)) == BLOCK_SHARED)
        set_from_table(mm, f);
    spin_unlock(&mm->shared.lock);
}

/*
 * As far as it is known to op's domain: a frame of its own, one of a shared
 * block, and of others' only whose block it is.
 */
struct flagstone_frame view_frame_seen(const struct mm_op *op, mfn_t m)
{
    struct flagstone_frame f;
    uint64_t w;

    if (!begin(op->mm, m, &f, &w))
        return f;
    if (block_class(w) == BLOCK_SHARED)
        of_shared(op->mm, m, &f);
    else if (!block_owned_by(w, op->d->id))
        return f;
    else if (mm_block(op->mm, blk_of_mfn(m))->table)
        set_from_table(op->mm, &f);
    else
        set_word(&f, frame_word_owned(op->d->id));
    return f;
}

static struct mm_domain *find(const struct mm *mm, unsigned owner)
{
    struct mm_domain *d = mm->domains;

    while (d && d->id != owner)
        d = d->next;
    return d;
}

struct flagstone_frame view_frame(struct mm *mm, mfn_t m)
{
    struct flagstone_frame f;
    struct mm_domain *d = NULL;
    struct mm_op op;
    uint64_t w;

    if (!begin(mm, m, &f, &w))
        return f;
    if (block_class(w) == BLOCK_DOM)
        d = find(mm, block_owner(w));
    else
        of_shared(mm, m, &f);
    if (!d)
        return f;
    mm_op_begin(&op, d, NULL);
    f = view_frame_seen(&op, m); /* it may have become another's meanwhile */
    mm_op_end(&op);
    return f;
}

/* --- walks ---------------------------------------------------------------- */

/*
 * May it be read as a table? One of any level: through a linear entry the
 * processor takes a table for one of the level below.
 */
bool view_is_own_table(const struct mm_op *op, const struct flagstone_frame *f)
{
    return (f->flags & FLAGSTONE_FRAME_worded) && f->owner == op->d->id &&
           f->type >= FRAME_L1 && f->type <= FRAME_L4;
}

/* Of what this entry maps, the frame that va is in. */
static mfn_t leaf(pte_t e, unsigned level, uint64_t va)
{
    const uint64_t in = BIT(9 * (level - 1)) - 1; /* frames of it, less one */

    return mfn_of((pte_mfn(e).v & ~in) | ((va >> PAGE_SHIFT) & in));
}

/* One entry, of the table in out->frame, and what it names into that. */
static enum flagstone_walk_end step(const struct mm_op *op, unsigned level,
                                    struct flagstone_walk *out, bool *further)
{
    struct flagstone_walk_step *s = &out->step[out->steps];
    const pte_t *table = mm_frame_ptr(op->mm, mfn_of(out->frame.mfn));
    pte_t e = pte_of(READ_ONCE(table[pt_index(out->va, level)].v));

    out->steps++;
    *s = (struct flagstone_walk_step){.entry = e.v,
                                      .level = level,
                                      .index = pt_index(out->va, level),
                                      .table = out->frame};
    out->frame = (struct flagstone_frame){.owner = FLAGSTONE_NOBODY};
    if (!pte_present(e))
        return FLAGSTONE_WALK_absent;
    if (!pte_has(e, PTE_US))
        return FLAGSTONE_WALK_ours;
    if (level == 1 || (level < PT_LEVELS && (e.v & PTE_PSE))) {
        out->frame = view_frame_seen(op, leaf(e, level, out->va));
        return FLAGSTONE_WALK_mapped;
    }
    out->frame = view_frame_seen(op, pte_mfn(e));
    *further = view_is_own_table(op, &out->frame);
    return FLAGSTONE_WALK_alien; /* or not, and this is not the end */
}

void view_walk(const struct mm_op *op, mfn_t root, uint64_t va,
               struct flagstone_walk *out)
{
    bool further;

    *out = (struct flagstone_walk){.va = va, .end = FLAGSTONE_WALK_no_root};
    out->frame = view_frame_seen(op, root);
    further = view_is_own_table(op, &out->frame);
    for (unsigned level = PT_LEVELS; further; level--) {
        further = false;
        out->end = step(op, level, out, &further);
    }
}
