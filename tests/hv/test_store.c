/* SPDX-License-Identifier: MIT */
/*
 * A domain's xenstore, through its ring page as a guest sees it: what is in
 * it, watches, transactions, bounds, and guests that do not keep to anything.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/event.h"
#include "hv/memory.h"
#include "hv/print.h"
#include "hv/ring_page.h"
#include "hv/store.h"
#include "hv/store_state.h"
#include "tests/hv/check.h"

/* --- what the store wants of others --------------------------------------- */

struct mm hv_mm;
static struct domain d;
static struct xenstore_domain_interface ring;
static unsigned notified, frames_taken;
static bool no_ring, no_memory;

void bug(const char *file, int line, const char *what)
{
    fail_msg("%s:%d: %s", file, line, what);
    abort();
}

enum err alloc_hv_get(struct mm *mm, unsigned order, mfn_t *out)
{
    if (no_memory)
        return ERR_NOMEM;
    assert_int_equal(order, STORE_ORDER);
    memset(mm->direct, 0, PAGE_SIZE << order);
    frames_taken++;
    *out = mfn_of(0);
    return ERR_NONE;
}

void alloc_hv_put(struct mm *mm, mfn_t m, unsigned order)
{
    (void)mm;
    (void)m;
    assert_int_equal(order, STORE_ORDER);
    frames_taken--;
}

void *ring_page_get(struct domain *of, mfn_t m)
{
    (void)of;
    (void)m;
    return no_ring ? NULL : &ring;
}

void ring_page_put(struct domain *of, mfn_t m)
{
    (void)of;
    (void)m;
}

void event_notify(struct domain *of, uint16_t port)
{
    (void)of;
    (void)port;
    notified++;
}

/* --- the guest's side ------------------------------------------------------
 */

static struct xsd_sockmsg got;
static char body[XENSTORE_PAYLOAD_MAX + 1];
static uint32_t next_id;

static void send_bytes(const void *p, size_t n)
{
    const char *from = p;

    assert_true(ring.req_prod - ring.req_cons + n <= XENSTORE_RING_SIZE);
    for (size_t i = 0; i < n; i++)
        ring.req[MASK_XENSTORE_IDX(ring.req_prod++)] = from[i];
}

static void send(uint32_t type, uint32_t tx, const char *p, size_t n)
{
    struct xsd_sockmsg h = {type, ++next_id, tx, (uint32_t)n};

    send_bytes(&h, sizeof(h));
    send_bytes(p, n);
}

static void take_bytes(void *p, size_t n)
{
    char *to = p;

    for (size_t i = 0; i < n; i++) {
        if (ring.rsp_prod == ring.rsp_cons)
            store_serve(&d);
        assert_true(ring.rsp_prod != ring.rsp_cons);
        to[i] = ring.rsp[MASK_XENSTORE_IDX(ring.rsp_cons++)];
    }
}

/* The next message, which is there. */
static void take(void)
{
    take_bytes(&got, sizeof(got));
    assert_true(got.len <= XENSTORE_PAYLOAD_MAX);
    take_bytes(body, got.len);
    body[got.len] = '\0';
}

static bool silent(void)
{
    store_serve(&d);
    return ring.rsp_prod == ring.rsp_cons;
}

/* One request and its answer; NULL is an error, whose name is in body. */
static const char *ask_in(uint32_t tx, uint32_t type, const char *p, size_t n)
{
    send(type, tx, p, n);
    store_serve(&d);
    take();
    assert_int_equal(got.req_id, next_id);
    assert_int_equal(got.tx_id, tx);
    if (got.type == XS_ERROR)
        return NULL;
    assert_int_equal(got.type, type);
    return body;
}

static const char *ask(uint32_t type, const char *path)
{
    return ask_in(0, type, path, strlen(path) + 1);
}

static void read_is(const char *path, const char *value)
{
    const char *v = ask(XS_READ, path);

    if (!v)
        fail_msg("reading %s: %s", path, body);
    assert_string_equal(v, value);
    assert_int_equal(got.len, strlen(value));
}

static void fails(uint32_t type, const char *p, size_t n, const char *error)
{
    const char *v = ask_in(0, type, p, n);

    if (v)
        fail_msg("%u '%s' did not fail with %s", type, p, error);
    assert_string_equal(body, error);
}

static const char *write_in(uint32_t tx, const char *path, const char *value)
{
    char p[1024];
    size_t n = strlen(path) + 1;

    memcpy(p, path, n);
    memcpy(p + n, value, strlen(value));
    return ask_in(tx, XS_WRITE, p, n + strlen(value));
}

static void write_ok(const char *path, const char *value)
{
    if (!write_in(0, path, value))
        fail_msg("writing %s: %s", path, body);
    assert_string_equal(body, "OK");
}

static const char *watch(uint32_t type, const char *path, const char *token)
{
    char p[1024];
    size_t n = strlen(path) + 1;

    memcpy(p, path, n);
    memcpy(p + n, token, strlen(token) + 1);
    return ask_in(0, type, p, n + strlen(token) + 1);
}

static void event_is(const char *path, const char *token)
{
    take();
    assert_int_equal(got.type, XS_WATCH_EVENT);
    assert_int_equal(got.req_id, 0);
    assert_string_equal(body, path);
    assert_string_equal(body + strlen(path) + 1, token);
    assert_int_equal(got.len, strlen(path) + strlen(token) + 2);
}

static void watch_ok(const char *path, const char *token)
{
    assert_non_null(watch(XS_WATCH, path, token));
    event_is(path, token);
    assert_true(silent());
}

static uint32_t begin(void)
{
    const char *v = ask(XS_TRANSACTION_START, "");

    assert_non_null(v);
    return (uint32_t)strtoul(v, NULL, 10);
}

static int make(void **state)
{
    (void)state;
    hv_mm.direct = aligned_alloc(PAGE_SIZE, PAGE_SIZE << STORE_ORDER);
    memset(&d, 0, sizeof(d));
    memset(&ring, 0, sizeof(ring));
    d.id = 7;
    d.mm.max_pages = 4096;
    d.target = 2048;
    d.store_port = 2;
    d.nr_vcpus = DOMAIN_VCPUS;
    memcpy(d.name, "web", 4);
    no_ring = no_memory = false;
    notified = 0;
    assert_int_equal(store_create(&d), ERR_NONE);
    return 0;
}

static int end(void **state)
{
    (void)state;
    store_free(&d);
    store_free(&d);
    assert_int_equal(frames_taken, 0);
    free(hv_mm.direct);
    return 0;
}

/* --- values ----------------------------------------------------------------
 */

static void what_is_there_at_birth(void **state)
{
    (void)state;
    read_is("domid", "7");
    read_is("name", "web");
    read_is("/local/domain/7/name", "web");
    read_is("memory/target", "8192");
    read_is("memory/static-max", "16384");
    read_is("control/shutdown", "");
    read_is("cpu/31/availability", "online");
    assert_non_null(ask(XS_READ, "vm"));
    assert_memory_equal(body, "/vm/", 4);
    assert_non_null(ask(XS_DIRECTORY, "memory"));
    assert_int_equal(got.len, sizeof("static-max") + sizeof("target"));
    assert_non_null(ask(XS_DIRECTORY, "device"));
    assert_int_equal(got.len, 0);
    assert_non_null(ask(XS_GET_DOMAIN_PATH, "7"));
    assert_string_equal(body, "/local/domain/7");
    assert_non_null(ask(XS_IS_DOMAIN_INTRODUCED, "3"));
    assert_string_equal(body, "F");
    assert_true(notified > 0);
}

static void no_memory_no_store(void **state)
{
    struct domain other = {.id = 8};

    (void)state;
    no_memory = true;
    assert_int_equal(store_create(&other), ERR_NOMEM);
    assert_null(other.store);
    store_free(&other);
}

static void a_guest_writes_below_its_home(void **state)
{
    (void)state;
    write_ok("data/a/b", "hello");
    read_is("data/a/b", "hello");
    read_is("/local/domain/7/data/a", "");
    write_ok("data/a/b", "other and longer");
    read_is("data/a/b", "other and longer");
    assert_non_null(ask(XS_MKDIR, "data/c"));
    assert_non_null(ask(XS_MKDIR, "data/a")); /* as it is */
    read_is("data/a/b", "other and longer");
    assert_non_null(ask(XS_DIRECTORY, "data"));
    assert_int_equal(got.len, 4);
    assert_non_null(ask(XS_RM, "data/a"));
    fails(XS_READ, "data/a/b", 9, "ENOENT");
    assert_non_null(ask(XS_RM, "data/a")); /* gone already */
    fails(XS_RM, "nothing/here", 13, "ENOENT");
    assert_non_null(ask(XS_READ, "data/c"));
    write_ok("database", "x");
    assert_non_null(ask(XS_RM, "data"));
    read_is("database", "x"); /* is not below data */
}

static void what_is_not_a_guests_stays_as_it_is(void **state)
{
    (void)state;
    fails(XS_WRITE, "name\0evil", 9, "EROFS");
    fails(XS_WRITE, "memory/target\0001", 15, "EROFS");
    fails(XS_RM, "memory", 7, "EROFS");
    fails(XS_RM, "/local/domain/7", 16, "EROFS");
    fails(XS_MKDIR, "/local/domain/8/x", 18, "EROFS");
    fails(XS_WRITE, "/local/domain/77/x\0y", 20, "EROFS");
    fails(XS_READ, "/local/domain/1/name", 21, "ENOENT");
    fails(XS_SET_PERMS, "name\0n7", 8, "EROFS");
    fails(XS_INTRODUCE, "7\0001\0001", 6, "EACCES");
    read_is("name", "web");
    assert_non_null(ask(XS_GET_PERMS, "name"));
    assert_memory_equal(body, "n0\0r7", 6);
    write_ok("mine", "");
    assert_non_null(ask(XS_GET_PERMS, "mine"));
    assert_string_equal(body, "n7");
}

static void a_full_store_is_full(void **state)
{
    char path[32], value[65];
    unsigned n = 0;

    (void)state;
    memset(value, 'v', 64);
    value[64] = '\0';
    for (;; n++) {
        print_format(path, sizeof(path), "data/%u", n);
        if (!write_in(0, path, value))
            break;
        assert_true(n < 1000);
    }
    assert_string_equal(body, "ENOSPC");
    assert_true(n > 20);
    fails(XS_READ, path, strlen(path) + 1, "ENOENT");
    for (unsigned i = 0; i < n; i++) {
        print_format(path, sizeof(path), "data/%u", i);
        read_is(path, value);
    }
    /* The machine can still be heard. */
    assert_int_equal(store_ask(&d, "suspend"), ERR_NONE);
    read_is("control/shutdown", "suspend");
    assert_int_equal(store_set_target(&d, 4096), ERR_NONE);
    read_is("memory/target", "16384");
    assert_non_null(ask(XS_RM, "data"));
    write_ok("data/1", value);
}

/* --- watches ---------------------------------------------------------------
 */

static void a_watch_tells_of_changes(void **state)
{
    (void)state;
    watch_ok("control/shutdown", "one");
    watch_ok("/local/domain/7/control", "two");
    assert_int_equal(store_ask(&d, "poweroff"), ERR_NONE);
    event_is("control/shutdown", "one");
    event_is("/local/domain/7/control/shutdown", "two");
    assert_true(silent());
    read_is("control/shutdown", "poweroff");
    write_ok("control/shutdown", "");
    event_is("control/shutdown", "one");
    event_is("/local/domain/7/control/shutdown", "two");
    assert_null(watch(XS_WATCH, "control/shutdown", "one"));
    assert_string_equal(body, "EEXIST");
    assert_non_null(watch(XS_UNWATCH, "control/shutdown", "one"));
    assert_null(watch(XS_UNWATCH, "control/shutdown", "one"));
    assert_string_equal(body, "ENOENT");
    write_ok("control/other", "x");
    event_is("/local/domain/7/control/other", "two");
    assert_non_null(ask(XS_RESET_WATCHES, ""));
    write_ok("control/other", "y");
    assert_true(silent());
}

static void a_target_is_told(void **state)
{
    (void)state;
    watch_ok("memory/target", "t");
    assert_int_equal(store_set_target(&d, 1024), ERR_NONE);
    assert_int_equal(d.target, 1024);
    event_is("memory/target", "t");
    read_is("memory/target", "4096");
}

static void changes_that_wait_become_one(void **state)
{
    (void)state;
    watch_ok("control", "c");
    no_ring = true;
    assert_int_equal(store_ask(&d, "suspend"), ERR_NONE);
    no_ring = false;
    event_is("control/shutdown", "c");
    no_ring = true;
    assert_int_equal(store_ask(&d, "reboot"), ERR_NONE);
    assert_int_equal(store_ask(&d, "suspend"), ERR_NONE);
    no_ring = false;
    event_is("control/shutdown", "c");
    assert_true(silent());
}

static void removal_is_told_below_and_above(void **state)
{
    (void)state;
    write_ok("data/a/b", "1");
    watch_ok("data/a/b", "low");
    watch_ok("data", "high");
    assert_non_null(ask(XS_RM, "data/a"));
    event_is("data/a/b", "low");
    event_is("data/a", "high");
    assert_true(silent());
}

static void watches_have_an_end(void **state)
{
    char token[8], longer[STORE_TOKEN + 1];

    (void)state;
    for (unsigned i = 0; i < STORE_WATCHES; i++) {
        print_format(token, sizeof(token), "%u", i);
        watch_ok("data", token);
    }
    assert_null(watch(XS_WATCH, "data", "more"));
    assert_string_equal(body, "E2BIG");
    assert_non_null(watch(XS_UNWATCH, "data", "3"));
    watch_ok("data", "more");
    memset(longer, 't', STORE_TOKEN);
    longer[STORE_TOKEN] = '\0';
    assert_null(watch(XS_WATCH, "x", longer));
    assert_string_equal(body, "EINVAL");
    assert_null(watch(XS_WATCH, "@releaseDomain", "r"));
    assert_string_equal(body, "EACCES");
    fails(XS_WATCH, "x\0t", 3, "EINVAL"); /* the token does not end */
    fails(XS_WATCH, "x", 2, "EINVAL");
}

/* --- transactions ----------------------------------------------------------
 */

static void a_transaction_is_all_or_nothing(void **state)
{
    uint32_t tx;

    (void)state;
    watch_ok("data", "w");
    tx = begin();
    assert_non_null(write_in(tx, "data/x", "1"));
    assert_non_null(ask_in(tx, XS_READ, "data/x", 7));
    assert_string_equal(body, "1");
    fails(XS_READ, "data/x", 7, "ENOENT"); /* not yet */
    assert_true(silent());
    assert_non_null(ask_in(tx, XS_TRANSACTION_END, "T", 2));
    event_is("data", "w"); /* data and data/x */
    assert_true(silent());
    read_is("data/x", "1");

    tx = begin();
    assert_non_null(ask_in(tx, XS_RM, "data", 5));
    assert_non_null(ask_in(tx, XS_TRANSACTION_END, "F", 2));
    read_is("data/x", "1");
    assert_true(silent());
}

static void a_stale_transaction_is_tried_again(void **state)
{
    uint32_t tx = begin();

    (void)state;
    assert_non_null(write_in(tx, "control/shutdown", ""));
    assert_int_equal(store_ask(&d, "suspend"), ERR_NONE);
    assert_null(ask_in(tx, XS_TRANSACTION_END, "T", 2));
    assert_string_equal(body, "EAGAIN");
    read_is("control/shutdown", "suspend");
    tx = begin();
    assert_non_null(write_in(tx, "control/shutdown", ""));
    assert_non_null(ask_in(tx, XS_TRANSACTION_END, "T", 2));
    read_is("control/shutdown", "");
}

static void transactions_that_are_none(void **state)
{
    uint32_t tx = begin();

    (void)state;
    fails(XS_TRANSACTION_START, "", 1, "ENOSPC");
    assert_null(ask_in(tx + 1, XS_READ, "name", 5));
    assert_string_equal(body, "ENOENT");
    assert_null(ask_in(tx, XS_TRANSACTION_END, "X", 2));
    assert_string_equal(body, "EINVAL");
    fails(XS_TRANSACTION_END, "T", 2, "ENOENT");
    assert_non_null(ask_in(tx, XS_TRANSACTION_END, "T", 2));
    assert_null(ask_in(tx, XS_READ, "name", 5));
    assert_string_equal(body, "ENOENT");
}

/* --- the wire --------------------------------------------------------------
 */

static void paths_that_are_none(void **state)
{
    static const char *const bad[] = {"",         "/",   "//",      "a//b",
                                      "a/",       "a b", "../name", "a\nb",
                                      "\x80\xff", "a*"};
    char longer[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (strcmp(bad[i], "/") != 0)
            fails(XS_READ, bad[i], strlen(bad[i]) + 1, "EINVAL");
    fails(XS_READ, "/", 2, "ENOENT");
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    fails(XS_WRITE, longer, sizeof(longer), "EINVAL");
    fails(XS_READ, "name", 4, "EINVAL");    /* no end */
    fails(XS_READ, "name\0x", 6, "EINVAL"); /* more than that */
    fails(XS_GET_DOMAIN_PATH, "x", 2, "EINVAL");
    fails(XS_GET_DOMAIN_PATH, "99999999999", 12, "EINVAL");
    fails(XS_DIRECTORY_PART, "name", 5, "ENOSYS");
    fails(255, "", 0, "ENOSYS");
    fails(0xffffffff, "", 0, "ENOSYS");
    read_is("name", "web");
}

static void a_request_longer_than_there_is_room_for(void **state)
{
    struct xsd_sockmsg h = {XS_WRITE, 99, 0, 5000};
    char junk[1000];

    (void)state;
    memset(junk, 'j', sizeof(junk));
    send_bytes(&h, sizeof(h));
    for (unsigned i = 0; i < 5; i++) {
        assert_true(silent());
        send_bytes(junk, sizeof(junk));
    }
    store_serve(&d);
    take();
    assert_int_equal(got.type, XS_ERROR);
    assert_string_equal(body, "E2BIG");
    read_is("name", "web"); /* still in step */
    h.len = 0xffffffff;
    send_bytes(&h, sizeof(h));
    for (unsigned i = 0; i < 50; i++) {
        assert_true(silent());
        send_bytes(junk, sizeof(junk));
    }
}

static void byte_by_byte(void **state)
{
    struct xsd_sockmsg h = {XS_READ, 5, 0, 5};
    char message[sizeof(h) + 5];

    (void)state;
    memcpy(message, &h, sizeof(h));
    memcpy(message + sizeof(h), "name", 5);
    for (size_t i = 0; i < sizeof(message); i++) {
        assert_true(silent());
        send_bytes(message + i, 1);
    }
    store_serve(&d);
    take();
    assert_string_equal(body, "web");
}

/* Answers wait for room, to the last byte, and none is lost or doubled. */
static void a_full_ring(void **state)
{
    uint32_t first = next_id + 1, sent = 0;
    char value[301];

    (void)state;
    memset(value, 'w', 300);
    value[300] = '\0';
    write_ok("data/long", value);
    first = next_id + 1;
    for (unsigned i = 0; i < 30; i++, sent++)
        send(XS_READ, 0, "data/long", 10);
    store_serve(&d);
    assert_int_equal(ring.rsp_prod - ring.rsp_cons, XENSTORE_RING_SIZE);
    assert_int_equal(store_ask(&d, "suspend"), ERR_NONE);
    assert_int_equal(ring.rsp_prod - ring.rsp_cons, XENSTORE_RING_SIZE);
    for (uint32_t i = 0; i < sent; i++) {
        take();
        assert_int_equal(got.req_id, first + i);
        assert_string_equal(body, value);
    }
    assert_true(silent());
}

static void indices_that_cannot_be(void **state)
{
    (void)state;
    ring.req_prod = ring.req_cons + XENSTORE_RING_SIZE + 1;
    store_serve(&d);
    ring.req_prod = ring.req_cons + 0x80000000;
    store_serve(&d);
    ring.req_prod = ring.req_cons;
    ring.rsp_cons = ring.rsp_prod + 5; /* it took what was not there */
    send(XS_READ, 0, "name", 5);
    store_serve(&d);
    assert_int_equal(ring.rsp_prod + 5, ring.rsp_cons);
    ring.rsp_cons = ring.rsp_prod;
    store_serve(&d);
    take();
    assert_string_equal(body, "web");
}

static void one_that_does_not_run_is_left_alone(void **state)
{
    (void)state;
    watch_ok("control/shutdown", "s");
    d.suspended = true;
    assert_int_equal(store_ask(&d, "poweroff"), ERR_NONE);
    assert_true(silent());
    d.suspended = false;
    store_reset(&d); /* as resuming does */
    assert_true(silent());
    read_is("control/shutdown", "poweroff");
    watch_ok("control/shutdown", "s");
}

static uint64_t dice(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Half of it is sense, so that it comes further than to the first check. */
static void noise(void **state)
{
    static const char *const words[] = {
        "name", "data/x", "data", "/local/domain/7/data", "control/shutdown",
        "/",    "T",      "1",    "/local/domain/8",      "memory/target"};
    uint64_t seed = 42;

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        const char *w = words[dice(&seed) % ARRAY_SIZE(words)];
        struct xsd_sockmsg h = {(uint32_t)(dice(&seed) % 24), i,
                                (uint32_t)(dice(&seed) % 3),
                                (uint32_t)(dice(&seed) % 40)};
        char text[64] = "";

        memcpy(text, w, strlen(w));
        if (dice(&seed) % 4)
            h.len = (uint32_t)strlen(w) + 1;
        if (dice(&seed) % 4 == 0)
            memcpy(text + strlen(w) + 1, words[dice(&seed) % 5], 5);
        if (dice(&seed) % 8 == 0)
            text[dice(&seed) % 40] = (char)dice(&seed);
        send_bytes(&h, sizeof(h));
        send_bytes(text, h.len);
        store_serve(&d);
        if (dice(&seed) % 64 == 0)
            assert_int_equal(store_ask(&d, "suspend"), ERR_NONE);
        ring.rsp_cons = ring.rsp_prod;
        while (!silent())
            ring.rsp_cons = ring.rsp_prod;
        ring.req_cons = ring.req_prod;
        d.store->taken = 0;
    }
    read_is("name", "web");
    read_is("memory/static-max", "16384");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, make, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_there_at_birth),
        T(no_memory_no_store),
        T(a_guest_writes_below_its_home),
        T(what_is_not_a_guests_stays_as_it_is),
        T(a_full_store_is_full),
        T(a_watch_tells_of_changes),
        T(a_target_is_told),
        T(changes_that_wait_become_one),
        T(removal_is_told_below_and_above),
        T(watches_have_an_end),
        T(a_transaction_is_all_or_nothing),
        T(a_stale_transaction_is_tried_again),
        T(transactions_that_are_none),
        T(paths_that_are_none),
        T(a_request_longer_than_there_is_room_for),
        T(byte_by_byte),
        T(a_full_ring),
        T(indices_that_cannot_be),
        T(one_that_does_not_run_is_left_alone),
        T(noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
