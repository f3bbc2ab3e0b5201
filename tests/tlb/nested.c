/* SPDX-License-Identifier: MIT */
/*
 * nested.c: a table of the guest's that a paging-structure cache led to is
 * known by its machine address (SDM vol. 3, 29.4.1: combined mappings); the
 * root and each table that an entry led to are yet to be translated, and so is
 * the page in the end. What is cached of the host's tables outlives the
 * guest's flushes (SDM vol. 3, 29.4.3).
 */
#include "tests/tlb/nested.h"

#define KIND 1u

bool nested_init(struct nested *n, const struct nested_shape *shape,
                 enum page_size host)
{
    n->host = host;
    return cache_init(&n->tlb, shape->tlb) &&
           psc_init(&n->psc, &shape->psc, NULL);
}

void nested_free(struct nested *n)
{
    cache_free(&n->tlb);
    psc_free(&n->psc);
}

void nested_drop_all(struct nested *n)
{
    cache_drop_all(&n->tlb);
    psc_drop_all(&n->psc);
}

unsigned nested_translate(struct nested *n, maddr_t guest)
{
    const uint64_t tag = cache_tag(guest.v >> page_shift(n->host), KIND, 0);
    const unsigned leaf = page_level(n->host);
    unsigned start;

    if (cache_find(&n->tlb, tag))
        return 0;
    cache_put(&n->tlb, tag);
    start = psc_start(&n->psc, guest.v, leaf);
    psc_put(&n->psc, guest.v, start, leaf);
    return start - leaf + 1;
}

unsigned nested_walk(struct nested *n, const struct walk *w, unsigned start)
{
    unsigned refs = 0;

    for (unsigned level = start; level >= page_level(w->size); level--) {
        if (level < start || start == PT_LEVELS)
            refs += nested_translate(n, w->entry[level]);
        refs++;
    }
    return refs + nested_translate(n, w->to);
}
