/* SPDX-License-Identifier: MIT */
/*
 * store_watch.h: what a guest wants to be told of. An event that could not be
 * sent yet waits in its watch, so there is no queue that could overflow: of
 * several changes below one watch, the watched path itself is told.
 */
#pragma once

#include "hv/svc/store/store_tree.h"

#define STORE_WATCHES 128u  /* as on Xen */
#define STORE_TOKEN   1000u /* with its 0 */

struct store_watch {
    struct store_watch *next;       /* at its dentry */
    struct store_watch *next_fired; /* in the order in which they fired */
    struct store_dentry *dentry;
    struct store_dentry *event; /* what has changed, held; NULL: not fired */
    uint16_t slot;
    uint16_t len;  /* of the token, with its 0 */
    bool absolute; /* the guest named it from the root */
    char token[];
};

struct store_watches {
    struct store_watch *slot[STORE_WATCHES];
    unsigned nr;
    struct store_watch *fired, *last_fired;
};

/* Is told at once, as if it had changed. ERR_NOMEM; there must be a slot. */
enum err store_watch_add(struct store_watches *w, struct store_tree *t,
                         struct store_dentry *p, bool absolute,
                         const char *token, size_t len);
void store_watch_remove(struct store_watches *w, struct store_tree *t,
                        struct store_watch *x);
/* Some of them; false: there are none. */
bool store_watch_remove_some(struct store_watches *w, struct store_tree *t);
bool store_watch_is(const struct store_watch *x, bool absolute,
                    const char *token, size_t len);

/* p has changed: those at it and above. */
void store_watch_fire(struct store_watches *w, struct store_tree *t,
                      struct store_dentry *p);
/* p has gone together with what is above: those at it. */
void store_watch_fire_at(struct store_watches *w, struct store_tree *t,
                         struct store_dentry *p);
/* The next to be told, which is told after this; NULL: none. */
const struct store_watch *store_watch_next(const struct store_watches *w);
void store_watch_told(struct store_watches *w, struct store_tree *t);
