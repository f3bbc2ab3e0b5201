/* SPDX-License-Identifier: MIT */
/*
 * psc.c: what leads furthest down is looked for first. The kind of a tag tells
 * the level, and differs from those of pages (tlb.c).
 */
#include "tests/tlb/psc.h"

#define LOWEST 2u

bool psc_init(struct psc *p, const struct psc_shape *shape, struct cache *pde)
{
    bool ok = true;

    for (unsigned i = 0; i <= PT_LEVELS; i++) {
        ok = cache_init(&p->own[i], shape->level[i]) && ok;
        p->level[i] = &p->own[i];
    }
    if (shape->upper_is_one)
        p->level[PT_LEVELS] = &p->own[PT_LEVELS - 1];
    if (pde)
        p->level[LOWEST] = pde;
    return ok;
}

void psc_free(struct psc *p)
{
    for (unsigned i = 0; i <= PT_LEVELS; i++)
        cache_free(&p->own[i]);
}

_Static_assert(PAGE_SIZES + PT_LEVELS - 1 < 8, "a kind has three bits");

static unsigned kind_of(unsigned level)
{
    return PAGE_SIZES + level - 1;
}

static uint64_t tag_of(uint64_t va, unsigned level)
{
    const unsigned shift = PAGE_SHIFT + 9 * (level - 1);

    return cache_tag((va & BITS(47, 0)) >> shift, kind_of(level), 0);
}

unsigned psc_start(struct psc *p, uint64_t va, unsigned leaf)
{
    for (unsigned level = MAX(leaf + 1, LOWEST); level <= PT_LEVELS; level++)
        if (cache_find(p->level[level], tag_of(va, level)))
            return level - 1;
    return PT_LEVELS;
}

void psc_put(struct psc *p, uint64_t va, unsigned start, unsigned leaf)
{
    for (unsigned level = start; level > leaf; level--)
        cache_put(p->level[level], tag_of(va, level));
}

void psc_drop_all(struct psc *p)
{
    for (unsigned level = LOWEST; level <= PT_LEVELS; level++)
        cache_drop_kind(p->level[level], kind_of(level));
}
