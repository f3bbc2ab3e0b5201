/* SPDX-License-Identifier: MIT */
/* store_transaction.c: see store_transaction.h. */
#include "hv/svc/store/store_transaction.h"

#define REAP 16u /* entries at a time */

/* --- beginning and ending ------------------------------------------------ */

struct store_transaction *store_transaction_find(struct store_transactions *x,
                                                 uint32_t id)
{
    for (unsigned i = 0; i < STORE_TRANSACTIONS; i++)
        if (x->of[i].id == id)
            return &x->of[i];
    return NULL;
}

/* Numbers come round, and one may be kept for ever. */
static uint32_t new_id(struct store_transactions *x)
{
    do
        x->last_id++;
    while (!x->last_id || store_transaction_find(x, x->last_id));
    return x->last_id;
}

struct store_transaction *store_transaction_begin(struct store_transactions *x)
{
    struct store_transaction *tx = store_transaction_find(x, 0);

    if (tx)
        *tx = (struct store_transaction){.id = new_id(x)};
    return tx;
}

void store_transaction_drop(struct store_transactions *x,
                            struct store_transaction *tx)
{
    if (tx->last) {
        tx->last->next = x->ended;
        x->ended = tx->first;
    }
    *tx = (struct store_transaction){.id = 0};
}

/*
 * What ended lies at its dentries until it is reaped, which is before the next
 * request: nobody looks meanwhile.
 */
static void free_entry(struct store_tree *t, struct store_entry *e)
{
    struct store_entry **at = &e->dentry->entries;

    while (*at != e)
        at = &(*at)->beside;
    *at = e->beside;
    store_value_drop(t, e->value);
    store_drop(t, e->dentry);
    store_pool_put(&t->pool, e);
}

bool store_transaction_reap(struct store_transactions *x, struct store_tree *t)
{
    bool some = x->ended;

    for (unsigned i = 0; x->ended && i < REAP; i++) {
        struct store_entry *e = x->ended;

        x->ended = e->next;
        free_entry(t, e);
    }
    return some;
}

/* --- looking ------------------------------------------------------------- */

static struct store_entry *entry_at(const struct store_transaction *tx,
                                    const struct store_dentry *p)
{
    struct store_entry *e = p->entries;

    while (e && e->of != tx)
        e = e->beside;
    return e;
}

struct store_value *store_view(const struct store_transaction *tx,
                               const struct store_dentry *p)
{
    const struct store_entry *e = tx ? entry_at(tx, p) : NULL;

    return e ? e->value : p->value;
}

static void append(struct store_transaction *tx, struct store_entry *e)
{
    if (tx->last)
        tx->last->next = e;
    else
        tx->first = e;
    tx->last = e;
    tx->nr++;
}

enum err store_look(struct store_transaction *tx, struct store_tree *t,
                    struct store_dentry *p)
{
    struct store_entry *e;

    if (entry_at(tx, p))
        return ERR_NONE;
    if (tx->nr == STORE_ENTRIES)
        return ERR_NOSPC;
    e = store_pool_get(&t->pool, sizeof(*e));
    if (!e)
        return ERR_NOMEM;
    *e = (struct store_entry){.dentry = store_hold(p),
                              .beside = p->entries,
                              .value =
                                  p->value ? store_value_hold(p->value) : NULL,
                              .generation = store_generation(p),
                              .of = tx};
    p->entries = e;
    append(tx, e);
    return ERR_NONE;
}

/* --- changing ------------------------------------------------------------ */

void store_change(struct store_transaction *tx, struct store_tree *t,
                  const struct store_dentry *p, struct store_value *v)
{
    struct store_entry *e = entry_at(tx, p);

    tx->nodes += !!v - !!e->value;
    store_value_drop(t, e->value);
    e->value = v;
    e->modified = true;
}

void store_change_told(const struct store_transaction *tx,
                       const struct store_dentry *p, bool only)
{
    struct store_entry *e = entry_at(tx, p);

    e->only = only && (e->only || !e->told);
    e->told = true;
}

void store_entry_apply(struct store_entry *e, struct store_tree *t,
                       struct store_watches *w)
{
    if (!e->modified)
        return;
    if (e->value)
        store_node_set(t, e->dentry, store_value_hold(e->value));
    else if (e->dentry->value)
        store_node_clear(t, e->dentry);
    if (e->told && e->only)
        store_watch_fire_at(w, t, e->dentry);
    else if (e->told)
        store_watch_fire(w, t, e->dentry);
}
