/* SPDX-License-Identifier: MIT */
/*
 * maps.c: see maps.h. Roots are found by their frames, since a guest may have
 * pinned ones that no vCPU uses; each is walked from where the last go ended.
 */
#include "mm/audit/maps.h"

/* --- roots ---------------------------------------------------------------- */

static bool may_hold_tables(const struct mm_op *op, mfn_t m)
{
    const struct block *b = mm_block(op->mm, blk_of_mfn(m));
    const uint64_t w = atomic_load_explicit(&b->word, memory_order_relaxed);

    return READ_ONCE(b->table) &&
           (block_owned_by(w, op->d->id) || block_class(w) == BLOCK_SHARED);
}

static bool is_root(const struct mm_op *op, mfn_t m)
{
    const struct flagstone_frame f = view_frame_seen(op, m);

    return view_is_own_table(op, &f) && f.type == PT_LEVELS && f.count;
}

static void next_root(struct maps *m, uint64_t mfn)
{
    m->root = mfn_of(mfn);
    m->at = 0;
}

/* The frames of one block, or so many blocks that have no tables. */
static bool skip(const struct mm_op *op, struct maps *m)
{
    const bool tables = may_hold_tables(op, m->root);

    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        if (!mm_mfn_valid(op->mm, m->root) ||
            may_hold_tables(op, m->root) != tables)
            break;
        if (tables && is_root(op, m->root))
            return true;
        next_root(m, tables ? m->root.v + 1
                            : (m->root.v | (BLOCK_FRAMES - 1)) + 1);
    }
    return false;
}

/* The one in hand, if it is one still, or the next. */
static enum maps_found find_root(const struct mm_op *op, struct maps *m)
{
    while (mm_mfn_valid(op->mm, m->root)) {
        if (m->at < MAPS_END && is_root(op, m->root))
            return MAPS_FOUND;
        if (m->left == 0)
            return MAPS_MORE;
        m->left--;
        if (m->at >= MAPS_END)
            next_root(m, m->root.v + 1);
        else if (skip(op, m))
            return MAPS_FOUND;
    }
    return MAPS_NONE;
}

/* --- what they map -------------------------------------------------------- */

/* What an entry of this level covers. */
static uint64_t covers(unsigned level)
{
    return BIT(PAGE_SHIFT + 9 * (level - 1));
}

static uint64_t with_sign(uint64_t va)
{
    return va & BIT(47) ? va | BITS(63, 48) : va;
}

/* Does the leaf map what is looked for? At m->at, which is behind it then. */
static bool take(struct maps *m, mfn_t table, pte_t e, unsigned level,
                 struct flagstone_mapping *out)
{
    const uint64_t in = (covers(level) >> PAGE_SHIFT) - 1;
    const uint64_t first = m->at & ~(covers(level) - 1);

    if ((pte_mfn(e).v ^ m->frame.v) & ~in)
        return false;
    *out = (struct flagstone_mapping){
        .va = with_sign(first + ((m->frame.v & in) << PAGE_SHIFT)),
        .entry = e.v,
        .table = table.v,
        .level = level,
        .index = pt_index(first, level),
    };
    m->at = first + covers(level);
    return true;
}

static enum maps_found look_in(const struct mm_op *op, struct maps *m,
                               mfn_t table, unsigned level,
                               struct flagstone_mapping *out);

static enum maps_found look_at(const struct mm_op *op, struct maps *m,
                               mfn_t table, unsigned level,
                               struct flagstone_mapping *out)
{
    const pte_t *t = mm_frame_ptr(op->mm, table);
    struct flagstone_frame f;
    pte_t e;

    switch (pt_step(t, m->at, level, PTE_P | PTE_US, &e)) { /* or it is ours */
    case PT_STEP_NONE:
        return MAPS_NONE;
    case PT_STEP_LEAF:
        return take(m, table, e, level, out) ? MAPS_FOUND : MAPS_NONE;
    case PT_STEP_TABLE:
        break;
    }
    f = view_frame_seen(op, pte_mfn(e));
    return view_is_own_table(op, &f)
               ? look_in(op, m, pte_mfn(e), level - 1, out)
               : MAPS_NONE;
}

/* From m->at on to the end of the table, which is of this level just here. */
static enum maps_found look_in(const struct mm_op *op, struct maps *m,
                               mfn_t table, unsigned level,
                               struct flagstone_mapping *out)
{
    const uint64_t behind = (m->at | (covers(level + 1) - 1)) + 1;
    enum maps_found found;

    if (m->left == 0)
        return MAPS_MORE;
    m->left--;
    while (m->at < behind) {
        const uint64_t next = (m->at | (covers(level) - 1)) + 1;

        found = look_at(op, m, table, level, out);
        if (found != MAPS_NONE)
            return found;
        m->at = next;
    }
    return MAPS_NONE;
}

enum maps_found maps_next(const struct mm_op *op, struct maps *m,
                          struct flagstone_mapping *out)
{
    enum maps_found found;

    m->left = MAPS_GO;
    for (;;) {
        found = find_root(op, m);
        if (found == MAPS_FOUND)
            found = look_in(op, m, m->root, PT_LEVELS, out);
        else
            return found;
        if (found == MAPS_FOUND)
            out->root = m->root.v;
        if (found != MAPS_NONE)
            return found;
    }
}
