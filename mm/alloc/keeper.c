/* SPDX-License-Identifier: MIT */
/* keeper.c: see keeper.h. */
#include "mm/alloc/keeper.h"

#include "mm/alloc/holed.h"
#include "mm/alloc/quota.h"

static struct frame_table *table_of(const struct mm *mm, const struct block *b)
{
    return frame_table_at(mm, b->table);
}

/* --- the list of kept blocks with free frames ----------------------------- */

static void link(const struct mm *mm, struct block *b)
{
    struct frame_table *t = table_of(mm, b);
    struct mm_domain *d = t->owner[0].d;

    t->kept_prev = 0;
    t->kept_next = d->kept;
    if (d->kept)
        table_of(mm, &mm->blocks[d->kept])->kept_prev = block_index(mm, b);
    d->kept = block_index(mm, b);
}

static void unlink(const struct mm *mm, const struct block *b)
{
    struct frame_table *t = table_of(mm, b);

    if (t->kept_prev)
        table_of(mm, &mm->blocks[t->kept_prev])->kept_next = t->kept_next;
    else
        t->owner[0].d->kept = t->kept_next;
    if (t->kept_next)
        table_of(mm, &mm->blocks[t->kept_next])->kept_prev = t->kept_prev;
    t->kept_next = t->kept_prev = 0;
}

/* --- the keeper's accounts ------------------------------------------------ */

static void open_accounts(const struct mm *mm, struct block *b)
{
    struct frame_table *t = table_of(mm, b);
    struct mm_domain *d = t->owner[0].d;

    d->kept_blocks++;
    d->reserved += !!(b->word & BLOCK_RESERVED);
    if (t->inherited)
        return;
    d->kept_free += t->nr_free;
    if (t->nr_free)
        link(mm, b);
}

static void close_accounts(const struct mm *mm, struct block *b)
{
    struct frame_table *t = table_of(mm, b);
    struct mm_domain *d = t->owner[0].d;

    d->kept_blocks--;
    d->reserved -= !!(b->word & BLOCK_RESERVED);
    if (t->inherited)
        return;
    d->kept_free -= t->nr_free;
    if (t->nr_free)
        unlink(mm, b);
}

void keeper_begin(struct mm *mm, struct block *b, struct mm_domain *d,
                  uint64_t n)
{
    struct frame_table *t = table_of(mm, b);

    t->owner[0] = (struct shared_owner){d, n};
    t->inherited = false;
    open_accounts(mm, b);
}

void keeper_free(struct mm *mm, struct block *b, unsigned was)
{
    struct frame_table *t = table_of(mm, b);
    struct mm_domain *d = t->owner[0].d;

    if (t->inherited)
        return;
    d->kept_free = d->kept_free + t->nr_free - was;
    if (was == 0 && t->nr_free)
        link(mm, b);
    else if (was && t->nr_free == 0)
        unlink(mm, b);
}

/* --- coming and going ----------------------------------------------------- */

struct shared_owner *keeper_find(struct frame_table *t,
                                 const struct mm_domain *d)
{
    for (unsigned i = 0; i < SHARED_OWNERS && t->owner[i].d; i++)
        if (t->owner[i].d == d)
            return &t->owner[i];
    return NULL;
}

static bool has_slot(const struct frame_table *t)
{
    return !t->owner[SHARED_OWNERS - 1].d;
}

uint64_t keeper_room(const struct mm *mm, const struct block *b,
                     const struct mm_domain *d)
{
    struct frame_table *t = table_of(mm, b);

    if (t->owner[0].d == d && !t->inherited)
        return t->nr_free; /* charged for them already */
    if (!keeper_find(t, d) && !(has_slot(t) && quota_may_join(d)))
        return 0;
    return MIN((uint64_t)t->nr_free, quota_left(d));
}

void keeper_join(struct frame_table *t, struct mm_domain *d, uint64_t n)
{
    struct shared_owner *o = t->owner, *end = o + SHARED_OWNERS;

    while (o < end && o->d && o->d != d)
        o++;
    ASSERT(o < end);
    d->joined += !o->d;
    o->d = d;
    o->frames += n;
}

/* The last one takes its place. */
static void remove(struct frame_table *t, struct shared_owner *o)
{
    struct shared_owner *last = t->owner;

    for (unsigned i = 1; i < SHARED_OWNERS && t->owner[i].d; i++)
        last = &t->owner[i];
    *o = *last;
    *last = (struct shared_owner){NULL, 0};
}

bool keeper_leave(struct mm *mm, struct block *b, struct mm_domain *d,
                  uint64_t n)
{
    struct frame_table *t = table_of(mm, b);
    struct shared_owner *o = keeper_find(t, d);

    ASSERT(o && o->frames >= n);
    o->frames -= n;
    if (o->frames > 0)
        return false;
    if (o != t->owner) {
        d->joined--;
        remove(t, o);
        return false;
    }
    close_accounts(mm, b);
    remove(t, o);
    if (!t->owner[0].d)
        return true;
    t->owner[0].d->joined--;
    t->inherited = true;
    open_accounts(mm, b);
    return false;
}
