/* SPDX-License-Identifier: MIT */
/*
 * cache.c: a set is an array; what is used moves to its front, and what is
 * dropped leaves an empty slot at its end, so that no tag is in a set twice.
 */
#include "tests/tlb/cache.h"

#include <stdlib.h>
#include <string.h>

static size_t slots(const struct cache *c)
{
    return (size_t)c->shape.sets * c->shape.ways;
}

bool cache_init(struct cache *c, struct cache_shape shape)
{
    *c = (struct cache){.shape = shape};
    if (!slots(c))
        return true;
    c->slot = calloc(slots(c), sizeof(*c->slot));
    return c->slot;
}

void cache_free(struct cache *c)
{
    free(c->slot);
    *c = (struct cache){0};
}

static uint64_t *set_of(const struct cache *c, uint64_t tag)
{
    return c->slot + (tag >> 8) % c->shape.sets * c->shape.ways;
}

/* Everything before slot i one further, and this to the front. */
static void to_front(uint64_t *set, unsigned i, uint64_t tag)
{
    memmove(set + 1, set, i * sizeof(*set));
    set[0] = tag;
}

uint64_t cache_find(struct cache *c, uint64_t tag)
{
    uint64_t *set;

    if (!c->slot)
        return 0;
    set = set_of(c, tag);
    for (unsigned i = 0; i < c->shape.ways && set[i]; i++)
        if (cache_same(set[i], tag)) {
            to_front(set, i, set[i]);
            return set[0];
        }
    return 0;
}

void cache_put(struct cache *c, uint64_t tag)
{
    if (c->slot)
        to_front(set_of(c, tag), c->shape.ways - 1, tag);
}

static void take_out(uint64_t *set, unsigned i, unsigned ways)
{
    memmove(set + i, set + i + 1, (ways - 1 - i) * sizeof(*set));
    set[ways - 1] = 0;
}

void cache_drop(struct cache *c, uint64_t tag)
{
    if (!cache_find(c, tag))
        return;
    take_out(set_of(c, tag), 0, c->shape.ways);
}

/* Those whose bits under mask are these. */
static void drop_those(struct cache *c, uint64_t mask, uint64_t bits)
{
    for (uint64_t *set = c->slot; set != c->slot + slots(c);
         set += c->shape.ways)
        for (unsigned i = c->shape.ways; i-- > 0;)
            if (set[i] && (set[i] & mask) == bits)
                take_out(set, i, c->shape.ways);
}

void cache_drop_local(struct cache *c)
{
    drop_those(c, CACHE_GLOBAL, 0);
}

void cache_drop_kind(struct cache *c, unsigned kind)
{
    drop_those(c, cache_tag(0, 7, 0), cache_tag(0, kind, 0));
}

void cache_drop_all(struct cache *c)
{
    if (c->slot)
        memset(c->slot, 0, slots(c) * sizeof(*c->slot));
}

unsigned cache_used(const struct cache *c)
{
    unsigned n = 0;

    for (size_t i = 0; i < slots(c); i++)
        n += c->slot[i] != 0;
    return n;
}
