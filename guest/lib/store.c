/* SPDX-License-Identifier: MIT */
/*
 * store.c: one request is under way at a time, so an answer needs no more than
 * its id to find what it answers. Messages may come in pieces, and are longer
 * than what is kept of them if the store likes.
 *
 * The store is not trusted: indices are masked, lengths bounded, and ids that
 * nobody waits for are dropped.
 */
#include "guest/lib/store.h"

#include "guest/lib/guest.h"
#include "xen/io/xs_wire.h"

#define WATCHES   4u
#define WRITES    4u
#define VALUE_MAX 64u
#define KEPT      256u /* bytes of a message's body */

struct watch {
    const char *path;
    store_handler_t *handler;
    bool set;   /* the store has it */
    bool dirty; /* its value is to be read */
};
struct write {
    const char *path;
    char value[VALUE_MAX];
};

static struct xenstore_domain_interface *ring;
static struct watch watches[WATCHES];
static struct write writes[WRITES];
static unsigned nr_watches, nr_writes;

/* What is under way. */
static bool busy;
static uint32_t next_id = 1;
static struct watch *reading; /* NULL: a watch being set, or a write */

/* What is coming in. */
static struct xsd_sockmsg head;
static uint32_t taken; /* of header and body */
static char body[KEPT + 1];

static void on_event(evtchn_port_t port)
{
    (void)port; /* that it came wakes the main loop: event_count */
}

static void connect(void)
{
    evtchn_port_t port = guest_start_info->store_evtchn;
    ring = frame_va(frame_pfn(mfn_of(guest_start_info->store_mfn)));
    event_set_handler(port, on_event);
    event_unmask(port);
}

bool store_init(void)
{
    if (!guest_start_info->store_mfn || guest_is_initial())
        return false;
    connect();
    return true;
}

/* Whatever was under way is asked for again; answers to it are nobody's. */
void store_resume(void)
{
    if (!ring)
        return;
    connect();
    ring->rsp_cons = ring->rsp_prod;
    busy = false;
    next_id++; /* what is still in the ring keeps its id to itself */
    taken = 0;
    for (unsigned i = 0; i < nr_watches; i++)
        watches[i].set = watches[i].dirty = false;
}

bool store_watch(const char *path, store_handler_t *handler)
{
    if (!ring || nr_watches == WATCHES)
        return false;
    watches[nr_watches++] = (struct watch){path, handler, false, false};
    return true;
}

bool store_write(const char *path, const char *value)
{
    if (!ring || nr_writes == WRITES || strlen(value) >= VALUE_MAX)
        return false;
    struct write *w = &writes[nr_writes++];
    w->path = path;
    memcpy(w->value, value, strlen(value) + 1);
    return true;
}

/* --- out ----------------------------------------------------------------- */

static void notify(void)
{
    event_send(guest_start_info->store_evtchn);
}

static void put(uint32_t *prod, const void *data, size_t len)
{
    const char *from = data;
    for (size_t i = 0; i < len; i++)
        ring->req[MASK_XENSTORE_IDX((*prod)++)] = from[i];
}

/* Two strings, the first with its end, the second with or without. */
static bool send(enum xsd_sockmsg_type type, const char *path,
                 const char *second, size_t second_len)
{
    struct xsd_sockmsg h = {.type = type, .req_id = next_id};
    uint32_t prod = ring->req_prod;
    h.len = (uint32_t)(strlen(path) + 1 + second_len);
    if (prod - READ_ONCE(ring->req_cons) + sizeof(h) + h.len >
        XENSTORE_RING_SIZE)
        return false;
    put(&prod, &h, sizeof(h));
    put(&prod, path, strlen(path) + 1);
    put(&prod, second, second_len);
    __atomic_store_n(&ring->req_prod, prod, __ATOMIC_RELEASE);
    notify();
    busy = true;
    return true;
}

static void send_write(void)
{
    if (!send(XS_WRITE, writes[0].path, writes[0].value,
              strlen(writes[0].value)))
        return;
    reading = NULL;
    memmove(writes, writes + 1, --nr_writes * sizeof(writes[0]));
}

/* The token is the watch's number. */
static bool send_for(struct watch *w)
{
    const char token[2] = {(char)('0' + (w - watches)), '\0'};
    if (!w->set) {
        w->set = send(XS_WATCH, w->path, token, sizeof(token));
        reading = NULL;
        return true;
    }
    if (!w->dirty)
        return false;
    if (send(XS_READ, w->path, NULL, 0)) {
        w->dirty = false;
        reading = w;
    }
    return true;
}

static void send_next(void)
{
    if (busy)
        return;
    if (nr_writes) {
        send_write();
        return;
    }
    for (unsigned i = 0; i < nr_watches; i++)
        if (send_for(&watches[i]))
            return;
}

/* --- in ------------------------------------------------------------------ */

static void take_byte(char c)
{
    char *h = (char *)&head;
    if (taken < sizeof(head))
        h[taken] = c;
    else if (taken - sizeof(head) < KEPT)
        body[taken - sizeof(head)] = c;
    taken++;
}

/* true: a whole message is in head and body. */
static bool take_message(void)
{
    uint32_t prod = __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE);
    uint32_t cons = ring->rsp_cons, was = cons;
    bool whole = false;
    if (prod - cons > XENSTORE_RING_SIZE) /* nonsense: nothing is believed */
        cons = prod;
    while (cons != prod && !whole) {
        take_byte(ring->rsp[MASK_XENSTORE_IDX(cons++)]);
        whole = taken >= sizeof(head) && taken - sizeof(head) >= head.len;
    }
    __atomic_store_n(&ring->rsp_cons, cons, __ATOMIC_RELEASE);
    if (cons != was)
        notify();
    return whole;
}

/* path, 0, token, 0. */
static void watch_fired(void)
{
    const char *token = body + strlen(body) + 1;
    unsigned n = token < body + KEPT ? (unsigned)(*token - '0') : WATCHES;
    if (n < nr_watches)
        watches[n].dirty = true;
}

static void handle_message(void)
{
    struct watch *w = reading;
    body[MIN(head.len, KEPT)] = '\0';
    taken = 0;
    if (head.type == XS_WATCH_EVENT) {
        watch_fired();
        return;
    }
    if (!busy || head.req_id != next_id)
        return;
    busy = false;
    next_id++;
    reading = NULL;
    if (w)
        w->handler(head.type == XS_READ ? body : NULL);
}

void store_poll(void)
{
    if (!ring)
        return;
    send_next();
    while (take_message()) {
        handle_message();
        send_next();
    }
}
