/* SPDX-License-Identifier: MIT */
/*
 * psc.h: paging-structure caches: by the upper bits of an address, where the
 * table one level further down is (SDM vol. 3, 4.10.3; APM vol. 2, 5.5). They
 * hold entries of level 2 to 4 that lead to a table, none that maps a page.
 */
#pragma once

#include "tests/tlb/cache.h"
#include "tests/tlb/walk.h"

struct psc_shape {
    struct cache_shape level[PT_LEVELS + 1]; /* 2: PDE, 3: PDPTE, 4: PML4E */
    bool upper_is_one; /* those of level 4 are in the cache of level 3 */
};

struct psc {
    struct cache own[PT_LEVELS + 1];
    struct cache *level[PT_LEVELS + 1]; /* own, or one it shares */
};

/* pde: in which cache entries of level 2 are, if not in one of their own. */
bool psc_init(struct psc *p, const struct psc_shape *shape, struct cache *pde);
void psc_free(struct psc *p);
/* The level of the first entry that is to be read; the last one is leaf. */
unsigned psc_start(struct psc *p, uint64_t va, unsigned leaf);
/* The entries from start down to leaf were read. */
void psc_put(struct psc *p, uint64_t va, unsigned start, unsigned leaf);
/* Of what it shares, entries of tables. */
void psc_drop_all(struct psc *p);
