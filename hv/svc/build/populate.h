/* SPDX-License-Identifier: MIT */
/* populate.h: a new domain's memory, whole blocks first. */
#pragma once

#include "hv/domain/domain.h"
#include "mm/alloc/pfnmap.h"

struct populate {
    struct domain *d;
    struct pfnmap *map;
    bool begun;
    uint64_t next; /* block to be given */
    blk_t region;  /* its first block, while some of it is left */
    uint64_t region_left;
};

/*
 * Gives d its d->nr_pages, writes map and M2P; what d has claimed is used
 * first. ERR_RESTART: time is up, call again. On any other error `text`
 * (FLAGSTONE_TEXT bytes) says in one line what was missing; what d has got it
 * keeps.
 */
enum err populate_step(struct populate *p, char *text);
