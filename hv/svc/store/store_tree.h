/* SPDX-License-Identifier: MIT */
/*
 * store_tree.h: dentries, which are paths that somebody has to do with, and the
 * nodes that are at some of them.
 *
 * Invariants: a dentry is held by its node, its children, watches and events,
 * transactions that looked at it, and the request under way; one that nobody
 * holds is dead and waits to be reaped, which is not done while a request is
 * under way. What has a node has a parent with one, once the request that made
 * or removed it is done. A node's generation says when it or the set of its
 * children last changed.
 */
#pragma once

#include "hv/svc/store/store_pool.h"

#define STORE_VALUE_MAX 2048u

/* Shared by the node and by transactions that have seen it. */
struct store_value {
    uint32_t refs;
    uint16_t perms; /* length of its permissions; 0: those there are at first */
    uint16_t len;
    char bytes[]; /* permissions as they go over the wire, then the value */
};
_Static_assert(STORE_VALUE_MAX <= UINT16_MAX, "len");

static inline const char *store_bytes(const struct store_value *v)
{
    return v->bytes + v->perms;
}

enum store_flag {
    STORE_FIXED = 1,       /* the guest may not change it */
    STORE_FIXED_BELOW = 2, /* nor remove it, for what is below */
    STORE_DEAD = 4,        /* in the list of the dead */
};

struct store_dentry {
    struct store_dentry *parent;
    struct store_dentry *first, *last, *next, *prev; /* as they came */
    struct store_dentry *index; /* of its children, by hash */
    struct store_dentry *branch[2];
    struct store_dentry *next_dead;
    struct store_watch *watches;
    struct store_entry *entries; /* transactions that looked at it */
    struct store_value *value;   /* NULL: no node here */
    uint64_t generation;         /* of its node */
    uint64_t hash;
    uint32_t refs;
    uint16_t len;
    uint8_t flags;
    char name[];
};

struct store_perms {
    const char *text;
    size_t len;
};

struct store_tree {
    struct store_pool pool;
    struct store_dentry *root, *home;
    struct store_dentry *dead;
    struct store_value *empty;
    uint64_t seed, generation;
    unsigned nodes; /* below the home */
};

/* A root and a home, which is below it as the path says. ERR_NOMEM. */
enum err store_tree_init(struct store_tree *t, const char *home, uint64_t seed);

/* NULL: nobody has to do with it. */
struct store_dentry *store_tree_find(const struct store_tree *t,
                                     const struct store_dentry *dir,
                                     const char *name, size_t len);
/* The same, or a new one; held by the caller. NULL: no room. */
struct store_dentry *store_tree_make(struct store_tree *t,
                                     struct store_dentry *dir, const char *name,
                                     size_t len);
struct store_dentry *store_hold(struct store_dentry *p);
void store_drop(struct store_tree *t, struct store_dentry *p); /* NULL: none */
/* Some of the dead; false: there are none. */
bool store_tree_reap(struct store_tree *t);

/* Held by the caller; NULL: no room. Own: of what is the hypervisor's. */
struct store_value *store_value_make(struct store_tree *t,
                                     struct store_perms perms,
                                     const void *bytes, size_t len, bool own);
static inline struct store_perms store_perms_of(const struct store_value *v)
{
    return v ? (struct store_perms){v->bytes, v->perms}
             : (struct store_perms){NULL, 0};
}
struct store_value *store_value_hold(struct store_value *v);
void store_value_drop(struct store_tree *t, struct store_value *v);

/* Makes or changes its node; takes over the caller's hold on v. */
void store_node_set(struct store_tree *t, struct store_dentry *p,
                    struct store_value *v);
void store_node_clear(struct store_tree *t, struct store_dentry *p);
/* The guest may not change it. */
void store_node_fix(struct store_dentry *p);
/* 0: no node. */
static inline uint64_t store_generation(const struct store_dentry *p)
{
    return p->value ? p->generation : 0;
}

/* All dentries below top and itself, parents first, one edge at a time. */
struct store_walk {
    struct store_dentry *top, *at;
    bool up;
};
static inline struct store_walk store_walk_from(struct store_dentry *top)
{
    return (struct store_walk){.top = top, .at = top};
}
/* false: that was all. *visit: a dentry, or NULL where it went up. */
bool store_walk_on(struct store_walk *w, struct store_dentry **visit);

/*
 * The path of p as seen from `top`, NULL: from the root, with its 0, so that it
 * ends where the room does. NULL: it does not fit.
 */
char *store_tree_path(const struct store_dentry *p,
                      const struct store_dentry *top, char *room, size_t size);
