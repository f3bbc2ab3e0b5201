/* SPDX-License-Identifier: MIT */
/*
 * store_transaction.c: one at a time, on a copy of the tree. Invariant: it
 * becomes the tree only if that has not changed since, so a transaction is
 * carried out as if at one moment, or not at all.
 */
#include "hv/store_request.h"

#include "hv/print.h"
#include "hv/string.h"

const char *store_transaction_start(struct store_request *r)
{
    struct store *s = r->s;

    if (r->len > 1 || *r->body)
        return "EINVAL";
    if (s->head.tx_id)
        return "EBUSY";
    if (s->tx_id)
        return "ENOSPC"; /* one more than there can be */
    s->last_tx += s->last_tx == UINT32_MAX ? 2 : 1;
    s->tx_id = s->last_tx;
    s->tx_stale = false;
    s->shadow = s->tree;
    r->reply_len =
        (unsigned)print_format(r->reply, sizeof(r->reply), "%u", s->tx_id) + 1;
    return NULL;
}

static bool same(const struct store_node *a, const struct store_node *b)
{
    return a->len == b->len && !memcmp(a->value, b->value, a->len);
}

/* Those of `now` that are not so in `then`. */
static void tell_differences(struct store *s, const struct store_tree *now,
                             const struct store_tree *then, bool gone)
{
    struct store_node n, was;
    unsigned at = 0;

    while (store_tree_next(now, &at, &n)) {
        bool there = store_tree_get(then, n.path, &was);

        if (!there || (!gone && !same(&n, &was)))
            store_watch_changed(&s->watches, n.path, gone);
    }
}

const char *store_transaction_end(struct store_request *r)
{
    struct store *s = r->s;
    bool keep = !strcmp(r->body, "T");

    if (r->len != 2 || (!keep && strcmp(r->body, "F") != 0))
        return "EINVAL";
    if (!s->head.tx_id)
        return "ENOENT";
    s->tx_id = 0;
    if (!keep)
        return store_ok(r);
    if (s->tx_stale)
        return "EAGAIN";
    tell_differences(s, &s->tree, &s->shadow, true);
    tell_differences(s, &s->shadow, &s->tree, false);
    s->tree = s->shadow;
    return store_ok(r);
}
