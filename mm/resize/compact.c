/* SPDX-License-Identifier: MIT */
/*
 * compact.c: see compact.h. The domain's blocks with free frames are a list,
 * and only the first LOOKED_AT of them are compared, for a bound on the time
 * it takes. A block that turns out to be worth filling goes to the front, so
 * the fullest are found there sooner or later, however many there are.
 */
#include "mm/resize/compact.h"

#include "mm/alloc/span.h"
#include "mm/base/chunk.h"
#include "mm/resize/move.h"

#define LOOKED_AT 64

static unsigned free_in(const struct mm *mm, const struct block *b)
{
    return frame_table_at(mm, b->table)->nr_free;
}

/* Would frames be better off in a than in b? Never both ways. */
static bool fuller(const struct mm *mm, const struct block *a,
                   const struct block *b)
{
    unsigned in_a = free_in(mm, a), in_b = free_in(mm, b);

    return in_a != in_b ? in_a < in_b : a < b;
}

/* Of those that serve a span only if there is no other: who asks for this would
 * rather give blocks back than have each page in its place. */
static struct block *fullest(const struct mm_op *op)
{
    const struct mm *mm = op->mm;
    struct block *best = NULL;
    uint32_t at = span_first(op->d);

    for (unsigned n = 0; at && n < LOOKED_AT; n++) {
        struct block *b = &mm->blocks[at];

        if (!best || fuller(mm, b, best))
            best = b;
        at = b->next;
    }
    return best;
}

static void to_front(const struct mm_op *op, struct block *b)
{
    uint32_t *first = span_list(op->d, frame_table_at(op->mm, b->table));

    holed_unlink(op->mm, first, b);
    holed_link(op->mm, first, b);
}

/* Where frames of `from` should go; NULL: they are well where they are. */
static struct block *better_than(const struct mm_op *op, struct block *from)
{
    struct block *b = fullest(op);

    if (!b || b == from)
        return NULL;
    if (block_class(from->word) == BLOCK_SHARED || fuller(op->mm, b, from)) {
        to_front(op, b);
        return b;
    }
    if (free_in(op->mm, from) > 0)
        to_front(op, from); /* better than all that were looked at */
    return NULL;
}

/* An entry that maps m, and what it reads. */
static enum err find_entry(struct mm_op *op, maddr_t at, mfn_t m,
                           struct pte_ref *p)
{
    enum err rc;

    *p = (struct pte_ref){0};
    if (at.v == 0)
        return ERR_NONE;
    rc = pte_ref_find(op, at, p);
    if (rc)
        return rc;
    return p->at.level == 1 && pte_present(p->e) && mfn_eq(pte_mfn(p->e), m)
               ? ERR_NONE
               : ERR_INVAL;
}

enum err compact_move(struct mm_op *op, mfn_t *m, maddr_t pte)
{
    struct pte_ref p;
    struct block *to;
    mfn_t hole;
    uint64_t held;
    enum err rc = type_finish_deferred(op);

    if (!rc)
        rc = find_entry(op, pte, *m, &p);
    if (!rc)
        rc = move_check(op, *m, p.e);
    if (rc)
        return rc;
    to = better_than(op, mm_block(op->mm, blk_of_mfn(*m)));
    if (!to)
        return ERR_NONE;
    hole = dmem_hole_take(op, to);
    held = move_hold(op, p.slot, p.slot ? 1 : 0);
    move_frame(op, *m, p.slot, held, hole);
    move_release(op, held);
    *m = hole;
    return ERR_NONE;
}
