/* SPDX-License-Identifier: MIT */
/*
 * store_tree.c: see store_tree.h. The children of a dentry are in a digital
 * search tree: what is below branch i of a dentry at depth n has i for bit n of
 * its hash. So a search meets a child once at most, and few unless a guest
 * knows the seed; and any leaf below a dentry can stand where that stood.
 */
#include "hv/svc/store/store_tree.h"

#include "hv/base/string.h"

#define REAP 16u /* dentries at a time */

/* --- values -------------------------------------------------------------- */

struct store_value *store_value_make(struct store_tree *t,
                                     struct store_perms perms,
                                     const void *bytes, size_t len, bool own)
{
    const size_t size = sizeof(struct store_value) + perms.len + len;
    struct store_value *v;

    if (own && size > STORE_OWN_SIZE)
        return NULL;
    v = own ? store_pool_get_own(&t->pool) : store_pool_get(&t->pool, size);
    if (!v)
        return NULL;
    v->refs = 1;
    v->perms = (uint16_t)perms.len;
    v->len = (uint16_t)len;
    if (perms.len)
        memcpy(v->bytes, perms.text, perms.len);
    if (len)
        memcpy(v->bytes + perms.len, bytes, len);
    return v;
}

struct store_value *store_value_hold(struct store_value *v)
{
    v->refs++;
    return v;
}

void store_value_drop(struct store_tree *t, struct store_value *v)
{
    if (v && !--v->refs)
        store_pool_put(&t->pool, v);
}

/* --- the children of a dentry -------------------------------------------- */

/* FNV-1a, begun with what a guest does not know. */
static uint64_t hash_of(const struct store_tree *t, const char *name,
                        size_t len)
{
    uint64_t h = t->seed;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
    return h ^ h >> 32;
}

static bool named(const struct store_dentry *p, uint64_t hash, const char *name,
                  size_t len)
{
    return p->hash == hash && p->len == len && !memcmp(p->name, name, len);
}

/* Where the child of that name is, or would be. */
static struct store_dentry **slot_of(struct store_dentry *dir, uint64_t hash,
                                     const char *name, size_t len)
{
    struct store_dentry **at = &dir->index;

    for (unsigned depth = 0; *at && !named(*at, hash, name, len); depth++)
        at = &(*at)->branch[hash >> depth % 64 & 1];
    return at;
}

struct store_dentry *store_tree_find(const struct store_tree *t,
                                     const struct store_dentry *dir,
                                     const char *name, size_t len)
{
    return *slot_of((struct store_dentry *)(uintptr_t)dir,
                    hash_of(t, name, len), name, len);
}

static void append_child(struct store_dentry *dir, struct store_dentry *p)
{
    p->parent = store_hold(dir);
    p->prev = dir->last;
    if (dir->last)
        dir->last->next = p;
    else
        dir->first = p;
    dir->last = p;
}

static void unlink_child(struct store_dentry *dir, struct store_dentry *p)
{
    if (p->prev)
        p->prev->next = p->next;
    else
        dir->first = p->next;
    if (p->next)
        p->next->prev = p->prev;
    else
        dir->last = p->prev;
}

static void forget_child(struct store_dentry *dir, struct store_dentry *p)
{
    struct store_dentry **at = slot_of(dir, p->hash, p->name, p->len);
    struct store_dentry **leaf = at, *stand_in;

    while ((*leaf)->branch[0] || (*leaf)->branch[1])
        leaf = &(*leaf)->branch[!(*leaf)->branch[0]];
    stand_in = *leaf;
    *leaf = NULL;
    if (stand_in == p)
        return;
    memcpy(stand_in->branch, p->branch, sizeof(p->branch));
    *at = stand_in;
}

/* --- dentries ------------------------------------------------------------ */

static struct store_dentry *new_dentry(struct store_tree *t, const char *name,
                                       size_t len)
{
    struct store_dentry *p =
        store_pool_get(&t->pool, offsetof(struct store_dentry, name) + len);

    if (!p)
        return NULL;
    *p = (struct store_dentry){
        .refs = 1, .len = (uint16_t)len, .hash = hash_of(t, name, len)};
    memcpy(p->name, name, len);
    return p;
}

struct store_dentry *store_tree_make(struct store_tree *t,
                                     struct store_dentry *dir, const char *name,
                                     size_t len)
{
    struct store_dentry *p = store_tree_find(t, dir, name, len);

    if (p)
        return store_hold(p);
    p = new_dentry(t, name, len);
    if (!p)
        return NULL;
    *slot_of(dir, p->hash, name, len) = p;
    append_child(dir, p);
    return p;
}

struct store_dentry *store_hold(struct store_dentry *p)
{
    p->refs++;
    return p;
}

void store_drop(struct store_tree *t, struct store_dentry *p)
{
    if (!p || --p->refs || (p->flags & STORE_DEAD))
        return;
    p->flags |= STORE_DEAD;
    p->next_dead = t->dead;
    t->dead = p;
}

/* The dead may have come back to life. */
static void reap_one(struct store_tree *t, struct store_dentry *p)
{
    struct store_dentry *dir = p->parent;

    p->flags &= (uint8_t)~STORE_DEAD;
    if (p->refs)
        return;
    unlink_child(dir, p);
    forget_child(dir, p);
    store_pool_put(&t->pool, p);
    store_drop(t, dir);
}

bool store_tree_reap(struct store_tree *t)
{
    bool some = t->dead;

    for (unsigned i = 0; t->dead && i < REAP; i++) {
        struct store_dentry *p = t->dead;

        t->dead = p->next_dead;
        reap_one(t, p);
    }
    return some;
}

enum err store_tree_init(struct store_tree *t, const char *home, uint64_t seed)
{
    struct store_dentry *p;
    size_t len;

    *t = (struct store_tree){.seed = seed};
    if (store_pool_init(&t->pool))
        return ERR_NOMEM;
    t->empty = store_value_make(t, store_perms_of(NULL), NULL, 0, true);
    p = t->root = new_dentry(t, "", 0);
    while (p && *home++) {
        for (len = 0; home[len] && home[len] != '/';)
            len++;
        p = store_tree_make(t, p, home, len);
        home += len;
    }
    if (!p)
        return ERR_NOMEM;
    t->home = p;
    p->value = store_value_hold(t->empty);
    p->generation = ++t->generation;
    p->flags = STORE_FIXED;
    return ERR_NONE;
}

/* --- nodes --------------------------------------------------------------- */

void store_node_set(struct store_tree *t, struct store_dentry *p,
                    struct store_value *v)
{
    if (!p->value) {
        store_hold(p);
        t->nodes++;
        p->parent->generation = ++t->generation;
    }
    store_value_drop(t, p->value);
    p->value = v;
    p->generation = ++t->generation;
}

void store_node_clear(struct store_tree *t, struct store_dentry *p)
{
    store_value_drop(t, p->value);
    p->value = NULL;
    t->nodes--;
    p->parent->generation = ++t->generation;
    store_drop(t, p);
}

void store_node_fix(struct store_dentry *p)
{
    p->flags |= STORE_FIXED;
    for (p = p->parent; p; p = p->parent)
        p->flags |= STORE_FIXED_BELOW;
}

/* --- ways ---------------------------------------------------------------- */

bool store_walk_on(struct store_walk *w, struct store_dentry **visit)
{
    struct store_dentry *p = w->at;

    if (!p)
        return false;
    *visit = w->up ? NULL : p;
    if (!w->up && p->first) {
        w->at = p->first;
    } else if (p == w->top) {
        w->at = NULL;
    } else {
        w->up = !p->next;
        w->at = p->next ? p->next : p->parent;
    }
    return true;
}

char *store_tree_path(const struct store_dentry *p,
                      const struct store_dentry *top, char *room, size_t size)
{
    char *at = room + size;

    *--at = '\0';
    for (; p != top && p->parent; p = p->parent) {
        if ((size_t)(at - room) <= p->len)
            return NULL;
        at -= p->len;
        memcpy(at, p->name, p->len);
        *--at = '/';
    }
    if (top)
        return at + (*at == '/'); /* relative */
    if (!*at)
        *--at = '/';
    return at;
}
