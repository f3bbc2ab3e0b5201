/* SPDX-License-Identifier: MIT */
/* gather.c: see gather.h. First all is looked at, then all is done. */
#include "mm/gather.h"

#include "mm/dmem.h"
#include "mm/m2p.h"
#include "mm/move.h"

static mfn_t frame_of(const struct gather *g, uint64_t pfn)
{
    return census_mfn(g->c, pfn_of(pfn));
}

/* Makes the table of its block if need be: then nothing is needed any more. */
static bool movable(const struct gather *g, mfn_t m)
{
    return !mfn_eq(m, MFN_NONE) && !move_check(g->op, m, pte_of(0));
}

/* The map has a place for the pfn already. */
static void move(struct gather *g, uint64_t pfn, mfn_t from, mfn_t to)
{
    move_frame(g->op, from, NULL, to);
    m2p_set(g->op->mm, to, pfn_of(pfn), 1);
    BUG_IF(pfnmap_set(&g->c->map, pfn_of(pfn), to));
    g->moved++;
}

/* What was freed so far is among them: holes are where the maps say so. */
static uint64_t free_blocks(const struct gather *g)
{
    (void)mm_discharge(g->op->mm);
    return alloc_stats(g->op->mm).free;
}

/* How many blocks have come back since there were `before`, less `taken`. */
static void count_spares(struct gather *g, uint64_t before, uint64_t taken)
{
    uint64_t back = free_blocks(g) + taken - before;

    g->spares = g->spares + taken > back ? g->spares + taken - back : 0;
}

/* --- runs ---------------------------------------------------------------- */

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
        BUG_IF(dmem_block_put(g->op, *out));
    else
        atomic_fetch_and(&b->word, ~BLOCK_DIRTY); /* all is written to */
    return rc;
}

enum err gather_run(struct gather *g, uint64_t pfn)
{
    uint64_t before = free_blocks(g);
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
    count_spares(g, before, 1);
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
             census_pfn(g->c, nth_of(g, b, i)).v == PFN_NONE.v))
            return false;
    return true;
}

/* Of those with holes the one with most, or fewest; not `but`. */
static struct block *extreme(const struct gather *g, const struct block *but,
                             bool most, uint64_t *all)
{
    struct block *best = NULL;

    *all = 0;
    for (uint32_t at = g->op->d->holed; at;) {
        struct block *b = &g->op->mm->blocks[at];
        unsigned n = table_of(g, b)->nr_free;

        at = b->next;
        *all += n;
        if (b != but && (!best || (table_of(g, best)->nr_free < n) == most) &&
            (!most || can_be_emptied(g, b)))
            best = b;
    }
    return best;
}

bool gather_compact(struct gather *g)
{
    uint64_t holes, before = free_blocks(g), unused;
    struct block *to = NULL, *from = extreme(g, NULL, true, &holes);
    unsigned left;

    /* Its own holes do not count, the others must do for what is not. */
    if (!from || holes < BLOCK_FRAMES)
        return false;
    left = BLOCK_FRAMES - table_of(g, from)->nr_free;
    for (unsigned i = 0; left > 0; i++) {
        mfn_t m = nth_of(g, from, i);

        if (is_free(table_of(g, from), i))
            continue;
        left--; /* with the last one its table goes */
        if (!to || table_of(g, to)->nr_free == 0)
            to = extreme(g, from, false, &unused);
        move(g, census_pfn(g->c, m).v, m, dmem_hole_take(g->op, to));
    }
    count_spares(g, before, 0);
    return true;
}

void gather_unshare(struct gather *g, uint64_t pfn)
{
    mfn_t m = frame_of(g, pfn);

    if (g->op->d->holed == 0 || mfn_eq(m, MFN_NONE) ||
        block_class(mm_block(g->op->mm, blk_of_mfn(m))->word) != BLOCK_SHARED ||
        !movable(g, m))
        return;
    move(g, pfn, m, dmem_hole_take(g->op, &g->op->mm->blocks[g->op->d->holed]));
}
