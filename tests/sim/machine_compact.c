/* SPDX-License-Identifier: MIT */
/*
 * machine_compact.c: pages that lie alone are offered to the allocator to be
 * moved, until enough of what is free is whole. Where blocks have owners: the
 * owner that has most holes first, of its pages those in its emptiest blocks,
 * as many as there is room for in the others. Where frames are anybody's: all,
 * from the lowest frame on. In a block with something that cannot move nothing
 * is worth moving, as it stays cut.
 */
#include <stdlib.h>

#include "machine.h"

struct page {
    uint64_t key; /* what they are sorted by */
    uint32_t *at; /* in its span; so its frame */
    struct tenant *t;
};

static int by_key(const void *x, const void *y)
{
    const struct page *a = x, *b = y;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return *a->at < *b->at ? -1 : *a->at > *b->at;
}

struct pages {
    struct page *p;
    size_t nr, room;
};

static void add_page(struct pages *all, struct page p)
{
    if (all->nr == all->room) {
        all->room = all->room * 2 + 1024;
        all->p = realloc(all->p, all->room * sizeof(*all->p));
    }
    all->p[all->nr++] = p;
}

/* May the page's block be emptied? */
static bool is_source(const struct machine *m, uint32_t frame)
{
    uint64_t b = frame / BLOCK_FRAMES;

    return frame != SPAN_NOTHING && m->live[b] < BLOCK_FRAMES && !m->fixed[b];
}

/* Those in blocks with no more than `most` frames in use. */
static void add_tenant(const struct machine *m, struct pages *all,
                       struct tenant *t, unsigned most)
{
    for (uint64_t k = 0; k < t->nr; k++) {
        struct span *s = &t->span[k];

        for (unsigned i = 0; s->small && i < BLOCK_FRAMES; i++) {
            uint32_t frame = s->small[i];
            uint64_t b = frame / BLOCK_FRAMES;

            if (is_source(m, frame) && m->live[b] <= most)
                add_page(all, (struct page){m->live[b] * m->config.blocks + b,
                                            &s->small[i], t});
        }
    }
}

static void move_all(struct machine *m, struct pages *all)
{
    qsort(all->p, all->nr, sizeof(*all->p), by_key);
    for (size_t k = 0; k < all->nr; k++) {
        struct page *p = &all->p[k];
        mfn_t at = mfn_of(*p->at);

        if (!m->ops->move(m->a, p->t->number, &at))
            continue;
        machine_frame_freed(m, *p->at, false);
        machine_frame_used(m, at.v, false);
        *p->at = (uint32_t)at.v;
        m->count.moved++;
    }
    all->nr = 0;
}

/* Where blocks are the tenant's only: its pages by the blocks they are in. */
struct holes {
    uint64_t pages[BLOCK_FRAMES]; /* in blocks with so many in use */
    uint64_t free;                /* frames of all of these */
    struct tenant *t;
};

static void count_holes(const struct machine *m, struct tenant *t,
                        struct holes *h)
{
    double free_frames = 0;

    *h = (struct holes){.t = t};
    for (uint64_t k = 0; k < t->nr; k++)
        for (unsigned i = 0; t->span[k].small && i < BLOCK_FRAMES; i++)
            if (is_source(m, t->span[k].small[i]))
                h->pages[m->live[t->span[k].small[i] / BLOCK_FRAMES]]++;
    for (unsigned u = 1; u < BLOCK_FRAMES; u++)
        free_frames += (double)h->pages[u] / u * (BLOCK_FRAMES - u);
    h->free = (uint64_t)(free_frames + .5);
}

/* Up to which use blocks can be emptied into those that are fuller. */
static unsigned fullest_source(const struct holes *h)
{
    double room = (double)h->free, pages = 0;
    unsigned u = 0;

    while (u < BLOCK_FRAMES - 1 && pages <= room) {
        u++;
        pages += (double)h->pages[u];
        room -= (double)h->pages[u] / u * (BLOCK_FRAMES - u);
    }
    return u;
}

static int by_free(const void *x, const void *y)
{
    const struct holes *a = x, *b = y;

    if (a->free != b->free)
        return a->free > b->free ? -1 : 1;
    return a->t->number < b->t->number ? -1 : 1;
}

static bool good_enough(const struct machine *m)
{
    struct allocator_stats s;
    uint64_t most;

    m->ops->stats(m->a, &s);
    most = s.free_frames / BLOCK_FRAMES - s.reserve;
    return (s.whole - s.reserve) * 100 >= most * m->config.goal;
}

static void by_owner(struct machine *m, struct pages *all)
{
    struct holes *h = malloc((ALLOCATOR_OWNERS + 1) * sizeof(*h));
    size_t n = 0;

    for (uint32_t o = 0; o < m->nr_tenants; o++) {
        if (!m->tenant[o])
            continue;
        count_holes(m, m->tenant[o], &h[n]);
        n += h[n].free >= BLOCK_FRAMES;
    }
    qsort(h, n, sizeof(*h), by_free);
    for (size_t k = 0; k < n && !good_enough(m); k++) {
        add_tenant(m, all, h[k].t, fullest_source(&h[k]));
        move_all(m, all);
    }
    free(h);
}

static void all_together(struct machine *m, struct pages *all)
{
    for (uint32_t o = 0; o < m->nr_tenants; o++)
        if (m->tenant[o])
            add_tenant(m, all, m->tenant[o], BLOCK_FRAMES);
    for (size_t k = 0; k < all->nr; k++)
        all->p[k].key = *all->p[k].at;
    move_all(m, all);
}

static uint64_t whole(const struct machine *m)
{
    struct allocator_stats s;

    m->ops->stats(m->a, &s);
    return s.whole;
}

void machine_compact(struct machine *m)
{
    struct pages all = {0};
    uint64_t before = whole(m);

    if (good_enough(m))
        return;
    if (m->ops->ref)
        by_owner(m, &all);
    else
        all_together(m, &all);
    m->count.reformed += whole(m) - before;
    free(all.p);
}
