/* SPDX-License-Identifier: MIT */
/* snapshot_scan.c: see snapshot_scan.h. */
#include "mm/save/snapshot_scan.h"

#include "mm/base/port.h"
#include "mm/pv/supply.h"
#include "mm/pv/type.h"
#include "mm/save/snapshot_span.h"
#include "mm/save/snapshot_supply.h"

static bool owns(const struct snapshot *c, uint64_t word)
{
    return block_owned_by(word, c->op->d->id);
}

/* May frames of the block be the domain's? */
static bool concerns(const struct snapshot *c, blk_t b)
{
    uint64_t w = mm_block(c->op->mm, b)->word;

    return owns(c, w) ||
           (c->op->d->shared_frames && block_class(w) == BLOCK_SHARED);
}

/*
 * From i on the next frame of the block that may be the domain's. If it is in a
 * shared one it is the domain's, and until it is given up neither block nor
 * table go: those after it may be looked at without asking again. A shared
 * block in which the domain has none may be anybody's by now.
 */
static unsigned next_frame(const struct snapshot *c, blk_t b, unsigned i)
{
    const struct block *block = mm_block(c->op->mm, b);

    return owns(c, block->word) ? i : frame_next_in_shared(c->op, block, i);
}

static enum err for_blocks(struct snapshot *c,
                           enum err (*fn)(struct snapshot *, blk_t))
{
    while (c->job.cursor < c->op->mm->nr_blocks) {
        blk_t b = blk_of(c->job.cursor);
        bool here = concerns(c, b);
        enum err rc = here ? fn(c, b) : ERR_NONE;

        if (rc)
            return rc;
        c->job.cursor++;
        if ((here || c->job.cursor % 64 == 0) && port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

/* --- interrupted tables -------------------------------------------------- */

static bool is_partial(const struct mm_op *op, const struct frame *f)
{
    uint64_t w = frame_word(f);

    return frame_owner(w) == op->d->id && (w & FRAME_PARTIAL);
}

static enum err finish_block(struct snapshot *c, blk_t b)
{
    struct mm_op *op = c->op;
    unsigned i = next_frame(c, b, 0);

    while (i < BLOCK_FRAMES && mm_block(op->mm, b)->table) {
        struct frame f = frame_held(op->mm, mfn_add(mfn_of_blk(b), i++));
        enum err rc;

        if (!is_partial(op, &f))
            continue;
        rc = type_finish(op, &f);
        if (!rc)
            rc = type_finish_deferred(op);
        if (rc)
            return rc;
        i = next_frame(c, b, i); /* the block may have gone with it */
    }
    return ERR_NONE;
}

enum err snapshot_finish(struct job *j)
{
    struct snapshot *c = snapshot_of(j);
    enum err rc = type_finish_deferred(c->op);

    if (!rc)
        rc = for_blocks(c, finish_block);
    if (rc || c->op->d->partial == 0)
        return rc;
    c->job.cursor = 0; /* a table went down before one below it: once more */
    return ERR_RESTART;
}

/* --- frames -------------------------------------------------------------- */

static bool has(const struct snapshot *c, uint64_t word)
{
    return frame_owner(word) == c->op->d->id && !(word & FRAME_FIXED);
}

/* Is what M2P says possible, and not taken? */
static enum err check_m2p(struct snapshot *c, mfn_t m, uint64_t pfn)
{
    mfn_t other;

    if (pfn == PFN_NONE.v)
        return snapshot_wrong(c, "frame %lx has no pfn", m.v);
    if (pfn >= c->bound)
        return snapshot_wrong(
            c,
            "frame %lx says it is pfn %lx, but the domain's end "
            "at %lx",
            m.v, pfn, c->bound);
    other = snapshot_mfn(c, pfn_of(pfn));
    if (!mfn_eq(other, MFN_NONE))
        return snapshot_wrong(c, "pfn %lx has two frames, %lx and %lx", pfn,
                              other.v, m.v);
    return ERR_NONE;
}

static void count(struct snapshot *c, uint64_t pfn, uint64_t n)
{
    c->nr_frames += n;
    c->nr_pfns = MAX(c->nr_pfns, pfn + n);
}

static enum err add_frame(struct snapshot *c, mfn_t m)
{
    uint64_t w = frame_word_of(c->op->mm, m, c->op->d->id), pfn;
    enum err rc;

    if (frame_owner(w) == c->op->d->id && supply_word(w)) {
        struct frame f = frame_held(c->op->mm, m);

        return snapshot_supplied_add(c, &f);
    }
    if (!has(c, w))
        return ERR_NONE;
    pfn = c->op->mm->m2p[m.v];
    rc = check_m2p(c, m, pfn);
    if (!rc)
        rc = pfnmap_set(&c->map, pfn_of(pfn), m);
    if (!rc)
        count(c, pfn, 1);
    return rc;
}

/* Are its frames all the domain's, and its pfns one after the other? */
static bool in_order(const struct snapshot *c, blk_t b)
{
    const bool words = mm_block(c->op->mm, b)->table;
    mfn_t first = mfn_of_blk(b);
    uint64_t pfn = c->op->mm->m2p[first.v];

    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        mfn_t m = mfn_add(first, i);

        if ((words && !has(c, frame_word_of(c->op->mm, m, c->op->d->id))) ||
            c->op->mm->m2p[m.v] != pfn + i)
            return false;
    }
    return pfn < PFN_NONE.v - BLOCK_FRAMES;
}

static enum err add_pfns(struct snapshot *c, uint64_t pfn, mfn_t m)
{
    enum err rc = ERR_NONE;

    for (unsigned i = 0; i < BLOCK_FRAMES && !rc; i++)
        rc = check_m2p(c, mfn_add(m, i), pfn + i);
    if (!rc && pfn % BLOCK_FRAMES == 0)
        return pfnmap_set_block(&c->map, pfn / BLOCK_FRAMES, m);
    for (unsigned i = 0; i < BLOCK_FRAMES && !rc; i++)
        rc = pfnmap_set(&c->map, pfn_of(pfn + i), mfn_add(m, i));
    return rc;
}

static enum err add_span(struct snapshot *c, blk_t b)
{
    uint64_t pfn = c->op->mm->m2p[mfn_of_blk(b).v];
    bool large = mm_block(c->op->mm, b)->word & BLOCK_SUPER_USE, fits;
    enum err rc = add_pfns(c, pfn, mfn_of_blk(b));

    if (rc)
        return rc;
    count(c, pfn, BLOCK_FRAMES);
    rc = snapshot_span_add(c, pfn, EXTENT_WHOLE | (large ? EXTENT_LARGE : 0),
                           &fits);
    ASSERT(rc || fits); /* no pfn has two frames */
    return rc;
}

static enum err scan_block(struct snapshot *c, blk_t b)
{
    uint64_t w = mm_block(c->op->mm, b)->word;
    enum err rc = ERR_NONE;

    /* A shared one is never whole, even if all of it is the domain's by now. */
    if (owns(c, w) && in_order(c, b))
        return add_span(c, b);
    if (owns(c, w) && (w & BLOCK_SUPER_USE))
        return snapshot_wrong(
            c,
            "the block at frame %lx is mapped large or marked, "
            "but its pfns, from %lx on, are not in order",
            mfn_of_blk(b).v, c->op->mm->m2p[mfn_of_blk(b).v]);
    for (unsigned i = next_frame(c, b, 0); i < BLOCK_FRAMES && !rc; i++)
        rc = add_frame(c, mfn_add(mfn_of_blk(b), i));
    return rc;
}

enum err snapshot_scan(struct job *j)
{
    return for_blocks(snapshot_of(j), scan_block);
}
