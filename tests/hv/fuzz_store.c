/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes a domain's xenstore: what a guest can do to its ring page and its
 * domain, a few bytes for each deed. After each all that counts is right, and
 * when it is over every frame is back.
 */
#include <string.h>

#include "tests/hv/store_guest.h"

static const uint8_t *input;
static size_t left;

static uint8_t next(void)
{
    if (!left)
        return 0;
    left--;
    return *input++;
}

static uint32_t next32(void)
{
    uint32_t v = next();

    v |= (uint32_t)next() << 8;
    v |= (uint32_t)next() << 16;
    return v | (uint32_t)next() << 24;
}

/* --- requests ------------------------------------------------------------- */

/* Into the ring as it is, whether there is room or not. */
static void put(const void *p, size_t n)
{
    const char *from = p;

    for (size_t i = 0; i < n; i++)
        store_ring.req[MASK_XENSTORE_IDX(store_ring.req_prod++)] = from[i];
}

static void raw_bytes(void)
{
    for (unsigned n = next() % 64; n && left; n--) {
        char c = (char)next();

        put(&c, 1);
    }
}

/* Words for paths, so that requests are about the same things. */
static size_t next_path(char *to)
{
    static const char *const words[] = {"a",
                                        "b",
                                        "c",
                                        "dd",
                                        "/local/domain/7",
                                        "name",
                                        "/",
                                        "memory",
                                        "target",
                                        "control",
                                        "shutdown",
                                        "@x",
                                        "vm",
                                        "/local",
                                        "cpu",
                                        "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"};
    uint8_t parts = next();
    size_t n = 0;

    for (unsigned i = 0; i <= parts % 4; i++) {
        const char *word = words[next() % ARRAY_SIZE(words)];

        if (i && to[n - 1] != '/')
            to[n++] = '/';
        memcpy(to + n, word, strlen(word));
        n += strlen(word);
    }
    /* Deep ones, too. */
    for (unsigned i = 0; parts & 0x80 && i < (parts & 0x7cu) * 4; i++) {
        memcpy(to + n, "/p", 2);
        n += 2;
    }
    to[n++] = '\0';
    return n;
}

/* What each kind begins with. */
static size_t next_body(uint32_t type, bool drop, char *to)
{
    if (type == XS_TRANSACTION_END) {
        memcpy(to, drop ? "F" : "T", 2);
        return 2;
    }
    if (type == XS_TRANSACTION_START) {
        *to = '\0';
        return 1;
    }
    return next_path(to);
}

static void request(void)
{
    static const char perms[] = "n7\0r1\0b65535";
    static char text[XENSTORE_PAYLOAD_MAX];
    const uint8_t kind = next();
    struct xsd_sockmsg h = {.type = kind % 24, .tx_id = next() % 12};
    size_t n = next_body(h.type, kind & 0x80, text), more;

    more = h.type == XS_WRITE || h.type == XS_WATCH || h.type == XS_UNWATCH
               ? next()
               : 0;
    if (h.type == XS_WRITE && more & 1)
        more *= 8;
    memset(text + n, 'v', more);
    n += more;
    if (h.type != XS_WRITE && more)
        text[n - 1] = '\0';
    if (h.type == XS_SET_PERMS) {
        memcpy(text + n, perms, sizeof(perms));
        n += kind & 0x20 ? sizeof("n7") : sizeof(perms);
    }
    h.len = (uint32_t)n;
    if (kind & 0x40)
        h.len += next(); /* the next request is part of this one */
    if (store_ring.req_prod - store_ring.req_cons + sizeof(h) + n >
        XENSTORE_RING_SIZE)
        return;
    put(&h, sizeof(h));
    put(text, n);
}

/* --- deeds ---------------------------------------------------------------- */

static void serve(void)
{
    store_patience = 1;
    for (unsigned steps = next(); steps; steps--)
        if (store_serve(&store_domain) != ERR_RESTART)
            break;
}

/* As a guest does that reads what it gets. */
static void serve_and_read(void)
{
    store_patience = 64;
    for (unsigned i = 0; i < 64; i++) {
        bool more = store_serve(&store_domain) == ERR_RESTART;

        if (!more && store_ring.rsp_cons == store_ring.rsp_prod)
            break;
        store_ring.rsp_cons = store_ring.rsp_prod;
    }
}

static void turn_index(void)
{
    uint32_t *const index[] = {&store_ring.req_prod, &store_ring.req_cons,
                               &store_ring.rsp_prod, &store_ring.rsp_cons};
    uint8_t which = next();

    if (which & 0x80)
        memset(&store_ring, 0, sizeof(store_ring));
    else if (which & 0x40)
        *index[which % 4] += next() % 32;
    else
        *index[which % 4] = next32();
}

static void ask(void)
{
    static const char *const words[] = {"poweroff", "suspend", "reboot"};
    uint8_t what = next();

    if (what & 1)
        store_ask(&store_domain, words[what % ARRAY_SIZE(words)]);
    else if (what & 2)
        store_set_vcpus(&store_domain, 1 + what / 4 % DOMAIN_VCPUS);
    else
        store_set_target(&store_domain, what);
}

/* The domain stops; whatever was under way comes to an end. */
static void suspend(void)
{
    store_domain.suspended = true;
    (void)store_serve(&store_domain);
    ask();
    store_reset(&store_domain);
    store_domain.suspended = false;
}

static void be_short_of(void)
{
    uint8_t what = next();

    store_no_ring = what & 1;
    store_frames_max = what & 2 ? store_frames_out + what / 16 : UINT32_MAX;
}

static void end_and_begin(void)
{
    store_guest_end();
    store_guest_make();
}

/* A hundred nodes: what takes many requests otherwise. */
static void many(void)
{
    uint8_t tx = next(), dir = next();

    for (unsigned i = 0; i < 100; i++) {
        struct xsd_sockmsg h = {.type = XS_MKDIR, .tx_id = tx % 12, .len = 5};
        char path[5] = {(char)('a' + dir % 3), '/', (char)('0' + i / 10),
                        (char)('0' + i % 10)};

        serve_and_read();
        put(&h, sizeof(h));
        put(path, sizeof(path));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const deeds[])(void) = {
        request,     request,   request,      request, serve_and_read,
        serve,       raw_bytes, ask,          suspend, turn_index,
        be_short_of, many,      end_and_begin};

    input = data;
    left = size;
    store_guest_make();
    while (left) {
        deeds[next() % ARRAY_SIZE(deeds)]();
        store_guest_audit();
    }
    store_frames_max = UINT32_MAX;
    store_no_ring = false;
    serve_and_read();
    store_guest_audit();
    store_guest_end();
    return 0;
}
