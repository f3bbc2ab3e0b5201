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

/* The lock is held: no swap is needed, but the domain looks without it. */
static void add(_Atomic uint64_t *count, uint64_t n)
{
    uint64_t was = atomic_load_explicit(count, memory_order_relaxed);

    atomic_store_explicit(count, was + n, memory_order_release);
}

static void take(_Atomic uint64_t *count, uint64_t n)
{
    add(count, -n);
}

static void open_accounts(const struct mm *mm, struct block *b)
{
    struct frame_table *t = table_of(mm, b);
    struct mm_domain *d = t->owner[0].d;

    add(&d->kept_blocks, 1);
    add(&d->kept_reserved, !!(b->word & BLOCK_RESERVED));
    if (t->inherited)
        return;
    add(&d->kept_free, t->nr_free);
    if (t->nr_free)
        link(mm, b);
}

static void close_accounts(const struct mm *mm, struct block *b)
{
    struct frame_table *t = table_of(mm, b);
    struct mm_domain *d = t->owner[0].d;

    take(&d->kept_blocks, 1);
    take(&d->kept_reserved, !!(b->word & BLOCK_RESERVED));
    if (t->inherited)
        return;
    take(&d->kept_free, t->nr_free);
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
    add(&d->kept_free, (uint64_t)t->nr_free - was);
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

    if (unlikely(t->poisoned))
        return 0;
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
    if (!o->d)
        add(&d->joined, 1);
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

bool keeper_is_last(const struct frame_table *t, uint64_t n)
{
    return t->owner[0].frames == n && !t->owner[1].d;
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
        take(&d->joined, 1);
        remove(t, o);
        return false;
    }
    close_accounts(mm, b);
    remove(t, o);
    if (!t->owner[0].d)
        return true;
    t->inherited = true;
    open_accounts(mm, b);
    take(&t->owner[0].d->joined, 1); /* in this order: quota_width() */
    return false;
}
