/* SPDX-License-Identifier: MIT */
/*
 * dmem_destroy.c: taking a domain apart. First everything that holds tables
 * (roots, descriptor slots, pins, interrupted tables), which takes all
 * mappings with it; then its blocks, which nothing refers to any more. Two
 * walks over the block words, resumable at any block of its own, the first of
 * them at any table: d->destroy_cursor.
 */
#include "mm/alloc/dmem.h"
#include "mm/alloc/m2p.h"
#include "mm/alloc/range.h"
#include "mm/alloc/shared.h"
#include "mm/alloc/span.h"
#include "mm/base/port.h"
#include "mm/pv/grant.h"
#include "mm/pv/supply.h"
#include "mm/pv/type.h"

static void drop_ref(struct mm_op *op, mfn_t *m)
{
    mfn_t was = *m;

    *m = MFN_NONE;
    if (!mfn_eq(was, MFN_NONE))
        type_put_deferred(op, was);
}

/* What a vCPU holds, one at a time: each may leave a chain to drain. */
static enum err drop_vcpu(struct mm_op *op, struct mm_vcpu *v)
{
    enum err rc;

    for (unsigned i = 0; i < MM_SEG_SLOTS; i++)
        drop_ref(op, &v->seg[i]);
    drop_ref(op, &v->info);
    drop_ref(op, &v->root_user);
    rc = type_finish_deferred(op);
    if (rc)
        return rc;
    drop_ref(op, &v->root_kernel);
    return type_finish_deferred(op);
}

static enum err drop_holds(struct mm_op *op, struct frame *f)
{
    if (frame_word(f) & FRAME_PARTIAL) {
        enum err rc = type_finish(op, f);

        if (rc)
            return rc;
    }
    if (frame_try(f, frame_flags, 0, FRAME_PINNED))
        type_put_deferred(op, f->mfn);
    return type_finish_deferred(op);
}

/*
 * From i on the next frame with a word of the domain's. The block may go with
 * the last of them, and be another's at once; a shared one, in which it has
 * none, may go at any time.
 */
static unsigned next_frame(const struct mm_op *op, const struct block *b,
                           bool shared, unsigned i)
{
    if (shared)
        return frame_next_in_shared(op, b, i);
    return block_owned_by(b->word, op->d->id) && b->table ? i : BLOCK_FRAMES;
}

/* First walk: pins and partial tables of one block. */
static enum err unhold_block(struct mm_op *op, struct block *b, blk_t blk,
                             bool shared)
{
    for (unsigned i = next_frame(op, b, shared, 0); i < BLOCK_FRAMES;
         i = next_frame(op, b, shared, i + 1)) {
        struct frame f = frame_held(op->mm, mfn_add(mfn_of_blk(blk), i));
        enum err rc;

        if (!(frame_word(&f) & (FRAME_PARTIAL | FRAME_PINNED)) ||
            frame_owner(frame_word(&f)) != op->d->id)
            continue;
        rc = drop_holds(op, &f);
        if (!rc && port_preempt()) /* that was a table of 512 entries */
            rc = ERR_RESTART;
        if (rc)
            return rc;
    }
    return ERR_NONE;
}

/* What is left of a frame when all tables are gone. */
static void check_bare(struct mm_op *op, struct frame_table *t, unsigned i)
{
    uint64_t w = t->word[i];

    if (supply_word(w)) {
        op->d->supplied--; /* a hole, to its block */
        ASSERT(frame_refs(w) == 1 && frame_count(w) == 0);
    } else if (w & FRAME_FIXED) {
        op->d->fixed--;
        op->d->tot_pages++; /* leaves with its block, as the others do */
        ASSERT(frame_refs(w) == 2 && frame_count(w) == 1);
    } else if (frame_owner(w) == op->d->id) {
        ASSERT(frame_is_idle(w, op->d->id));
    }
}

/* Second walk, of the domain's frames in a block that is not its own. */
static void free_shared(struct mm_op *op, struct block *b, blk_t blk)
{
    for (unsigned i = next_frame(op, b, true, 0); i < BLOCK_FRAMES;
         i = next_frame(op, b, true, i + 1)) {
        struct frame f = frame_held(op->mm, mfn_add(mfn_of_blk(blk), i));
        uint64_t w = frame_word(&f);

        check_bare(op, f.table, i);
        if (w & FRAME_ALLOCATED) {
            MUST(block_try(b, block_hole_get));
            op->d->tot_pages--;
        }
        dmem_frame_leave(op, &f);
    }
}

/* Second walk. */
static enum err free_block(struct mm_op *op, struct block *b, blk_t blk,
                           bool shared)
{
    struct mm_domain *d = op->d;

    if (shared) {
        free_shared(op, b, blk);
        return ERR_NONE;
    }
    if (b->table) {
        struct frame_table *t = frame_table_at(op->mm, b->table);

        for (unsigned i = 0; i < BLOCK_FRAMES; i++)
            check_bare(op, t, i);
        frame_table_drop(op->mm, d, b);
    }
    ASSERT(block_super(b->word) == 0 && block_excl(b->word) == 0);
    m2p_clear(op->mm, mfn_of_blk(blk), BLOCK_FRAMES);
    d->tot_pages -= BLOCK_FRAMES - block_holes(b->word);
    d->holes -= block_holes(b->word);
    d->blocks_cut -= !!(b->word & BLOCK_CUT);
    d->reserved -= !!(b->word & BLOCK_RESERVED);
    d->blocks--;
    atomic_store(&b->word, block_word(BLOCK_OWED, OWNER_NONE));
    mm_op_freed_block(op, blk);
    return ERR_NONE;
}

static enum err
for_own_blocks(struct mm_op *op, uint64_t *cursor, uint64_t base,
               enum err (*fn)(struct mm_op *, struct block *, blk_t, bool))
{
    while (*cursor < base + op->mm->nr_blocks) {
        blk_t blk = blk_of(*cursor - base);
        struct block *b = mm_block(op->mm, blk);
        uint64_t w = b->word; /* looked at once: a shared one may go */
        bool shared = op->d->shared_frames && block_class(w) == BLOCK_SHARED;
        bool here = shared || block_owned_by(w, op->d->id);
        enum err rc = here ? fn(op, b, blk, shared) : ERR_NONE;

        if (rc)
            return rc;
        ++*cursor;
        if ((here || *cursor % 64 == 0) && port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

enum err dmem_let_go(struct mm_op *op, uint64_t *cursor)
{
    enum err rc = type_finish_deferred(op);

    drop_ref(op, &op->d->downgrade_ring);
    for (struct mm_vcpu *v = op->d->vcpus; v && !rc; v = v->next)
        rc = drop_vcpu(op, v);
    if (!rc)
        rc = for_own_blocks(op, cursor, 0, unhold_block);
    if (rc || op->d->partial == 0)
        return rc;
    *cursor = 0; /* a table went down before one below it: once more */
    return ERR_RESTART;
}

static void unlist(struct mm *mm, struct mm_domain *d)
{
    struct mm_domain **p = &mm->domains;

    while (*p && *p != d)
        p = &(*p)->next;
    if (*p)
        *p = d->next;
}

enum err dmem_domain_destroy(struct mm_op *op)
{
    struct mm_domain *d = op->d;
    uint64_t *cursor = &d->destroy_cursor;
    enum err rc = type_finish_deferred(op);

    d->dying = true;
    if (!rc)
        rc = grant_leave(op);
    if (!rc)
        rc = dmem_let_go(op, cursor);
    if (rc)
        return rc;
    if (*cursor == op->mm->nr_blocks) {
        (void)mm_discharge(op->mm); /* the last holes of the first walk */
        d->holed = d->serving = 0;  /* its blocks go as they are */
    }
    rc = for_own_blocks(op, cursor, op->mm->nr_blocks, free_block);
    if (rc)
        return rc;
    (void)mm_discharge(op->mm); /* the last frames in shared blocks */
    ASSERT(d->blocks == 0 && d->holes == 0 && d->tot_pages == 0);
    ASSERT(d->super_maps == 0 && d->frame_tables == 0 && d->fixed == 0);
    ASSERT(d->supplied == 0 && d->shared_frames == 0);
    ASSERT(d->kept_blocks == 0 && d->joined == 0 && d->reserved == 0);
    ASSERT(d->kept == 0 && d->kept_free == 0 && d->kept_reserved == 0);
    range_clear(d);
    span_clear(d);
    alloc_unclaim(op->mm, d->claim);
    d->claim = 0;
    unlist(op->mm, d);
    mm_op_flush(op, tlb_full());
    return ERR_NONE;
}
