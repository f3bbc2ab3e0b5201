/* SPDX-License-Identifier: MIT */
/*
 * store_tree.h: the values of one domain: paths below its home, packed one
 * behind the other in a fixed room.
 *
 * Invariants: a path has no slash at either end and none beside another, is
 * shorter than STORE_PATH, and is there once; the parents of what is there
 * are there too. The home itself, "", always is.
 */
#pragma once

#include "base.h"

#define STORE_PATH  112u
#define STORE_ROOM  3968u
#define STORE_GUEST 3712u /* up to here a guest may fill it */

struct store_tree {
    uint16_t used;
    char bytes[STORE_ROOM];
};

enum store_flag {
    STORE_FIXED = 1, /* the guest may not change it */
};

struct store_node {
    const char *path, *value; /* into the tree, until it changes */
    unsigned len;
    uint8_t flags;
};

/* false: nothing there. */
bool store_tree_get(const struct store_tree *t, const char *path,
                    struct store_node *out);
/* The node from this offset on; moves it behind; false: the last was before. */
bool store_tree_next(const struct store_tree *t, unsigned *at,
                     struct store_node *out);
/*
 * Makes it with all its parents, or changes its value; flags as they shall
 * be. ERR_NOSPC: it would not fit into `room`, nothing was changed.
 */
must_check enum err store_tree_set(struct store_tree *t, const char *path,
                                   const void *value, unsigned len,
                                   uint8_t flags, unsigned room);
/* With everything below it. */
void store_tree_remove(struct store_tree *t, const char *path);
/* Is it, or something below it, STORE_FIXED? */
bool store_tree_fixed(const struct store_tree *t, const char *path);
/*
 * The names in a directory, each with its 0. Returns how long they are
 * together, at most `size` are written.
 */
unsigned store_tree_list(const struct store_tree *t, const char *path,
                         char *out, unsigned size);

/* Is `path` the same as `top` or below it? */
bool store_path_below(const char *path, const char *top);
