/* SPDX-License-Identifier: MIT */
/* store_state.h: the inside of store.h: what there is of it per domain. */
#pragma once

#include "hv/domain.h"
#include "hv/store_watch.h"
#include "xen/io/xs_wire.h"

#define STORE_BODY  1024u /* of a request */
#define STORE_REPLY 1536u

struct store {
    struct store_tree tree;
    struct store_tree shadow; /* of the transaction, while tx_id is not 0 */
    uint32_t tx_id;
    bool tx_stale; /* the tree has changed since it began */
    uint32_t last_tx;
    struct store_watches watches;

    /* The request that is coming in. */
    struct xsd_sockmsg head;
    uint32_t taken; /* bytes of it, with its head */
    char body[STORE_BODY + 1];
    /* The message that is going out, with its head. */
    uint32_t out_at, out_len;
    char out[sizeof(struct xsd_sockmsg) + STORE_REPLY];
};

#define STORE_ORDER 2
_Static_assert(sizeof(struct store) <= PAGE_SIZE << STORE_ORDER, "its frames");

/*
 * store_wire.c: bytes to and from the ring. Each says whether all of it is
 * there, or out; *moved: a byte was moved.
 */
bool store_take(struct store *s, struct xenstore_domain_interface *ring,
                bool *moved);
bool store_send(struct store *s, struct xenstore_domain_interface *ring,
                bool *moved);
/* Becomes what goes out next: nothing is on its way. */
void store_put(struct store *s, uint32_t type, uint32_t req_id, uint32_t tx_id,
               const void *body, uint32_t len);

/* store_request.c: the whole request in head and body becomes a message. */
void store_answer(struct domain *d);
/* The next event that is due becomes a message; false: there is none. */
bool store_event(struct domain *d);
