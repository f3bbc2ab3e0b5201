/* SPDX-License-Identifier: MIT */
/*
 * store.c: what xenstore answers when nothing is in it and nothing can be put
 * into it. A request may be longer than its ring, so it is taken in pieces;
 * it is answered when all of it has come.
 */
#include "hv/store.h"

#include "hv/event.h"
#include "hv/print.h"
#include "hv/ring_page.h"
#include "hv/string.h"
#include "xen/io/xs_wire.h"

enum { REPLY_MAX = 32 };

static bool take_header(struct domain *d,
                        const struct xenstore_domain_interface *ring,
                        uint32_t *cons, uint32_t avail)
{
    struct xsd_sockmsg h;
    char *to = (char *)&h;

    if (avail < sizeof(h))
        return false;
    for (unsigned i = 0; i < sizeof(h); i++)
        to[i] = READ_ONCE(ring->req[MASK_XENSTORE_IDX((*cons)++)]);
    d->store = (struct domain_store){
        .busy = true,
        .type = h.type,
        .req_id = h.req_id,
        .tx_id = h.tx_id,
        .left = MIN(h.len, XENSTORE_PAYLOAD_MAX),
    };
    return true;
}

/* As much of one request as there is; true: it is all here. */
static bool take_request(struct domain *d,
                         struct xenstore_domain_interface *ring)
{
    uint32_t prod = __atomic_load_n(&ring->req_prod, __ATOMIC_ACQUIRE);
    uint32_t cons = READ_ONCE(ring->req_cons);
    uint32_t avail = prod - cons, n;

    if (avail > XENSTORE_RING_SIZE)
        return false;
    if (!d->store.busy) {
        if (!take_header(d, ring, &cons, avail))
            return false;
        avail -= (uint32_t)sizeof(struct xsd_sockmsg);
    }
    n = MIN(avail, d->store.left);
    d->store.left -= n;
    __atomic_store_n(&ring->req_cons, cons + n, __ATOMIC_RELEASE);
    return !d->store.left;
}

static size_t answer(const struct domain *d, uint32_t *type, char *text)
{
    switch (d->store.type) {
    case XS_WATCH:
    case XS_UNWATCH:
    case XS_RESET_WATCHES:
    case XS_TRANSACTION_END:
        return print_format(text, REPLY_MAX, "OK") + 1;
    case XS_TRANSACTION_START:
        return print_format(text, REPLY_MAX, "1") + 1;
    case XS_GET_DOMAIN_PATH:
        return print_format(text, REPLY_MAX, "/local/domain/%u", d->id) + 1;
    case XS_WRITE:
    case XS_MKDIR:
    case XS_SET_PERMS:
        *type = XS_ERROR;
        return print_format(text, REPLY_MAX, "EROFS") + 1;
    default:
        *type = XS_ERROR;
        return print_format(text, REPLY_MAX, "ENOENT") + 1;
    }
}

static void put(struct xenstore_domain_interface *ring, uint32_t *prod,
                const void *from, size_t n)
{
    const char *p = from;

    for (size_t i = 0; i < n; i++)
        WRITE_ONCE(ring->rsp[MASK_XENSTORE_IDX((*prod)++)], p[i]);
}

/* false: there is no room now. */
static bool reply(struct domain *d, struct xenstore_domain_interface *ring)
{
    uint32_t prod = READ_ONCE(ring->rsp_prod);
    uint32_t used = prod - __atomic_load_n(&ring->rsp_cons, __ATOMIC_ACQUIRE);
    struct xsd_sockmsg h = {.type = d->store.type,
                            .req_id = d->store.req_id,
                            .tx_id = d->store.tx_id};
    char text[REPLY_MAX];

    if (used > XENSTORE_RING_SIZE - sizeof(h) - REPLY_MAX)
        return false;
    h.len = (uint32_t)answer(d, &h.type, text);
    put(ring, &prod, &h, sizeof(h));
    put(ring, &prod, text, h.len);
    __atomic_store_n(&ring->rsp_prod, prod, __ATOMIC_RELEASE);
    d->store.busy = false;
    return true;
}

/* A ring holds no more than 64 headers: that bounds the loop. */
void store_serve(struct domain *d)
{
    struct xenstore_domain_interface *ring = ring_page_get(d, d->store_mfn);

    if (!ring)
        return;
    for (unsigned i = 0; i < XENSTORE_RING_SIZE / sizeof(struct xsd_sockmsg);
         i++)
        if (!take_request(d, ring) || !reply(d, ring))
            break;
    ring_page_put(d, d->store_mfn);
    event_notify(d, d->store_port);
}
