/* SPDX-License-Identifier: MIT */
/*
 * dmem.c: blocks and frames between the allocator and their owner.
 *
 * Single frames come from the domain's own blocks that have holes, its list
 * `holed`; then from shared blocks; then a block is cut. The policy cut shares
 * a block that a frame is given back from; keep makes a hole in it.
 */
#include "mm/dmem.h"

#include <string.h>

#include "mm/holed.h"
#include "mm/m2p.h"
#include "mm/run.h"
#include "mm/shared.h"

void dmem_domain_init(struct mm *mm, struct mm_domain *d)
{
    d->mm = mm;
    d->ring = MFN_NONE;
    d->owner_bits = (uint64_t)d->id << FRAME_OWNER_SHIFT;
    d->next = mm->domains;
    mm->domains = d;
}

void dmem_vcpu_init(struct mm_domain *d, struct mm_vcpu *v)
{
    v->root_kernel = v->root_user = v->info = MFN_NONE;
    for (unsigned i = 0; i < MM_SEG_SLOTS; i++)
        v->seg[i] = MFN_NONE;
    v->nr_old = 0;
    v->next = d->vcpus;
    d->vcpus = v;
}

/* The block has neither references nor frames in use: back it goes. */
static void block_release(struct mm_op *op, struct block *b)
{
    if (b->word & BLOCK_CUT)
        op->d->blocks_cut--;
    op->d->blocks--;
    if (b->table)
        frame_table_drop(op->mm, op->d, b);
    atomic_store(&b->word, block_word(BLOCK_DOM, op->d->id));
    mm_op_flush(op, tlb_full());
    alloc_block_put(op->mm, blk_of(block_index(op->mm, b)));
}

static enum err get_block(struct mm_op *op, bool clean, blk_t *out)
{
    struct mm_domain *d = op->d;
    enum alloc_use use = d->claim ? ALLOC_CLAIMED : ALLOC_WHOLE;
    enum err rc = alloc_block_get(op->mm, d->id, use, clean, out);

    if (rc)
        return rc;
    if (d->claim)
        d->claim--;
    d->blocks++;
    d->tot_pages += BLOCK_FRAMES;
    return ERR_NONE;
}

enum err dmem_block_get(struct mm_op *op, blk_t *out)
{
    return get_block(op, true, out);
}

enum err dmem_block_get_dirty(struct mm_op *op, blk_t *out)
{
    return get_block(op, false, out);
}

enum err dmem_block_put(struct mm_op *op, blk_t blk)
{
    struct block *b;

    if (blk.v >= op->mm->nr_blocks)
        return ERR_INVAL;
    b = mm_block(op->mm, blk);
    if (!block_owned_by(b->word, op->d->id))
        return ERR_INVAL;
    if ((b->word & (BLOCK_SUPER_USE | BLOCK_SMALL_USE)) ||
        !frame_table_trim(op->mm, op->d, b))
        return ERR_BUSY;
    m2p_clear(op->mm, mfn_of_blk(blk), BLOCK_FRAMES);
    op->d->tot_pages -= BLOCK_FRAMES;
    block_release(op, b);
    return ERR_NONE;
}

/* A new block that is all holes. */
static enum err cut_block(struct mm_op *op)
{
    struct mm_domain *d = op->d;
    struct frame_table *t;
    struct block *b;
    blk_t blk;
    enum err rc = alloc_block_get(op->mm, d->id, ALLOC_CUT, true, &blk);

    if (rc)
        return rc;
    b = mm_block(op->mm, blk);
    rc = frame_table_make(op->mm, d, b);
    if (rc) {
        alloc_block_put(op->mm, blk);
        return rc;
    }
    t = frame_table_at(op->mm, b->table);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        atomic_store(&t->word[i], frame_word_hole() | FRAME_CLEAN);
    memset(t->hole_map, 0xff, sizeof(t->hole_map));
    t->nr_free = BLOCK_FRAMES;
    atomic_store(&b->word, block_word(BLOCK_DOM, d->id) | BLOCK_CUT |
                               BLOCK_FRAMES * BLOCK_HOLES_ONE);
    d->blocks++;
    d->blocks_cut++;
    d->holes += BLOCK_FRAMES;
    holed_link(op->mm, &d->holed, b);
    return ERR_NONE;
}

static void take_hole(struct mm_op *op, struct block *b, unsigned i)
{
    struct frame_table *t = frame_table_at(op->mm, b->table);

    t->hole_map[i / 64] &= ~BIT(i % 64);
    t->nr_free--;
    t->pt[i] = (struct frame_pt){0};
    atomic_store_explicit(&t->word[i],
                          op->d->owner_bits | FRAME_ALLOCATED | FRAME_REF_ONE,
                          memory_order_release);
    BUG_IF(!block_try(b, block_hole_put));
    op->d->holes--;
}

mfn_t dmem_hole_take(struct mm_op *op, struct block *b)
{
    const struct frame_table *t = frame_table_at(op->mm, b->table);
    unsigned i = run_find(t->hole_map, 0);

    take_hole(op, b, i);
    if (t->nr_free == 0)
        holed_unlink(op->mm, &op->d->holed, b);
    op->d->tot_pages++;
    return mfn_add(mfn_of_blk(blk_of(block_index(op->mm, b))), i);
}

/* Blocks looked at before another one is cut for a run: a bound, no more. */
#define RUN_TRIES 4

static struct block *find_block(struct mm_op *op, unsigned order, unsigned *i)
{
    uint32_t at = op->d->holed;

    for (unsigned n = 0; at && n < RUN_TRIES; n++) {
        struct block *b = &op->mm->blocks[at];

        *i = run_find(frame_table_at(op->mm, b->table)->hole_map, order);
        if (*i < BLOCK_FRAMES)
            return b;
        at = b->next;
    }
    return NULL;
}

static enum err run_get(struct mm_op *op, unsigned order, mfn_t *out)
{
    unsigned i = 0;
    struct block *b = find_block(op, order, &i);

    if (!b) {
        enum err rc;

        if (shared_take_run(op, order, out))
            return ERR_NONE;
        rc = cut_block(op);
        if (rc)
            return rc;
        b = find_block(op, order, &i);
        ASSERT(b);
    }
    for (unsigned k = 0; k < 1u << order; k++)
        take_hole(op, b, i + k);
    if (frame_table_at(op->mm, b->table)->nr_free == 0)
        holed_unlink(op->mm, &op->d->holed, b);
    *out = mfn_add(mfn_of_blk(blk_of(block_index(op->mm, b))), i);
    return ERR_NONE;
}

/* The usual request: any frames. From the first block with holes, up to n. */
static unsigned take_some(struct mm_op *op, mfn_t *out, unsigned n)
{
    struct block *b = &op->mm->blocks[op->d->holed];
    struct frame_table *t = frame_table_at(op->mm, b->table);
    mfn_t first = mfn_of_blk(blk_of(block_index(op->mm, b)));
    unsigned word = 0, got = MIN(n, (unsigned)t->nr_free);

    for (unsigned k = 0; k < got; k++) {
        unsigned i;

        while (t->hole_map[word] == 0)
            word++;
        i = word * 64 + (unsigned)__builtin_ctzll(t->hole_map[word]);
        take_hole(op, b, i);
        out[k] = mfn_add(first, i);
    }
    if (unlikely(t->nr_free == 0))
        holed_unlink(op->mm, &op->d->holed, b);
    op->d->tot_pages += got;
    return got;
}

enum err dmem_run_get(struct mm_op *op, unsigned order, mfn_t *out)
{
    enum err rc;

    ASSERT(order < BLOCK_SHIFT - PAGE_SHIFT);
    rc = run_get(op, order, out);
    if (!rc)
        op->d->tot_pages += UINT64_C(1) << order;
    return rc;
}

/* The domain has no frame at hand: what is in shared blocks, or cut one. */
static never_inline enum err no_holes(struct mm_op *op, mfn_t *out, unsigned n,
                                      unsigned *done)
{
    unsigned got = shared_take(op, out + *done, n - *done);

    *done += got;
    op->d->tot_pages += got;
    return got ? ERR_NONE : cut_block(op);
}

enum err dmem_frames_get(struct mm_op *op, mfn_t *out, unsigned n,
                         unsigned *done)
{
    for (*done = 0; *done < n;) {
        if (unlikely(!op->d->holed)) {
            enum err rc = no_holes(op, out, n, done);

            if (rc)
                return rc;
        } else {
            *done += take_some(op, out + *done, n - *done);
        }
    }
    return ERR_NONE;
}

enum err dmem_fixed_get(struct mm_op *op, mfn_t *out)
{
    struct frame f;
    enum err rc = run_get(op, 0, out);

    if (rc)
        return rc;
    memset(mm_frame_ptr(op->mm, *out), 0, PAGE_SIZE);
    f = frame_held(op->mm, *out);
    BUG_IF(!frame_try(&f, frame_type_get, op->d->id, FRAME_WRITABLE));
    BUG_IF(!frame_try(&f, frame_flags, FRAME_FIXED, 0));
    op->d->fixed++;
    return ERR_NONE;
}

/* Is the frame the domain's to give up, and in no superpage? */
static enum err may_put(const struct mm_op *op, const struct frame *f)
{
    uint64_t w = frame_word(f);

    if (unlikely((w ^ (op->d->owner_bits | FRAME_ALLOCATED)) &
                 (FRAME_OWNER_MASK | FRAME_ALLOCATED | FRAME_FIXED)))
        return ERR_INVAL;
    return unlikely(f->block->word & BLOCK_SUPER_USE) ? ERR_BUSY : ERR_NONE;
}

enum err dmem_frame_check(struct mm_op *op, mfn_t m)
{
    struct frame f;
    enum err rc = frame_find(op, m, &f);

    if (rc)
        return rc == ERR_NOMEM ? rc : ERR_INVAL;
    return may_put(op, &f);
}

/* Nothing speaks against it: from the owner's to a hole when it is unused. */
static void give_up(struct mm_op *op, struct frame *f)
{
    uint64_t old, block;

    BUG_IF(!block_apply(f->block, block, block_hole_get));
    BUG_IF(!frame_apply(f, old, frame_unalloc, op->d->id));
    op->d->holes += block_class(block) != BLOCK_SHARED;
    if (likely(frame_refs(old) == 1))
        dmem_frame_free(op, f);
}

enum err dmem_frame_put(struct mm_op *op, mfn_t m)
{
    struct frame f;
    enum err rc = frame_find(op, m, &f);

    if (unlikely(rc))
        return rc == ERR_NOMEM ? rc : ERR_INVAL;
    rc = may_put(op, &f);
    if (unlikely(rc))
        return rc;
    if (op->d->relinquish == RELINQUISH_CUT &&
        block_owned_by(f.block->word, op->d->id))
        shared_convert(op, f.block);
    give_up(op, &f);
    return ERR_NONE;
}

void dmem_run_undo(struct mm_op *op, unsigned order, mfn_t m)
{
    for (unsigned i = 0; i < 1u << order; i++) {
        struct frame f = frame_held(op->mm, mfn_add(m, i));

        give_up(op, &f);
    }
}

static always_inline void make_hole(struct mm *mm, struct mm_domain *d,
                                    const struct frame *f)
{
    f->table->hole_map[f->i / 64] |= BIT(f->i % 64);
    f->table->nr_free++;
    m2p_clear(mm, f->mfn, 1);
    d->tot_pages--;
}

void dmem_frame_free(struct mm_op *op, struct frame *f)
{
    ASSERT(frame_refs(frame_word(f)) == 0);
    if (block_class(f->block->word) == BLOCK_SHARED) {
        op->d->tot_pages--;
        shared_free(op, f);
        return;
    }
    atomic_store_explicit(frame_word_ptr(f), frame_word_hole(),
                          memory_order_release);
    make_hole(op->mm, op->d, f);
    mm_op_flush(op, tlb_full());
    if (f->table->nr_free == 1)
        holed_link(op->mm, &op->d->holed, f->block);
    if (f->table->nr_free == BLOCK_FRAMES) {
        holed_unlink(op->mm, &op->d->holed, f->block);
        op->d->holes -= BLOCK_FRAMES;
        block_release(op, f->block);
    }
}

/*
 * The usual case of dmem_frame_put(): nobody else refers to the frame, and
 * its block neither enters nor leaves the list. false: nothing was done.
 */
static always_inline bool put_idle(struct mm *mm, struct mm_domain *d,
                                   unsigned id, mfn_t m)
{
    struct block *b;
    struct frame f;
    uint32_t table;

    if (unlikely(!mm_mfn_valid(mm, m)))
        return false;
    b = mm_block(mm, blk_of_mfn(m));
    table = b->table;
    if (unlikely(!block_owned_by(b->word, id) || table == 0))
        return false;
    f = (struct frame){m, b, frame_table_at(mm, table), m.v % BLOCK_FRAMES};
    if (unlikely(f.table->nr_free - 1u >= BLOCK_FRAMES - 2 ||
                 !frame_is_idle(frame_word(&f), id)))
        return false;
    if (unlikely(!block_try(b, block_hole_get)))
        return false;
    BUG_IF(!frame_try(&f, frame_vacate, id));
    d->holes++;
    make_hole(mm, d, &f);
    return true;
}

enum err dmem_frames_put(struct mm_op *op, const mfn_t *m, unsigned n,
                         unsigned *done)
{
    struct mm_domain *d = op->d;
    /* Under the policy cut no block of one's own gets holes: none fits. */
    const unsigned id = d->relinquish == RELINQUISH_CUT ? OWNER_NONE : d->id;
    struct mm *mm = op->mm;
    enum err rc = ERR_NONE;
    unsigned i;

    for (i = 0; i < n; i++) {
        if (likely(put_idle(mm, d, id, m[i])) || shared_put_idle(op, m[i]))
            continue;
        rc = dmem_frame_put(op, m[i]);
        if (unlikely(rc))
            break;
    }
    if (i)
        mm_op_flush(op, tlb_full());
    *done = i;
    return rc;
}
