/* SPDX-License-Identifier: MIT */
/*
 * store_wire.c: a message may be longer than the ring, so it goes through in
 * pieces, to the last byte there is room for: a guest tells that it has taken
 * something only if the ring was full.
 *
 * Everything in the ring page is hostile; indices are read once and what
 * cannot be a length is none.
 */
#include "hv/svc/store/store_state.h"

#include "hv/base/string.h"

#define HEAD ((uint32_t)sizeof(struct xsd_sockmsg))

static bool is_whole(const struct store *s)
{
    return s->taken >= HEAD && s->taken - HEAD >= s->head.len;
}

/* How much lies in one piece, of what is in the ring and what is wanted. */
static uint32_t piece(uint32_t at, uint32_t there, uint32_t wanted)
{
    const uint32_t to_end = XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(at);

    return MIN(MIN(to_end, there), wanted);
}

/* What is longer than there is room for is taken all the same, and refused. */
static uint32_t take_piece(struct store *s, const char *req, uint32_t at,
                           uint32_t there)
{
    const bool head = s->taken < HEAD;
    const uint32_t to = head ? s->taken : s->taken - HEAD;
    const uint32_t n = piece(at, there, (head ? HEAD : s->head.len) - to);
    const uint32_t room = head ? HEAD : XENSTORE_PAYLOAD_MAX;

    if (to < room)
        memcpy((head ? (char *)&s->head : s->body) + to,
               req + MASK_XENSTORE_IDX(at), MIN(n, room - to));
    s->taken += n;
    /* No message can be so long that the count comes round. */
    if (s->taken == HEAD)
        s->head.len = MIN(s->head.len, UINT32_MAX - HEAD);
    return n;
}

bool store_take(struct store *s, struct xenstore_domain_interface *ring,
                bool *moved)
{
    uint32_t prod = __atomic_load_n(&ring->req_prod, __ATOMIC_ACQUIRE);
    uint32_t cons = READ_ONCE(ring->req_cons);

    if (prod - cons > XENSTORE_RING_SIZE)
        return false;
    while (cons != prod && !is_whole(s)) {
        cons += take_piece(s, ring->req, cons, prod - cons);
        *moved = true;
    }
    __atomic_store_n(&ring->req_cons, cons, __ATOMIC_RELEASE);
    return is_whole(s);
}

bool store_send(struct store *s, struct xenstore_domain_interface *ring,
                bool *moved)
{
    uint32_t cons = __atomic_load_n(&ring->rsp_cons, __ATOMIC_ACQUIRE);
    uint32_t prod = READ_ONCE(ring->rsp_prod);

    while (s->out_at < s->out_len && prod - cons < XENSTORE_RING_SIZE) {
        uint32_t n = piece(prod, XENSTORE_RING_SIZE - (prod - cons),
                           s->out_len - s->out_at);

        memcpy(ring->rsp + MASK_XENSTORE_IDX(prod), s->out + s->out_at, n);
        prod += n;
        s->out_at += n;
        *moved = true;
    }
    __atomic_store_n(&ring->rsp_prod, prod, __ATOMIC_RELEASE);
    return s->out_at == s->out_len;
}

void store_put(struct store *s, uint32_t type, uint32_t req_id, uint32_t tx_id,
               uint32_t len)
{
    const struct xsd_sockmsg h = {
        .type = type, .req_id = req_id, .tx_id = tx_id, .len = len};

    ASSERT(s->out_at == s->out_len && len <= XENSTORE_PAYLOAD_MAX);
    memcpy(s->out, &h, sizeof(h));
    s->out_at = 0;
    s->out_len = HEAD + len;
}
