/* SPDX-License-Identifier: MIT */
/*
 * span.c: see span.h. A slot for each span, with the index of a block, in pages
 * of slots, which a page of their frame numbers lists: 4 bytes for 2 MiB.
 */
#include "mm/alloc/span.h"

static uint32_t *page_at(const struct mm_domain *d, uint32_t m)
{
    return mm_frame_ptr(d->mm, mfn_of(m));
}

/* NULL: its page is not there. */
static uint32_t *slot_of(const struct mm_domain *d, uint64_t span)
{
    uint32_t page;

    if (!d->spans || span >= SPAN_MAX)
        return NULL;
    page = page_at(d, d->spans)[span / SPAN_SLOTS];
    return page ? page_at(d, page) + span % SPAN_SLOTS : NULL;
}

static bool make_page(const struct mm_domain *d, uint32_t *at)
{
    mfn_t m;

    if (*at)
        return true;
    if (alloc_hv_get(d->mm, 0, &m))
        return false;
    *at = (uint32_t)m.v;
    return true;
}

bool span_prepare(const struct mm_op *op, uint64_t span)
{
    struct mm_domain *d = op->d;

    return span_sane(d, span) && make_page(d, &d->spans) &&
           make_page(d, page_at(d, d->spans) + span / SPAN_SLOTS);
}

struct block *span_block(const struct mm_op *op, uint64_t span)
{
    const uint32_t *slot = slot_of(op->d, span);
    struct block *b = slot && *slot ? &op->mm->blocks[*slot] : NULL;

    if (!b || !block_owned_by(b->word, op->d->id) || !b->table)
        return NULL;
    return frame_table_at(op->mm, b->table)->span == span + 1 ? b : NULL;
}

/* It is on neither list, so that what it serves can change. */
static bool is_unlisted(const struct mm_op *op, const struct block *b)
{
    return block_owned_by(b->word, op->d->id) && b->table &&
           frame_table_at(op->mm, b->table)->nr_free == 0;
}

void span_serve(struct mm_op *op, struct block *b, uint64_t span)
{
    const struct block *other;

    if (!span_prepare(op, span) || !is_unlisted(op, b))
        return;
    other = span_block(op, span);
    if (other && other != b) {
        struct frame_table *theirs = frame_table_at(op->mm, other->table);

        if (theirs->nr_free)
            return;
        theirs->span = 0;
    }
    *slot_of(op->d, span) = block_index(op->mm, b);
    frame_table_at(op->mm, b->table)->span = (uint32_t)span + 1;
}

#define ASKED 8u /* of 512, the one in hand among them */
_Static_assert(BLOCK_FRAMES % ASKED == 0, "evenly");

/*
 * That a page has its place in a block may be chance, one of 512 there are:
 * most of a few of its other frames have to say so, too.
 */
static bool most_say_so(const struct mm *mm, mfn_t m, uint64_t pfn)
{
    const uint64_t *m2p = mm->m2p + mfn_of_blk(blk_of_mfn(m)).v;
    const uint64_t first = pfn - pfn % BLOCK_FRAMES;
    unsigned agreed = 0;

    for (unsigned k = 0; k < ASKED; k++) {
        uint64_t i = (m.v + k * (BLOCK_FRAMES / ASKED)) % BLOCK_FRAMES;

        agreed += READ_ONCE(m2p[i]) == first + i;
    }
    return agreed > ASKED / 2;
}

/* Nothing more is to be learnt of its block: it has holes, or it was this. */
static bool learn(struct mm_op *op, mfn_t m)
{
    uint64_t pfn, span;
    struct frame f;

    if (!mm_mfn_valid(op->mm, m) ||
        !block_owned_by(mm_block(op->mm, blk_of_mfn(m))->word, op->d->id))
        return false;
    pfn = READ_ONCE(op->mm->m2p[m.v]);
    span = span_of(pfn_of(pfn));
    if (pfn % BLOCK_FRAMES != m.v % BLOCK_FRAMES || !span_sane(op->d, span) ||
        frame_find(op, m, &f))
        return false;
    if (f.table->nr_free || f.table->span == span + 1)
        return true;
    if (most_say_so(op->mm, m, pfn))
        span_serve(op, f.block, span);
    return false; /* the next of its frames tells whether it does now */
}

void span_learn(struct mm_op *op, const mfn_t *m, unsigned n)
{
    uint64_t last = UINT64_MAX;

    for (unsigned i = 0; i < n; i++)
        if (blk_of_mfn(m[i]).v != last && learn(op, m[i]))
            last = blk_of_mfn(m[i]).v;
}

static void drop_page(const struct mm_domain *d, uint32_t m)
{
    if (m)
        alloc_hv_put(d->mm, mfn_of(m), 0);
}

void span_clear(struct mm_domain *d)
{
    for (unsigned i = 0; d->spans && i < SPAN_SLOTS; i++)
        drop_page(d, page_at(d, d->spans)[i]);
    drop_page(d, d->spans);
    d->spans = 0;
}
