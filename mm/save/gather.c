/* SPDX-License-Identifier: MIT */
/* gather.c: see gather.h. First all is looked at, then all is done. */
#include "mm/save/gather.h"

#include "mm/alloc/dmem.h"
#include "mm/alloc/m2p.h"
#include "mm/alloc/span.h"
#include "mm/base/port.h"
#include "mm/resize/move.h"

static mfn_t frame_of(const struct gather *g, uint64_t pfn)
{
    return snapshot_mfn(g->c, pfn_of(pfn));
}

/* Makes the table of its block if need be: then nothing is needed any more. */
static bool movable(const struct gather *g, mfn_t m)
{
    return !mfn_eq(m, MFN_NONE) && !move_check(g->op, m, pte_of(0));
}

/* The map has a place for the pfn already. */
static void move(struct gather *g, uint64_t pfn, mfn_t from, mfn_t to)
{
    move_frame(g->op, from, NULL, 0, to);
    m2p_set(g->op->mm, to, pfn_of(pfn), 1);
    MUST(pfnmap_set(&g->c->map, pfn_of(pfn), to));
    g->moved++;
}

/*
 * Blocks the domain has, less shared ones that went back with its last frame:
 * what this comes to says nothing, how it changes does, and others do not
 * change it, as they do what the machine has free. What was freed so far is
 * free first: holes are where the maps say so.
 */
static int64_t in_use(const struct gather *g)
{
    const struct mm_domain *d = g->op->d;

    (void)mm_discharge(g->op->mm);
    return (int64_t)(d->blocks - d->shared_closed);
}

/* How many more are in use, or fewer, than there were. */
static void count_spares(struct gather *g, int64_t before)
{
    int64_t spares = (int64_t)g->spares + in_use(g) - before;

    g->spares = spares > 0 ? (uint64_t)spares : 0;
}

/* --- spans --------------------------------------------------------------- */

/* With a frame table, because entries may refer to its frames one by one. */
static enum err get_block(const struct gather *g, blk_t *out)
{
    struct block *b;
    enum err rc = dmem_block_get_to_move(g->op, out);

    if (rc)
        return rc;
    b = mm_block(g->op->mm, *out);
    rc = frame_table_make(g->op->mm, g->op->d, b);
    if (rc)
        MUST(dmem_block_put(g->op, *out));
    else
        atomic_fetch_and(&b->word, ~BLOCK_DIRTY); /* all is written to */
    return rc;
}

enum err gather_span(struct gather *g, uint64_t pfn)
{
    int64_t before = in_use(g);
    blk_t b;
    enum err rc;

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (!movable(g, frame_of(g, pfn + i)))
            return ERR_BUSY;
    rc = get_block(g, &b);
    if (rc)
        return rc;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        move(g, pfn + i, frame_of(g, pfn + i), mfn_add(mfn_of_blk(b), i));
    count_spares(g, before);
    return ERR_NONE;
}

/* --- holes --------------------------------------------------------------- */

static const struct frame_table *table_of(const struct gather *g,
                                          const struct block *b)
{
    return frame_table_at(g->op->mm, b->table);
}

static bool is_free(const struct frame_table *t, unsigned i)
{
    return t->hole_map[i / 64] >> (i % 64) & 1;
}

static mfn_t nth_of(const struct gather *g, const struct block *b, unsigned i)
{
    return mfn_of((uint64_t)(b - g->op->mm->blocks) * BLOCK_FRAMES + i);
}

static bool can_be_emptied(const struct gather *g, const struct block *b)
{
    const struct frame_table *t = table_of(g, b);

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (!is_free(t, i) &&
            (!movable(g, nth_of(g, b, i)) ||
             snapshot_pfn(g->c, nth_of(g, b, i)).v == PFN_NONE.v))
            return false;
    return true;
}

/* Is it one of the domain's blocks with holes? */
static bool has_holes(const struct gather *g, uint32_t at)
{
    const struct block *b = &g->op->mm->blocks[at];

    return at && block_owned_by(b->word, g->op->d->id) && b->table &&
           table_of(g, b)->nr_free > 0;
}

/*
 * Of those with holes the one with most, or fewest, and not `but`, is g->best
 * then, 0: there is none. ERR_RESTART: the walk goes on where it was, or, if
 * that block has no holes any more, from the beginning.
 */
static enum err find_extreme(struct gather *g, uint32_t but, bool most)
{
    struct block *blocks = g->op->mm->blocks;

    if (!has_holes(g, g->at)) {
        g->at = span_first(g->op->d);
        g->best = 0;
        g->holes = 0;
    }
    while (g->at) {
        struct block *b = &blocks[g->at];
        unsigned n = table_of(g, b)->nr_free;

        g->holes += n;
        if (g->at != but &&
            (!has_holes(g, g->best) ||
             (table_of(g, &blocks[g->best])->nr_free < n) == most) &&
            (!most || can_be_emptied(g, b)))
            g->best = g->at;
        g->at = span_next(g->op->d, b);
        if (g->at && port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

/* Its own holes do not count, the others must do for what is not. */
static enum err find_from(struct gather *g)
{
    enum err rc = find_extreme(g, 0, true);

    if (rc)
        return rc;
    if (!has_holes(g, g->best) || g->holes < BLOCK_FRAMES)
        return ERR_BUSY;
    g->from = g->best;
    g->next = 0;
    g->to = 0;
    return ERR_NONE;
}

/*
 * Frame g->next of g->from to where it should go. What somebody has come to
 * refer to since the block was chosen stays, and the rest of the block too.
 */
static void move_next(struct gather *g)
{
    struct block *blocks = g->op->mm->blocks, *from = &blocks[g->from];
    unsigned left = BLOCK_FRAMES - table_of(g, from)->nr_free;
    mfn_t m = nth_of(g, from, g->next++);
    pfn_t pfn = snapshot_pfn(g->c, m);
    int64_t before = 0;

    if (pfn.v == PFN_NONE.v || !movable(g, m)) {
        g->from = 0;
        return;
    }
    if (left == 1) {
        g->from = 0; /* with the last one its table goes, and the block */
        before = in_use(g);
    }
    move(g, pfn.v, m, dmem_hole_take(g->op, &blocks[g->to]));
    if (left == 1)
        count_spares(g, before);
    else
        (void)mm_discharge(g->op->mm);
}

/* The next frame there is in g->from, into the fullest of the others. */
static enum err empty_one(struct gather *g)
{
    const struct block *from = &g->op->mm->blocks[g->from];

    while (g->next < BLOCK_FRAMES && is_free(table_of(g, from), g->next))
        g->next++;
    if (g->next == BLOCK_FRAMES) {
        g->from = 0;
        return ERR_NONE;
    }
    if (!has_holes(g, g->to)) {
        enum err rc = find_extreme(g, g->from, false);

        if (rc)
            return rc;
        g->to = g->best;
    }
    if (has_holes(g, g->to))
        move_next(g);
    else
        g->from = 0;
    return g->from && port_preempt() ? ERR_RESTART : ERR_NONE;
}

enum err gather_compact(struct gather *g)
{
    enum err rc = has_holes(g, g->from) ? ERR_NONE : find_from(g);

    while (!rc && g->from)
        rc = empty_one(g);
    return rc;
}

void gather_unshare(struct gather *g, uint64_t pfn)
{
    const uint32_t at = span_first(g->op->d);
    mfn_t m = frame_of(g, pfn);

    if (at == 0 || mfn_eq(m, MFN_NONE) ||
        block_class(mm_block(g->op->mm, blk_of_mfn(m))->word) != BLOCK_SHARED ||
        !movable(g, m))
        return;
    move(g, pfn, m, dmem_hole_take(g->op, &g->op->mm->blocks[at]));
}
