/* SPDX-License-Identifier: MIT */
/*
 * machine_compact.c: pages that lie alone are offered to the allocator to be
 * moved, until enough of what is free is whole. Where blocks have owners: the
 * emptiest blocks first, whoever has them, if there is room for their pages in
 * the others of the same owner; so no more are moved than the lack of whole
 * blocks asks for. Where frames are anybody's: all, from the lowest frame on.
 * In a block with something that cannot move nothing is worth moving, as it
 * stays cut.
 *
 * How few it could have been is counted beside it: each block that is whole by
 * it had to lose all its pages, so not fewer than are in as many of the
 * emptiest blocks that there were.
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

static bool move_page(struct machine *m, struct page *p)
{
    mfn_t at = mfn_of(*p->at);

    if (!m->ops->move(m->a, p->t->number, &at))
        return false;
    machine_frame_freed(m, *p->at, false);
    machine_frame_used(m, at.v, false);
    *p->at = (uint32_t)at.v;
    m->count.moved++;
    return true;
}

/* In the order of their keys, until so many blocks are empty by it. */
static void move_until(struct machine *m, struct pages *all, uint64_t blocks)
{
    qsort(all->p, all->nr, sizeof(*all->p), by_key);
    for (size_t k = 0; k < all->nr && blocks > 0; k++) {
        const uint64_t from = *all->p[k].at / BLOCK_FRAMES;

        if (move_page(m, &all->p[k]) && m->live[from] == 0)
            blocks--;
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

static uint64_t whole(const struct machine *m)
{
    struct allocator_stats s;

    m->ops->stats(m->a, &s);
    return s.whole;
}

/* How many more have to be whole, as far as that is asked for. */
static uint64_t lacking(const struct machine *m)
{
    struct allocator_stats s;
    uint64_t most, wanted;

    m->ops->stats(m->a, &s);
    most = s.free_frames / BLOCK_FRAMES - s.reserve;
    wanted = (most * m->config.goal + 99) / 100;
    return wanted - MIN(wanted, s.whole - s.reserve);
}

/* Of the blocks that can be emptied, how many have so many frames in use. */
struct by_use {
    uint64_t blocks[BLOCK_FRAMES];
};

static void add_uses(struct by_use *all, const struct holes *h, unsigned most)
{
    for (unsigned u = 1; u <= most; u++)
        all->blocks[u] += h->pages[u] / u;
}

/* The fullest of the n emptiest; and how many pages these have. */
static unsigned emptiest(const struct by_use *all, uint64_t n, uint64_t *pages)
{
    unsigned u = 0;

    *pages = 0;
    while (n > 0 && u < BLOCK_FRAMES - 1) {
        const uint64_t k = MIN(n, all->blocks[++u]);

        *pages += k * u;
        n -= k;
    }
    return u;
}

/* Those whose frames could fill a block, as far as they could. */
static size_t owners_with_holes(const struct machine *m, struct holes *h,
                                struct by_use *all, struct by_use *sources)
{
    size_t n = 0;

    *all = *sources = (struct by_use){0};
    for (uint32_t o = 0; o < m->nr_tenants; o++) {
        if (!m->tenant[o])
            continue;
        count_holes(m, m->tenant[o], &h[n]);
        add_uses(all, &h[n], BLOCK_FRAMES - 1);
        if (h[n].free < BLOCK_FRAMES)
            continue;
        add_uses(sources, &h[n], fullest_source(&h[n]));
        n++;
    }
    return n;
}

static void by_owner(struct machine *m, struct pages *pages)
{
    struct holes *h = malloc((ALLOCATOR_OWNERS + 1) * sizeof(*h));
    struct by_use all, sources;
    const size_t n = owners_with_holes(m, h, &all, &sources);
    const uint64_t blocks = lacking(m), before = whole(m);
    uint64_t least;
    const unsigned most = emptiest(&sources, blocks, &least);

    for (size_t k = 0; k < n; k++)
        add_tenant(m, pages, h[k].t, MIN(most, fullest_source(&h[k])));
    move_until(m, pages, blocks);
    (void)emptiest(&all, whole(m) - before, &least);
    m->count.moved_least += least;
    free(h);
}

static void all_together(struct machine *m, struct pages *all)
{
    for (uint32_t o = 0; o < m->nr_tenants; o++)
        if (m->tenant[o])
            add_tenant(m, all, m->tenant[o], BLOCK_FRAMES);
    for (size_t k = 0; k < all->nr; k++)
        all->p[k].key = *all->p[k].at;
    move_until(m, all, UINT64_MAX);
}

void machine_compact(struct machine *m)
{
    struct pages all = {0};
    uint64_t before = whole(m);

    if (lacking(m) == 0)
        return;
    if (m->ops->ref)
        by_owner(m, &all);
    else
        all_together(m, &all);
    m->count.reformed += whole(m) - before;
    free(all.p);
}
