/* SPDX-License-Identifier: MIT */
/*
 * dmem.c: blocks and frames on their way to their owner. Single frames come
 * from the domain's own blocks that have holes, its list `holed`; then from
 * shared blocks; then a block is cut; and if there is none, from blocks whose
 * holes are some page's place, its list `serving`.
 */
#include "mm/alloc/dmem.h"

#include <string.h>

#include "mm/alloc/m2p.h"
#include "mm/alloc/shared.h"
#include "mm/alloc/span.h"
#include "mm/base/chunk.h"

/* More than there ever will be; if not, the rest have nothing of their own. */
static uint64_t next_incarnation(struct mm *mm)
{
    const uint64_t n = atomic_fetch_add(&mm->incarnations, 1) + 1;

    return n <= BLOCK_LAST_MAX ? n : 0;
}

void dmem_domain_init(struct mm *mm, struct mm_domain *d)
{
    struct mm_domain **at = &mm->domains;

    d->mm = mm;
    d->incarnation = next_incarnation(mm);
    lock_init(&d->lock, LOCKDEP_MEMORY, d->id);
    d->downgrade_ring = MFN_NONE;
    d->large_gone = d->small_gone = d->tlb_epoch - 1; /* nothing was cached */
    d->owner_bits = (uint64_t)d->id << FRAME_OWNER_SHIFT;
    d->block_bits = block_word(BLOCK_DOM, d->id);
    while (*at && (*at)->id < d->id)
        at = &(*at)->next;
    d->next = *at;
    *at = d;
}

void dmem_vcpu_init(struct mm_domain *d, struct mm_vcpu *v)
{
    v->root_kernel = v->root_user = v->info = MFN_NONE;
    for (unsigned i = 0; i < MM_SEG_SLOTS; i++)
        v->seg[i] = MFN_NONE;
    v->deferred = MFN_NONE;
    v->next = d->vcpus;
    d->vcpus = v;
}

static enum err get_block(struct mm_op *op, enum alloc_use use,
                          uint64_t content, blk_t *out)
{
    struct mm_domain *d = op->d;
    enum err rc = alloc_block_get(op->mm, d->id, use, content, out);

    if (rc)
        return rc;
    d->claim -= use == ALLOC_CLAIMED;
    d->blocks++;
    d->tot_pages += BLOCK_FRAMES;
    return ERR_NONE;
}

static enum err grow(struct mm_op *op, uint64_t content, blk_t *out)
{
    enum alloc_use use = op->d->claim ? ALLOC_CLAIMED : ALLOC_WHOLE;

    return unlikely(!quota_may_get(op->d, 1))
               ? ERR_NOMEM
               : get_block(op, use, content, out);
}

enum err dmem_block_get(struct mm_op *op, blk_t *out)
{
    return grow(op, ALLOC_ZEROES, out);
}

enum err dmem_block_get_own(struct mm_op *op, blk_t *out)
{
    return grow(op, op->d->incarnation, out);
}

enum err dmem_block_get_dirty(struct mm_op *op, blk_t *out)
{
    return grow(op, ALLOC_ANYTHING, out);
}

enum err dmem_block_get_to_move(struct mm_op *op, blk_t *out)
{
    return quota_may_move(op->d)
               ? get_block(op, ALLOC_WHOLE, ALLOC_ANYTHING, out)
               : ERR_NOMEM;
}

/* It has a table: now it is the domain's, and all holes. */
static void add_holes(struct mm_op *op, struct block *b)
{
    struct frame_table *t = frame_table_at(op->mm, b->table);
    uint64_t reserved = b->word & BLOCK_RESERVED;
    struct mm_domain *d = op->d;

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        atomic_store(&t->word[i], frame_word_hole() | FRAME_CLEAN);
    memset(t->hole_map, 0xff, sizeof(t->hole_map));
    t->nr_free = BLOCK_FRAMES;
    atomic_store(&b->word, block_word(BLOCK_DOM, d->id) | BLOCK_CUT | reserved |
                               BLOCK_FRAMES * BLOCK_HOLES_ONE);
    d->blocks++;
    d->blocks_cut++;
    d->reserved += !!reserved;
    d->holes += BLOCK_FRAMES;
    holed_link(op->mm, span_list(d, t), b);
}

/* A new block that is all holes; which serves a span if it is one. */
static enum err cut(struct mm_op *op, enum alloc_use use, uint64_t span)
{
    struct block *b;
    blk_t blk;
    enum err rc = ERR_NOMEM;

    if (likely(quota_may_get(op->d, 1)))
        rc = alloc_block_get(op->mm, op->d->id, use, ALLOC_ZEROES, &blk);
    if (rc)
        return rc;
    b = mm_block(op->mm, blk);
    rc = frame_table_make(op->mm, op->d, b);
    if (rc) {
        alloc_block_put(op->mm, blk, ALLOC_ZEROES);
        return rc;
    }
    if (span < SPAN_MAX)
        span_serve(op, b, span);
    add_holes(op, b);
    return ERR_NONE;
}

/* Of the reserve as far as the domain may take from it. */
static enum err cut_block(struct mm_op *op)
{
    const struct mm_domain *d = op->d;

    return cut(op,
               quota_reserved(d) < quota_reserve(d) ? ALLOC_CUT : ALLOC_WHOLE,
               SPAN_MAX);
}

/* holes_taken() follows. */
static always_inline void take_hole(const struct mm_op *op,
                                    struct frame_table *t, unsigned i)
{
    t->hole_map[i / 64] &= ~BIT(i % 64);
    t->pt[i] = (struct frame_pt){0};
    atomic_store_explicit(&t->word[i],
                          op->d->owner_bits | FRAME_ALLOCATED | FRAME_REF_ONE,
                          memory_order_release);
}

/*
 * It has no free frame any more. One that serves a span, and has none that was
 * given up, is whole, as if it had never been cut.
 */
static never_inline void filled(struct mm_op *op, struct block *b,
                                const struct frame_table *t)
{
    holed_unlink(op->mm, span_list(op->d, t), b);
    if (!t->span || block_holes(b->word) || !(b->word & BLOCK_CUT))
        return;
    atomic_fetch_and(&b->word, ~BLOCK_CUT);
    op->d->blocks_cut--;
}

/*
 * All of them at once: a block's word has a line of the cache with those of
 * three others, which may be other domains', on other CPUs.
 */
static always_inline void holes_taken(struct mm_op *op, struct block *b,
                                      struct frame_table *t, unsigned n)
{
    t->nr_free = (uint16_t)(t->nr_free - n);
    MUST(block_try(b, block_holes_put, n));
    op->d->holes -= n;
    if (unlikely(t->nr_free == 0))
        filled(op, b, t);
}

mfn_t dmem_hole_take(struct mm_op *op, struct block *b)
{
    struct frame_table *t = frame_table_at(op->mm, b->table);
    unsigned i = chunk_find(t->hole_map, 0);

    take_hole(op, t, i);
    holes_taken(op, b, t, 1);
    op->d->tot_pages++;
    return mfn_add(mfn_of_blk(blk_of(block_index(op->mm, b))), i);
}

/* Blocks looked at before another one is cut for a chunk: a bound, no more. */
#define CHUNK_TRIES 4

static struct block *find_block(const struct mm_op *op, uint32_t at,
                                unsigned order, unsigned *i)
{
    for (unsigned n = 0; at && n < CHUNK_TRIES; n++) {
        struct block *b = &op->mm->blocks[at];

        *i = chunk_find(frame_table_at(op->mm, b->table)->hole_map, order);
        if (*i < BLOCK_FRAMES)
            return b;
        at = b->next;
    }
    return NULL;
}

static enum err chunk_get(struct mm_op *op, unsigned order, mfn_t *out)
{
    unsigned i = 0;
    struct block *b = find_block(op, op->d->holed, order, &i);
    struct frame_table *t;

    if (!b && mm_discharge(op->mm)) /* what was freed just now */
        b = find_block(op, op->d->holed, order, &i);
    if (!b) {
        enum err rc;

        if (shared_take_chunk(op, order, out))
            return ERR_NONE;
        rc = cut_block(op);
        b = find_block(op, rc ? op->d->serving : op->d->holed, order, &i);
        if (!b)
            return rc;
    }
    t = frame_table_at(op->mm, b->table);
    for (unsigned k = 0; k < 1u << order; k++)
        take_hole(op, t, i + k);
    holes_taken(op, b, t, 1u << order);
    *out = mfn_add(mfn_of_blk(blk_of(block_index(op->mm, b))), i);
    return ERR_NONE;
}

/* The usual request: any frames. From block `at`, with holes, up to n. */
static always_inline unsigned take_some(struct mm_op *op, uint32_t at,
                                        mfn_t *out, unsigned n)
{
    struct block *b = &op->mm->blocks[at];
    struct frame_table *t = frame_table_at(op->mm, b->table);
    mfn_t first = mfn_of_blk(blk_of(block_index(op->mm, b)));
    unsigned word = 0, got = MIN(n, (unsigned)t->nr_free);

    for (unsigned k = 0; k < got; k++) {
        unsigned i;

        while (t->hole_map[word] == 0)
            word++;
        i = word * 64 + (unsigned)__builtin_ctzll(t->hole_map[word]);
        take_hole(op, t, i);
        out[k] = mfn_add(first, i);
    }
    holes_taken(op, b, t, got);
    op->d->tot_pages += got;
    return got;
}

enum err dmem_chunk_get(struct mm_op *op, unsigned order, mfn_t *out)
{
    enum err rc;

    ASSERT(order < BLOCK_SHIFT - PAGE_SHIFT);
    rc = chunk_get(op, order, out);
    if (!rc)
        op->d->tot_pages += UINT64_C(1) << order;
    return rc;
}

/*
 * The domain has no frame at hand: what is in shared blocks, or was freed just
 * now, or cut one, or what would be a page's place.
 */
static never_inline enum err no_holes(struct mm_op *op, mfn_t *out, unsigned n,
                                      unsigned *done)
{
    unsigned got = shared_take(op, out + *done, n - *done);
    enum err rc;

    *done += got;
    op->d->tot_pages += got;
    if (got || mm_discharge(op->mm))
        return ERR_NONE;
    rc = cut_block(op);
    if (likely(!rc) || !op->d->serving)
        return rc;
    *done += take_some(op, op->d->serving, out + *done, n - *done);
    return ERR_NONE;
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
            *done += take_some(op, op->d->holed, out + *done, n - *done);
        }
    }
    return ERR_NONE;
}

/*
 * Of the pages at the front of pfn those of one span, up to the first whose
 * place in b, which serves it, is not free: how many.
 */
static unsigned take_places(struct mm_op *op, struct block *b, const pfn_t *pfn,
                            mfn_t *out, unsigned n)
{
    struct frame_table *t = frame_table_at(op->mm, b->table);
    const mfn_t first = mfn_of_blk(blk_of(block_index(op->mm, b)));
    unsigned k = 0;

    do {
        unsigned i = (unsigned)(pfn[k].v % BLOCK_FRAMES);

        if (!(t->hole_map[i / 64] >> (i % 64) & 1))
            break;
        take_hole(op, t, i);
        out[k] = mfn_add(first, i);
    } while (++k < n && span_of(pfn[k]) == span_of(pfn[0]));
    if (k > 0)
        holes_taken(op, b, t, k);
    op->d->tot_pages += k;
    return k;
}

/*
 * A new block for a span that no block serves: one to become whole, which is
 * none of the reserve's. NULL: there is none, or not for this domain.
 */
static struct block *cut_for(struct mm_op *op, uint64_t span)
{
    if (!span_prepare(op, span) || cut(op, ALLOC_WHOLE, span))
        return NULL;
    return span_block(op, span);
}

enum err dmem_frames_get_for(struct mm_op *op, const pfn_t *pfn, mfn_t *out,
                             unsigned n, unsigned *done)
{
    bool one_was_cut = false;
    unsigned some;

    for (*done = 0; *done < n; *done += some) {
        const uint64_t span = span_of(pfn[*done]);
        struct block *b = span_block(op, span);
        enum err rc;

        if (!b && one_was_cut)
            return ERR_NONE;
        if (!b)
            one_was_cut = (b = cut_for(op, span));
        some = b ? take_places(op, b, pfn + *done, out + *done, n - *done) : 0;
        if (some)
            continue;
        if (one_was_cut && !op->d->holed)
            return ERR_NONE; /* or a second would be, for a page named twice */
        rc = dmem_frames_get(op, out + *done, 1, &some);
        if (rc)
            return rc;
    }
    return ERR_NONE;
}

enum err dmem_fixed_get(struct mm_op *op, mfn_t *out)
{
    struct frame f;
    enum err rc = chunk_get(op, 0, out);

    if (rc)
        return rc;
    memset(mm_frame_ptr(op->mm, *out), 0, PAGE_SIZE);
    f = frame_held(op->mm, *out);
    MUST(frame_try(&f, frame_type_get, op->d->id, FRAME_WRITABLE));
    MUST(frame_try(&f, frame_flags, FRAME_FIXED, 0));
    op->d->fixed++;
    return ERR_NONE;
}
