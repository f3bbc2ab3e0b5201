/* SPDX-License-Identifier: MIT */
/* store_value.c: requests that look at values and change them. */
#include "hv/store_request.h"

#include "hv/print.h"
#include "hv/string.h"

/* The same, where it has to be there and to be read. */
static const char *take_node(const struct store_request *r,
                             struct store_place *p, struct store_node *n)
{
    const char *wrong = store_take_path(r, p, NULL, NULL);

    if (wrong)
        return wrong;
    return p->home && store_tree_get(r->tree, p->path, n) ? NULL : "ENOENT";
}

/* The same, where it is to be changed. */
static const char *take_own(const struct store_request *r,
                            struct store_place *p, const char **rest,
                            unsigned *rest_len)
{
    const char *wrong = store_take_path(r, p, rest, rest_len);

    if (wrong)
        return wrong;
    return p->home && *p->path ? NULL : "EROFS";
}

/* --- looking ------------------------------------------------------------- */

const char *store_read(struct store_request *r)
{
    struct store_place p;
    struct store_node n;
    const char *wrong = take_node(r, &p, &n);

    return wrong ? wrong : store_reply(r, n.value, n.len);
}

const char *store_directory(struct store_request *r)
{
    struct store_place p;
    struct store_node n;
    const char *wrong = take_node(r, &p, &n);

    if (wrong)
        return wrong;
    r->reply_len = store_tree_list(r->tree, p.path, r->reply, sizeof(r->reply));
    return r->reply_len > sizeof(r->reply) ? "E2BIG" : NULL;
}

/* The owner first: nobody else may what the guest may. */
const char *store_get_perms(struct store_request *r)
{
    struct store_place p;
    struct store_node n;
    const char *wrong = take_node(r, &p, &n);
    size_t len;

    if (wrong)
        return wrong;
    if (!(n.flags & STORE_FIXED)) {
        r->reply_len = (unsigned)print_format(r->reply, sizeof(r->reply), "n%u",
                                              r->d->id) +
                       1;
        return NULL;
    }
    len = print_format(r->reply, sizeof(r->reply), "n0") + 1;
    len +=
        print_format(r->reply + len, sizeof(r->reply) - len, "r%u", r->d->id) +
        1;
    r->reply_len = (unsigned)len;
    return NULL;
}

/* --- changing ------------------------------------------------------------ */

static void changed(struct store_request *r, const char *path, bool gone)
{
    if (r->tree == &r->s->shadow)
        return; /* told when the transaction ends */
    r->s->tx_stale = true;
    store_watch_changed(&r->s->watches, path, gone);
}

static const char *set(struct store_request *r, const struct store_place *p,
                       const void *value, unsigned len)
{
    struct store_node n;

    if (store_tree_get(r->tree, p->path, &n) && (n.flags & STORE_FIXED))
        return "EROFS";
    if (store_tree_set(r->tree, p->path, value, len, 0, STORE_GUEST))
        return "ENOSPC";
    changed(r, p->path, false);
    return store_ok(r);
}

const char *store_write(struct store_request *r)
{
    struct store_place p;
    const char *value;
    unsigned len;
    const char *wrong = take_own(r, &p, &value, &len);

    return wrong ? wrong : set(r, &p, value, len);
}

const char *store_mkdir(struct store_request *r)
{
    struct store_place p;
    struct store_node n;
    const char *wrong = take_own(r, &p, NULL, NULL);

    if (wrong)
        return wrong;
    return store_tree_get(r->tree, p.path, &n) ? store_ok(r)
                                               : set(r, &p, NULL, 0);
}

/* What is not there is gone already, provided that its directory is there. */
static const char *rm_missing(struct store_request *r, struct store_place *p)
{
    struct store_node n;
    size_t i = strlen(p->path);

    while (i && p->path[i] != '/')
        i--;
    p->path[i] = '\0';
    return store_tree_get(r->tree, p->path, &n) ? store_ok(r) : "ENOENT";
}

const char *store_rm(struct store_request *r)
{
    struct store_place p;
    struct store_node n;
    const char *wrong = take_own(r, &p, NULL, NULL);

    if (wrong)
        return wrong;
    if (!store_tree_get(r->tree, p.path, &n))
        return rm_missing(r, &p);
    if (store_tree_fixed(r->tree, p.path))
        return "EROFS";
    store_tree_remove(r->tree, p.path);
    changed(r, p.path, true);
    return store_ok(r);
}
