/* SPDX-License-Identifier: MIT */
/*
 * store_tree.c: see store_tree.h. A record is a head, the path with its 0,
 * the value; there are few enough of them to be looked through one by one.
 */
#include "hv/store_tree.h"

#include "hv/string.h"

struct head {
    uint16_t size; /* of the whole record */
    uint16_t len;  /* of the value */
    uint8_t flags, spare;
};

static unsigned record_size(size_t path_len, unsigned len)
{
    return (unsigned)(sizeof(struct head) + path_len + 1 + len);
}

static struct head head_at(const struct store_tree *t, unsigned at)
{
    struct head h;

    memcpy(&h, t->bytes + at, sizeof(h));
    return h;
}

bool store_path_below(const char *path, const char *top)
{
    size_t n = strlen(top);

    return !n ||
           (!strncmp(path, top, n) && (path[n] == '\0' || path[n] == '/'));
}

/* --- looking ------------------------------------------------------------- */

bool store_tree_next(const struct store_tree *t, unsigned *at,
                     struct store_node *out)
{
    struct head h;

    if (*at >= t->used)
        return false;
    h = head_at(t, *at);
    out->path = t->bytes + *at + sizeof(h);
    out->value = out->path + strlen(out->path) + 1;
    out->len = h.len;
    out->flags = h.flags;
    *at += h.size;
    return true;
}

/* Where its record is, or t->used. */
static unsigned find(const struct store_tree *t, const char *path)
{
    struct store_node n;
    unsigned at = 0, was = 0;

    while (store_tree_next(t, &at, &n)) {
        if (!strcmp(n.path, path))
            return was;
        was = at;
    }
    return t->used;
}

static bool is_there(const struct store_tree *t, const char *path)
{
    return !*path || find(t, path) < t->used;
}

bool store_tree_get(const struct store_tree *t, const char *path,
                    struct store_node *out)
{
    unsigned at = find(t, path);

    *out = (struct store_node){.path = "", .value = "", .flags = STORE_FIXED};
    return !*path || store_tree_next(t, &at, out);
}

bool store_tree_fixed(const struct store_tree *t, const char *path)
{
    struct store_node n;
    unsigned at = 0;

    while (store_tree_next(t, &at, &n))
        if ((n.flags & STORE_FIXED) && store_path_below(n.path, path))
            return true;
    return false;
}

/* The last part of a path that is right in this directory, or NULL. */
static const char *name_in(const char *dir, const char *path)
{
    const char *name = path + strlen(dir);

    if (!store_path_below(path, dir) || !strcmp(path, dir))
        return NULL;
    name += *dir != '\0';
    for (const char *p = name; *p; p++)
        if (*p == '/')
            return NULL;
    return name;
}

unsigned store_tree_list(const struct store_tree *t, const char *path,
                         char *out, unsigned size)
{
    struct store_node n;
    unsigned at = 0, total = 0;

    while (store_tree_next(t, &at, &n)) {
        const char *name = name_in(path, n.path);
        unsigned len = name ? (unsigned)strlen(name) + 1 : 0;

        if (len && total + len <= size)
            memcpy(out + total, name, len);
        total += len;
    }
    return total;
}

/* --- changing ------------------------------------------------------------ */

static void cut_out(struct store_tree *t, unsigned at, unsigned size)
{
    memmove(t->bytes + at, t->bytes + at + size, t->used - at - size);
    t->used = (uint16_t)(t->used - size);
}

static void append(struct store_tree *t, const char *path, size_t path_len,
                   const void *value, unsigned len, uint8_t flags)
{
    struct head h = {.size = (uint16_t)record_size(path_len, len),
                     .len = (uint16_t)len,
                     .flags = flags};
    char *to = t->bytes + t->used;

    memcpy(to, &h, sizeof(h));
    memcpy(to + sizeof(h), path, path_len);
    to[sizeof(h) + path_len] = '\0';
    if (len)
        memcpy(to + sizeof(h) + path_len + 1, value, len);
    t->used = (uint16_t)(t->used + h.size);
}

/* The path up to the next slash behind *end; false: that is all of it. */
static bool next_parent(const char *path, size_t *end, char parent[STORE_PATH])
{
    size_t i = *end ? *end + 1 : 0;

    while (path[i] && path[i] != '/')
        i++;
    if (!path[i])
        return false;
    memcpy(parent, path, i);
    parent[i] = '\0';
    *end = i;
    return true;
}

/* What it takes to have its parents. */
static unsigned parents_size(const struct store_tree *t, const char *path)
{
    char parent[STORE_PATH];
    size_t end = 0;
    unsigned size = 0;

    while (next_parent(path, &end, parent))
        if (!is_there(t, parent))
            size += record_size(end, 0);
    return size;
}

static void make_parents(struct store_tree *t, const char *path)
{
    char parent[STORE_PATH];
    size_t end = 0;

    while (next_parent(path, &end, parent))
        if (!is_there(t, parent))
            append(t, parent, end, NULL, 0, 0);
}

enum err store_tree_set(struct store_tree *t, const char *path,
                        const void *value, unsigned len, uint8_t flags,
                        unsigned room)
{
    unsigned at = find(t, path);
    unsigned was = at < t->used ? head_at(t, at).size : 0;
    unsigned size = record_size(strlen(path), len);

    ASSERT(*path && strlen(path) < STORE_PATH && room <= STORE_ROOM);
    if (len >= room || t->used - was + parents_size(t, path) + size > room)
        return ERR_NOSPC;
    if (was)
        cut_out(t, at, was);
    make_parents(t, path);
    append(t, path, strlen(path), value, len, flags);
    return ERR_NONE;
}

void store_tree_remove(struct store_tree *t, const char *path)
{
    struct store_node n;
    unsigned at = 0, was = 0;

    while (store_tree_next(t, &at, &n)) {
        if (store_path_below(n.path, path)) {
            cut_out(t, was, at - was);
            at = was;
        }
        was = at;
    }
}
