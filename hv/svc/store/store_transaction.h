/* SPDX-License-Identifier: MIT */
/*
 * store_transaction.h: what a transaction has looked at and changed: one entry
 * for each such dentry, with the node's generation when it was first looked at
 * and the value as the transaction sees it.
 *
 * Invariant: a transaction becomes part of the tree only if nothing it looked
 * at has changed since, whoever changed it; what it has not looked at does not
 * matter to it, nor it to others. So it is as if done at one moment.
 */
#pragma once

#include "hv/svc/store/store_watch.h"

#define STORE_TRANSACTIONS 10u   /* at once, as on Xen */
#define STORE_ENTRIES      1024u /* in one, as on Xen */

struct store_entry {
    struct store_dentry *dentry; /* held */
    struct store_entry *next;    /* of the transaction, as they came */
    struct store_entry *beside;  /* of another, at the same dentry */
    struct store_value *value;   /* held; NULL: there is none */
    uint64_t generation;
    const struct store_transaction *of;
    bool modified;
    bool told; /* watches are to fire */
    bool only; /* and only those at the very dentry */
};
_Static_assert(sizeof(struct store_entry) <= 64, "the smallest object");

struct store_transaction {
    uint32_t id; /* 0: free */
    unsigned nr;
    int nodes; /* made less removed */
    struct store_entry *first, *last;
};

struct store_transactions {
    struct store_transaction of[STORE_TRANSACTIONS];
    uint32_t last_id;
    struct store_entry *ended; /* entries of those that have ended */
};

/* NULL: none free. */
struct store_transaction *store_transaction_begin(struct store_transactions *x);
/* NULL: no such. */
struct store_transaction *store_transaction_find(struct store_transactions *x,
                                                 uint32_t id);
void store_transaction_drop(struct store_transactions *x,
                            struct store_transaction *tx);
/* Some of what ended ones have left; false: nothing. */
bool store_transaction_reap(struct store_transactions *x, struct store_tree *t);

/* The value as tx sees it, which may be NULL, as tx may be. */
struct store_value *store_view(const struct store_transaction *tx,
                               const struct store_dentry *p);
/* tx looks at p. ERR_NOSPC: at too much; ERR_NOMEM. */
enum err store_look(struct store_transaction *tx, struct store_tree *t,
                    struct store_dentry *p);
/* p, which it has looked at, gets another value (is taken over) or none. */
void store_change(struct store_transaction *tx, struct store_tree *t,
                  const struct store_dentry *p, struct store_value *v);
/* The change is to be told. */
void store_change_told(const struct store_transaction *tx,
                       const struct store_dentry *p, bool only);

/* Is it as it was? */
static inline bool store_entry_holds(const struct store_entry *e)
{
    return e->generation == store_generation(e->dentry);
}
/* Into the tree. */
void store_entry_apply(struct store_entry *e, struct store_tree *t,
                       struct store_watches *w);
