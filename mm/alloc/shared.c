/* SPDX-License-Identifier: MIT */
/*
 * shared.c: see shared.h. The lock covers which frames are free and the list
 * of blocks; a frame is scrubbed and made somebody's outside of it, when it
 * is in nobody's hand but the taker's.
 */
#include "mm/alloc/shared.h"

#include <string.h>

#include "mm/alloc/keeper.h"
#include "mm/alloc/m2p.h"
#include "mm/alloc/span.h"
#include "mm/base/chunk.h"

void shared_convert(struct mm_op *op, struct block *b)
{
    struct mm_shared *s = &op->mm->shared;
    struct mm_domain *d = op->d;
    struct frame_table *t = frame_table_at(op->mm, b->table);
    uint64_t old;

    (void)mm_discharge(op->mm); /* what was freed of it is free by now */
    if (t->nr_free)
        holed_unlink(op->mm, span_list(d, t), b);
    t->span = 0;
    MUST(block_apply(b, old, block_share, d->id));
    d->blocks--;
    d->blocks_cut -= !!(old & BLOCK_CUT);
    d->reserved -= !!(old & BLOCK_RESERVED); /* the keeper's */
    d->holes -= block_holes(old);
    d->frame_tables--;
    d->shared_frames += BLOCK_FRAMES - t->nr_free;
    spin_lock(&s->lock);
    /* It is SHARED: of what is poisoned from now on it hears by itself. */
    t->poisoned = poison_has(op->mm, block_index(op->mm, b));
    s->blocks++;
    s->free_frames += t->nr_free;
    if (t->nr_free)
        holed_link(op->mm, &s->first, b);
    keeper_begin(op->mm, b, d, BLOCK_FRAMES - t->nr_free);
    spin_unlock(&s->lock);
}

/* With the lock held: n frames are not in b's hole_map any more. */
static void took(struct mm *mm, struct block *b, unsigned n)
{
    struct frame_table *t = frame_table_at(mm, b->table);
    unsigned was = t->nr_free;

    t->nr_free = (uint16_t)(was - n);
    keeper_free(mm, b, was);
    mm->shared.free_frames -= n;
    if (t->nr_free == 0)
        holed_unlink(mm, &mm->shared.first, b);
}

/* Taken from block b, so ours alone: from nobody's to op's domain's. */
static void hand_over(struct mm_op *op, struct block *b, const mfn_t *m,
                      unsigned n)
{
    struct frame_table *t = frame_table_at(op->mm, b->table);

    for (unsigned k = 0; k < n; k++) {
        unsigned i = m[k].v % BLOCK_FRAMES;

        if (!frame_is_clean(
                atomic_load_explicit(&t->word[i], memory_order_relaxed)))
            memset(mm_frame_ptr(op->mm, m[k]), 0, PAGE_SIZE);
        t->pt[i] = (struct frame_pt){0};
        atomic_store_explicit(&t->word[i], frame_word_owned(op->d->id),
                              memory_order_release);
    }
    MUST(block_try(b, block_holes_put, n));
}

static mfn_t frame_at(const struct mm *mm, const struct block *b, unsigned i)
{
    return mfn_add(mfn_of_blk(blk_of(block_index(mm, b))), i);
}

/*
 * With the lock held, but let go of meanwhile: no free frame is being scrubbed
 * any more. That is not long, for nobody begins with another.
 */
static void scrub_stop(struct mm_shared *s)
{
    s->still++;
    spin_await(&s->lock, !s->in_hand);
}

static void scrub_go(struct mm_shared *s)
{
    s->still--;
}

/*
 * As scrub_stop(), for who finds nothing: what is being scrubbed just now is
 * free, so nobody is refused for it. false: nothing was.
 */
static bool scrub_awaited(struct mm_shared *s)
{
    if (likely(!s->in_hand))
        return false;
    scrub_stop(s);
    scrub_go(s);
    return true;
}

/*
 * Blocks looked at for something: a bound on the time under the lock. Those
 * that are poisoned do not count, for they would hide the others; they are few.
 */
#define TRIES 16

static unsigned counts(const struct mm *mm, const struct block *b)
{
    return !frame_table_at(mm, b->table)->poisoned;
}

/* With the lock held: the first it keeps that is not poisoned. */
static struct block *first_kept(const struct mm *mm, const struct mm_domain *d)
{
    uint32_t at = d->kept;

    while (at && !counts(mm, &mm->blocks[at]))
        at = frame_table_at(mm, mm->blocks[at].table)->kept_next;
    return at ? &mm->blocks[at] : NULL;
}

/*
 * With the lock held: a block of which op's domain may have free frames, and
 * how many. Where its quota has no room for those of others it is one it keeps:
 * it is charged for these already, so they are never refused.
 */
static struct block *choose(struct mm_op *op, uint64_t *room)
{
    struct mm *mm = op->mm;
    uint32_t at = mm->shared.first;
    struct block *b;

    for (unsigned tries = 0; at && tries < TRIES; tries += counts(mm, b)) {
        b = &mm->blocks[at];
        *room = keeper_room(mm, b, op->d);
        if (*room)
            return b;
        at = b->next;
    }
    b = first_kept(mm, op->d);
    *room = b ? keeper_room(mm, b, op->d) : 0;
    return b;
}

/* With the lock held: n free frames of the block become op's domain's. */
static void take_from(struct mm_op *op, struct block *b, mfn_t *out, unsigned n)
{
    struct mm *mm = op->mm;
    struct frame_table *t = frame_table_at(mm, b->table);
    unsigned word = 0;

    for (unsigned k = 0; k < n; k++) {
        while (t->hole_map[word] == 0)
            word++;
        out[k] = frame_at(
            mm, b, word * 64 + (unsigned)__builtin_ctzll(t->hole_map[word]));
        t->hole_map[word] &= t->hole_map[word] - 1;
    }
    keeper_join(t, op->d, n);
    took(mm, b, n);
}

/* Up to n of one block; how many. */
static unsigned take_some(struct mm_op *op, mfn_t *out, unsigned n)
{
    struct mm_shared *s = &op->mm->shared;
    struct block *b;
    uint64_t room;

    spin_lock(&s->lock);
    b = choose(op, &room);
    if (!room && scrub_awaited(s))
        b = choose(op, &room);
    n = (unsigned)MIN(room, (uint64_t)n);
    if (n > 0)
        take_from(op, b, out, n);
    op->d->shared_frames += n;
    spin_unlock(&s->lock);
    if (n > 0)
        hand_over(op, b, out, n);
    return n;
}

unsigned shared_take(struct mm_op *op, mfn_t *out, unsigned n)
{
    unsigned got = 0, some;

    do {
        some = take_some(op, out + got, n - got);
        got += some;
    } while (some > 0 && got < n);
    return got;
}

/* With the lock held: the first free chunk in a block it may have it of. */
static unsigned chunk_in(const struct mm_op *op, const struct block *b,
                         unsigned order)
{
    if (keeper_room(op->mm, b, op->d) < UINT64_C(1) << order)
        return BLOCK_FRAMES;
    return chunk_find(frame_table_at(op->mm, b->table)->hole_map, order);
}

static void take_chunk(struct mm_op *op, struct block *b, unsigned i,
                       unsigned n)
{
    struct frame_table *t = frame_table_at(op->mm, b->table);

    chunk_clear(t->hole_map, i, n);
    keeper_join(t, op->d, n);
    took(op->mm, b, n);
    op->d->shared_frames += n;
}

/*
 * With the lock held: a block with such a chunk, as choose(): those it keeps
 * come last, and however many others there are before them.
 */
static struct block *choose_run(const struct mm_op *op, unsigned order,
                                unsigned *i)
{
    struct mm *mm = op->mm;
    const uint32_t first[] = {mm->shared.first, op->d->kept};

    for (unsigned list = 0; list < ARRAY_SIZE(first); list++) {
        uint32_t at = first[list];

        for (unsigned tries = 0; at && tries < TRIES;) {
            struct block *b = &mm->blocks[at];

            tries += counts(mm, b);
            *i = chunk_in(op, b, order);
            if (*i < BLOCK_FRAMES)
                return b;
            at = list ? frame_table_at(mm, b->table)->kept_next : b->next;
        }
    }
    return NULL;
}

bool shared_take_chunk(struct mm_op *op, unsigned order, mfn_t *out)
{
    struct mm *mm = op->mm;
    struct block *b;
    unsigned i = 0;

    if (order == 0)
        return shared_take(op, out, 1) == 1;
    spin_lock(&mm->shared.lock);
    b = choose_run(op, order, &i);
    if (!b && scrub_awaited(&mm->shared))
        b = choose_run(op, order, &i);
    if (b) {
        *out = frame_at(mm, b, i);
        take_chunk(op, b, i, 1u << order);
    }
    spin_unlock(&mm->shared.lock);
    if (!b)
        return false;
    for (unsigned k = 0; k < 1u << order; k++) {
        const mfn_t m = mfn_add(*out, k);

        hand_over(op, b, &m, 1);
    }
    return true;
}

/* It is closed: it belongs to nobody and has nothing in it. */
static void release(struct mm *mm, struct block *b)
{
    uint32_t table = b->table;

    WRITE_ONCE(b->table, 0);
    alloc_frame_table_put(mm, mfn_of(table));
    atomic_store(&b->word, block_word(BLOCK_DOM, OWNER_NONE));
    alloc_block_put(mm, blk_of(block_index(mm, b)), ALLOC_ANYTHING);
}

/* With the lock held: they, of a block that has others, are free. */
static always_inline void add_free(struct mm *mm, const struct shared_frames *f)
{
    struct frame_table *t = frame_table_at(mm, f->block->table);
    unsigned was = t->nr_free;

    t->hole_map[f->word] |= f->bits;
    mm->shared.free_frames += f->n;
    t->nr_free = (uint16_t)(was + f->n);
    keeper_free(mm, f->block, was);
    if (was == 0)
        holed_link(mm, &mm->shared.first, f->block);
}

/*
 * With the lock held: all the others are free, and now it is all that are. From
 * here on nobody looks for frames there (frame_in_shared()).
 */
static void close_block(struct mm *mm, const struct shared_frames *f)
{
    struct mm_shared *s = &mm->shared;
    const unsigned others = BLOCK_FRAMES - f->n;

    ASSERT(frame_table_at(mm, f->block->table)->nr_free == others);
    holed_unlink(mm, &s->first, f->block);
    s->free_frames -= others;
    s->blocks--;
    atomic_store(&f->block->word, block_word(BLOCK_OWED, OWNER_NONE));
}

/* It cannot be closed while somebody scrubs a frame of it: that is not long. */
static never_inline void await_scrub(struct mm_shared *s,
                                     const struct frame_table *t, unsigned n)
{
    spin_await(&s->lock, !t->in_hand || !keeper_is_last(t, n));
}

/* d's frames are free; true: the block is nobody's any more. */
static always_inline bool offer(struct mm *mm, struct mm_domain *d,
                                const struct shared_frames *f)
{
    const struct frame_table *t = frame_table_at(mm, f->block->table);
    bool all;

    spin_lock(&mm->shared.lock);
    if (unlikely(t->in_hand))
        await_scrub(&mm->shared, t, f->n);
    d->shared_frames -= f->n;
    all = keeper_leave(mm, f->block, d, f->n);
    if (unlikely(all))
        close_block(mm, f);
    else
        add_free(mm, f);
    spin_unlock(&mm->shared.lock);
    return all;
}

void shared_offer(struct mm *mm, struct mm_domain *d,
                  const struct shared_frames *f)
{
    if (likely(!offer(mm, d, f)))
        return;
    d->shared_closed++;
    release(mm, f->block);
}

/* The first free frame that somebody has had, or BLOCK_FRAMES. */
static unsigned dirty_in(const struct frame_table *t)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if ((t->hole_map[i / 64] >> (i % 64) & 1) &&
            !frame_is_clean(t->word[i]))
            return i;
    return BLOCK_FRAMES;
}

/* Takes such a frame, of the blocks that are given from next. */
static bool take_dirty(struct mm *mm, struct frame *out)
{
    unsigned i = BLOCK_FRAMES, tries = 0;

    spin_lock(&mm->shared.lock);
    for (uint32_t at = mm->shared.first;
         at && tries < TRIES && !mm->shared.still;) {
        struct block *b = &mm->blocks[at];
        const struct frame_table *t = frame_table_at(mm, b->table);

        tries += counts(mm, b);
        i = t->poisoned ? BLOCK_FRAMES : dirty_in(t);
        if (i < BLOCK_FRAMES) {
            *out = frame_held(mm, frame_at(mm, b, i));
            chunk_clear(out->table->hole_map, i, 1);
            took(mm, b, 1);
            out->table->in_hand++;
            mm->shared.in_hand++;
            break;
        }
        at = b->next;
    }
    spin_unlock(&mm->shared.lock);
    return i < BLOCK_FRAMES;
}

uint64_t shared_scrub(struct mm *mm, uint64_t n)
{
    uint64_t done = 0;
    struct frame f = {0};

    for (; done < n && take_dirty(mm, &f); done++) {
        memset(mm_frame_ptr(mm, f.mfn), 0, PAGE_SIZE);
        atomic_store_explicit(frame_word_ptr(&f),
                              frame_word_hole() | FRAME_CLEAN,
                              memory_order_release);
        spin_lock(&mm->shared.lock);
        f.table->in_hand--;
        mm->shared.in_hand--;
        add_free(mm,
                 &(struct shared_frames){f.block, f.i / 64, BIT(f.i % 64), 1});
        spin_unlock(&mm->shared.lock);
    }
    return done;
}

void shared_scrub_stop(struct mm *mm)
{
    spin_lock(&mm->shared.lock);
    scrub_stop(&mm->shared);
    spin_unlock(&mm->shared.lock);
}

void shared_scrub_go(struct mm *mm)
{
    spin_lock(&mm->shared.lock);
    scrub_go(&mm->shared);
    spin_unlock(&mm->shared.lock);
}

struct shared_stats shared_stats(struct mm *mm)
{
    struct shared_stats s;

    spin_lock(&mm->shared.lock);
    s = (struct shared_stats){mm->shared.blocks,
                              mm->shared.free_frames + mm->shared.in_hand};
    spin_unlock(&mm->shared.lock);
    return s;
}
