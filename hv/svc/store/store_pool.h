/* SPDX-License-Identifier: MIT */
/*
 * store_pool.h: the memory of one domain's store: objects of a few sizes, cut
 * from hypervisor frames.
 *
 * Invariants: a store has no more than STORE_FRAMES frames; a frame goes back
 * as soon as nothing in it is used; nothing here loops but the end of it all.
 */
#pragma once

#include "base.h"

#define STORE_FRAMES     128u
#define STORE_OBJECT_MAX 4032u
#define STORE_SIZES      9u /* the last: set aside, see below */
#define STORE_OWN        63u

struct store_frame;
struct store_pool {
    struct store_frame *all;
    struct store_frame *open[STORE_SIZES]; /* something in it is free */
    unsigned frames, objects;              /* in use */
};

/* ERR_NOMEM: the machine has no memory. */
enum err store_pool_init(struct store_pool *p);
/* Not initialised memory; NULL: the quota, or the machine's memory, is used. */
void *store_pool_get(struct store_pool *p, size_t size);
#define STORE_OWN_SIZE 64u
/* So many bytes out of STORE_OWN that are the hypervisor's, whatever guests do.
 */
void *store_pool_get_own(struct store_pool *p);
void store_pool_put(struct store_pool *p, void *object);
/* Everything in it. */
void store_pool_free(struct store_pool *p);
