/* SPDX-License-Identifier: MIT */
/*
 * A domain's xenstore, through its ring page as a guest sees it: what is in
 * it, watches, transactions, bounds, and guests that do not keep to anything.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/base/print.h"
#include "tests/hv/check.h"
#include "tests/hv/store_guest.h"

static const char *ask(uint32_t type, const char *path)
{
    return store_ask_in(0, type, path, strlen(path) + 1);
}

static void read_is(const char *path, const char *value)
{
    const char *v = ask(XS_READ, path);

    if (!v)
        fail_msg("reading %s: %s", path, store_body);
    assert_string_equal(v, value);
    assert_int_equal(store_got.len, strlen(value));
}

static void fails(uint32_t type, const char *p, size_t n, const char *error)
{
    const char *v = store_ask_in(0, type, p, n);

    if (v)
        fail_msg("%u '%s' did not fail with %s", type, p, error);
    assert_string_equal(store_body, error);
}

static void in_fails(uint32_t tx, uint32_t type, const char *p,
                     const char *error)
{
    if (store_ask_in(tx, type, p, strlen(p) + 1))
        fail_msg("%u '%s' did not fail with %s", type, p, error);
    assert_string_equal(store_body, error);
}

static unsigned the_store_nodes(void)
{
    return store_domain.store->tree.nodes;
}

static const char *write_in(uint32_t tx, const char *path, const char *value)
{
    static char p[8192];
    size_t n = strlen(path) + 1;

    memcpy(p, path, n);
    memcpy(p + n, value, strlen(value));
    return store_ask_in(tx, XS_WRITE, p, n + strlen(value));
}

static void write_ok(const char *path, const char *value)
{
    if (!write_in(0, path, value))
        fail_msg("writing %s: %s", path, store_body);
    assert_string_equal(store_body, "OK");
}

static const char *watch(uint32_t type, const char *path, const char *token)
{
    static char p[8192];
    size_t n = strlen(path) + 1;

    memcpy(p, path, n);
    memcpy(p + n, token, strlen(token) + 1);
    return store_ask_in(0, type, p, n + strlen(token) + 1);
}

static void event_is(const char *path, const char *token)
{
    store_take_message();
    assert_int_equal(store_got.type, XS_WATCH_EVENT);
    assert_int_equal(store_got.req_id, 0);
    assert_string_equal(store_body, path);
    assert_string_equal(store_body + strlen(path) + 1, token);
    assert_int_equal(store_got.len, strlen(path) + strlen(token) + 2);
}

static void watch_ok(const char *path, const char *token)
{
    assert_non_null(watch(XS_WATCH, path, token));
    event_is(path, token);
    assert_true(store_silent());
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
    store_guest_make();
    return 0;
}

static int end(void **state)
{
    (void)state;
    store_guest_audit();
    store_guest_end();
    return 0;
}

/* --- values --------------------------------------------------------------- */

static void what_is_there_at_birth(void **state)
{
    (void)state;
    read_is("domid", "7");
    read_is("name", "web");
    read_is("/local/domain/7/name", "web");
    read_is("memory/target", "8192");
    read_is("memory/static-max", "16384");
    store_domain.mm.max_pages *= 2; /* and back */
    store_tell_max(&store_domain);
    read_is("memory/static-max", "32768");
    store_domain.mm.max_pages /= 2;
    store_tell_max(&store_domain);
    read_is("memory/static-max", "16384");
    read_is("control/shutdown", "");
    read_is("cpu/0/availability", "online");
    read_is("cpu/31/availability", "online");
    fails(XS_READ, "cpu/32/availability", 20, "ENOENT");
    assert_non_null(ask(XS_READ, "vm"));
    assert_memory_equal(store_body, "/vm/", 4);
    assert_non_null(ask(XS_DIRECTORY, "memory"));
    assert_int_equal(store_got.len, sizeof("static-max") + sizeof("target"));
    assert_non_null(ask(XS_DIRECTORY, "device"));
    assert_int_equal(store_got.len, 0);
    assert_non_null(ask(XS_GET_DOMAIN_PATH, "7"));
    assert_string_equal(store_body, "/local/domain/7");
    assert_non_null(ask(XS_IS_DOMAIN_INTRODUCED, "3"));
    assert_string_equal(store_body, "F");
    assert_true(store_notified > 0);
}

/* However little there is: all of it goes back. */
static void no_memory_no_store(void **state)
{
    struct domain other = {.id = 8, .nr_vcpus = DOMAIN_VCPUS};
    const unsigned out = store_frames_out;
    unsigned n = 0;

    (void)state;
    for (store_frames_max = out; store_create(&other) != ERR_NONE; n++) {
        assert_null(other.store);
        store_free(&other);
        assert_int_equal(store_frames_out, out);
        store_frames_max++;
    }
    assert_true(n > 5);
    assert_int_equal(store_frames_out, out + n);
    store_free(&other);
    assert_int_equal(store_frames_out, out);
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
    assert_int_equal(store_got.len, 4);
    assert_non_null(ask(XS_RM, "data/a"));
    fails(XS_READ, "data/a/b", 9, "ENOENT");
    assert_non_null(ask(XS_RM, "data/a")); /* gone already */
    fails(XS_RM, "nothing/here", 13, "ENOENT");
    assert_non_null(ask(XS_READ, "data/c"));
    write_ok("database", "x");
    assert_non_null(ask(XS_RM, "data"));
    read_is("database", "x"); /* is not below data */
}

static void permissions_are_kept(void **state)
{
    uint32_t tx;

    (void)state;
    write_ok("data/x", "1");
    watch_ok("data/x", "w");
    assert_non_null(store_ask_in(0, XS_SET_PERMS, "data\0n7\0r0\0b12", 15));
    assert_non_null(ask(XS_GET_PERMS, "data"));
    assert_int_equal(store_got.len, 10);
    assert_memory_equal(store_body, "n7\0r0\0b12", 10);
    write_ok("data", "value"); /* keeps them, hands them on */
    assert_non_null(ask(XS_MKDIR, "data/new/er"));
    assert_non_null(ask(XS_GET_PERMS, "data/new/er"));
    assert_memory_equal(store_body, "n7\0r0\0b12", 10);
    read_is("data", "value");
    assert_non_null(ask(XS_GET_PERMS, "data/x"));
    assert_string_equal(store_body, "n7");
    tx = begin();
    assert_non_null(store_ask_in(tx, XS_SET_PERMS, "data/x\0b7", 10));
    assert_non_null(ask(XS_GET_PERMS, "data/x"));
    assert_string_equal(store_body, "n7");
    assert_non_null(store_ask_in(tx, XS_TRANSACTION_END, "T", 2));
    event_is("data/x", "w");
    assert_non_null(ask(XS_GET_PERMS, "data/x"));
    assert_string_equal(store_body, "b7");
    read_is("data/x", "1");
    assert_non_null(store_ask_in(
        0, XS_SET_PERMS, "control/shutdown\0n7\0b65535\0b65535\0b65535\0b65535",
        48));
    store_ask(&store_domain, "poweroff"); /* there is room all the same */
    read_is("control/shutdown", "poweroff");
    assert_non_null(ask(XS_GET_PERMS, "control/shutdown"));
    assert_int_equal(store_got.len, 31);
}

static void permissions_that_are_none(void **state)
{
    (void)state;
    write_ok("x", "1");
    fails(XS_SET_PERMS, "x", 2, "EINVAL");
    fails(XS_SET_PERMS, "x\0n7", 4, "EINVAL"); /* no end */
    fails(XS_SET_PERMS, "x\0q7", 5, "EINVAL");
    fails(XS_SET_PERMS, "x\0n", 4, "EINVAL");
    fails(XS_SET_PERMS, "x\0n7x", 6, "EINVAL");
    fails(XS_SET_PERMS, "x\0n65536", 9, "EINVAL");
    fails(XS_SET_PERMS, "x\0n000007", 10, "EINVAL");
    fails(XS_SET_PERMS, "x\0n0\0b7", 8, "EPERM");
    fails(XS_SET_PERMS, "y\0n7", 5, "ENOENT");
    fails(XS_SET_PERMS, "x\0n7\0r1\0r2\0r3\0r4\0r5", 20, "ENOSPC");
    assert_string_equal(
        store_last_said,
        "d7 web: its store has room for 5 permissions of a node, and no more");
    assert_non_null(ask(XS_GET_PERMS, "x"));
    assert_string_equal(store_body, "n7");
    read_is("x", "1");
}

static void what_is_not_a_guests_stays_as_it_is(void **state)
{
    (void)state;
    fails(XS_WRITE, "name\0evil", 9, "EROFS");
    fails(XS_WRITE, "memory/target\0001", 15, "EROFS");
    fails(XS_WRITE, "cpu/1/availability\0online", 25, "EROFS");
    fails(XS_SET_PERMS, "cpu/1/availability\0n7", 22, "EROFS");
    fails(XS_RM, "cpu", 4, "EROFS");
    fails(XS_RM, "memory", 7, "EROFS");
    fails(XS_RM, "/local/domain/7", 16, "EROFS");
    fails(XS_MKDIR, "/local/domain/8/x", 18, "EROFS");
    fails(XS_WRITE, "/local/domain/77/x\0y", 20, "EROFS");
    fails(XS_READ, "/local/domain/1/name", 21, "ENOENT");
    fails(XS_SET_PERMS, "name\0n7", 8, "EROFS");
    fails(XS_INTRODUCE, "7\0001\0001", 6, "EACCES");
    read_is("name", "web");
    assert_non_null(ask(XS_GET_PERMS, "name"));
    assert_memory_equal(store_body, "n0\0r7", 6);
    write_ok("mine", "");
    assert_non_null(ask(XS_GET_PERMS, "mine"));
    assert_string_equal(store_body, "n7");
}

/* As many as there can be of this size; returns how many. */
static unsigned fill_with(const char *value)
{
    char path[32];
    unsigned n = 0;

    for (;; n++) {
        print_format(path, sizeof(path), "data/%u", n);
        if (!write_in(0, path, value))
            break;
        assert_true(n < STORE_NODES);
    }
    assert_string_equal(store_body, "ENOSPC");
    fails(XS_READ, path, strlen(path) + 1, "ENOENT");
    for (unsigned i = 0; i < n; i++) {
        print_format(path, sizeof(path), "data/%u", i);
        read_is(path, value);
    }
    return n;
}

/* The machine can still be heard. */
static void can_be_heard(void)
{
    store_ask(&store_domain, "suspend");
    read_is("control/shutdown", "suspend");
    store_set_target(&store_domain, 4096);
    read_is("memory/target", "16384");
    store_set_vcpus(&store_domain, 1);
    read_is("cpu/0/availability", "online");
    read_is("cpu/31/availability", "offline");
    store_set_vcpus(&store_domain, DOMAIN_VCPUS);
    read_is("cpu/31/availability", "online");
    assert_non_null(ask(XS_RM, "control/shutdown"));
    store_ask(&store_domain, "poweroff");
    read_is("control/shutdown", "poweroff");
}

static void a_full_store_is_full(void **state)
{
    static char value[STORE_VALUE_MAX + 1];
    unsigned nodes = the_store_nodes();

    (void)state;
    assert_int_equal(fill_with("v"), STORE_NODES - nodes - 1); /* data itself */
    assert_string_equal(store_last_said, "d7 web: its store has room for 1000 "
                                         "nodes, and no more");
    fails(XS_MKDIR, "more", 5, "ENOSPC");
    assert_int_equal(store_said, 1);
    can_be_heard();
    assert_non_null(ask(XS_RM, "data"));
    memset(value, 'v', STORE_VALUE_MAX);
    assert_true(fill_with(value) > 100);
    assert_string_equal(store_last_said,
                        "d7 web: its store has room for 512 KiB, and no more");
    fails(XS_READ, "not/there", 10, "ENOENT"); /* not: no room */
    fails(XS_MKDIR, "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z", 52,
          "ENOSPC");
    assert_int_equal(store_said, 2);
    can_be_heard();
    assert_non_null(ask(XS_RM, "data"));
    store_guest_serve();
    assert_true(store_domain.store->tree.pool.frames < 12);
    write_ok("data/1", value);
}

static void sizes_are_xens(void **state)
{
    static char path[2 * STORE_ABSOLUTE], value[STORE_VALUE_MAX + 2];

    (void)state;
    memset(value, 'v', STORE_VALUE_MAX + 1);
    assert_null(write_in(0, "data", value));
    assert_string_equal(store_body, "ENOSPC");
    assert_string_equal(
        store_last_said,
        "d7 web: its store has room for 2048 bytes in a value, and no more");
    value[STORE_VALUE_MAX] = '\0';
    memset(path, 'a', STORE_RELATIVE);
    value[STORE_VALUE_MAX - 1] = '\0'; /* a whole message */
    write_ok(path, value);
    read_is(path, value);
    for (unsigned i = 1; i < STORE_RELATIVE; i += 2)
        path[i] = '/';
    assert_null(write_in(0, path, "deep")); /* 1024 nodes */
    path[1600] = '\0';
    path[1599] = 'z';
    write_ok(path, "deep");
    read_is(path, "deep");
    assert_non_null(ask(XS_RM, "a"));
    path[STORE_RELATIVE] = path[STORE_RELATIVE + 1] = 'a';
    memset(path, 'a', STORE_RELATIVE);
    fails(XS_READ, path, STORE_RELATIVE + 2, "EINVAL");
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[STORE_ABSOLUTE] = '\0';
    fails(XS_READ, path, STORE_ABSOLUTE + 1, "ENOENT");
    path[STORE_ABSOLUTE] = 'a';
    path[STORE_ABSOLUTE + 1] = '\0';
    fails(XS_READ, path, STORE_ABSOLUTE + 2, "EINVAL");
}

/* The names of a directory, by parts; returns how many in how many parts. */
static unsigned list_by_parts(const char *dir, unsigned *parts)
{
    char p[64], generation[24] = "";
    unsigned names = 0, offset = 0;

    for (*parts = 1;; (*parts)++) {
        size_t n = strlen(dir) + 1, at;

        memcpy(p, dir, n);
        n += print_format(p + n, sizeof(p) - n, "%u", offset) + 1;
        assert_non_null(store_ask_in(0, XS_DIRECTORY_PART, p, n));
        if (!offset)
            memcpy(generation, store_body, strlen(store_body) + 1);
        assert_string_equal(store_body, generation);
        for (at = strlen(generation) + 1; at < store_got.len; names++) {
            if (!store_body[at]) {
                assert_int_equal(at + 1, store_got.len);
                return names;
            }
            offset += (unsigned)strlen(store_body + at) + 1;
            at += strlen(store_body + at) + 1;
        }
    }
}

static void a_directory_longer_than_a_message(void **state)
{
    char path[96];
    unsigned parts;

    (void)state;
    memset(path, 'n', sizeof(path));
    for (unsigned i = 0; i < 41; i++) {
        path[0] = 'd';
        path[1] = '/';
        path[2] = (char)('A' + i % 26);
        path[3] = (char)('A' + i / 26);
        path[95] = '\0';
        assert_non_null(ask(XS_MKDIR, path));
        assert_int_equal(!ask(XS_DIRECTORY, "d"), (i + 1) * 94 > 4096);
        assert_int_equal(list_by_parts("d", &parts), i + 1);
    }
    for (unsigned i = 0; i < 59; i++) {
        path[2] = (char)('a' + i % 26);
        path[3] = (char)('A' + i / 26);
        assert_non_null(ask(XS_MKDIR, path));
    }
    assert_int_equal(list_by_parts("d", &parts), 100);
    assert_int_equal(parts, 3);
    assert_int_equal(list_by_parts("device", &parts), 0);
}

/* --- watches -------------------------------------------------------------- */

static void a_watch_tells_of_changes(void **state)
{
    (void)state;
    watch_ok("control/shutdown", "one");
    watch_ok("/local/domain/7/control", "two");
    store_ask(&store_domain, "poweroff");
    event_is("control/shutdown", "one");
    event_is("/local/domain/7/control/shutdown", "two");
    assert_true(store_silent());
    read_is("control/shutdown", "poweroff");
    write_ok("control/shutdown", "");
    event_is("control/shutdown", "one");
    event_is("/local/domain/7/control/shutdown", "two");
    assert_null(watch(XS_WATCH, "control/shutdown", "one"));
    assert_string_equal(store_body, "EEXIST");
    assert_non_null(watch(XS_UNWATCH, "control/shutdown", "one"));
    assert_null(watch(XS_UNWATCH, "control/shutdown", "one"));
    assert_string_equal(store_body, "ENOENT");
    write_ok("control/other", "x");
    event_is("/local/domain/7/control/other", "two");
    assert_non_null(ask(XS_RESET_WATCHES, ""));
    write_ok("control/other", "y");
    assert_true(store_silent());
}

static void a_target_is_told(void **state)
{
    (void)state;
    watch_ok("memory/target", "t");
    store_set_target(&store_domain, 1024);
    assert_int_equal(store_domain.target, 1024);
    event_is("memory/target", "t");
    read_is("memory/target", "4096");
}

/* vCPUs from `first` up to `end`. */
static void cpu_events_are(unsigned first, unsigned end)
{
    char path[32];

    for (unsigned i = first; i < end; i++) {
        print_format(path, sizeof(path), "cpu/%u/availability", i);
        event_is(path, "c");
    }
    assert_true(store_silent());
}

/* By its own name, however many there are and however little room. */
static void each_cpu_is_told(void **state)
{
    uint32_t tx = begin();

    (void)state;
    assert_non_null(store_ask_in(tx, XS_READ, "cpu/3/availability", 19));
    watch_ok("cpu", "c");
    store_set_vcpus(&store_domain, 30);
    cpu_events_are(30, 32);
    store_set_vcpus(&store_domain, 1);
    assert_int_equal(store_domain.offline, 31);
    cpu_events_are(1, 30);
    read_is("cpu/0/availability", "online");
    read_is("cpu/1/availability", "offline");
    in_fails(tx, XS_TRANSACTION_END, "T", "EAGAIN");
    store_set_vcpus(&store_domain, 1);
    assert_true(store_silent());
    store_set_vcpus(&store_domain, DOMAIN_VCPUS);
    cpu_events_are(1, 32);
}

/* What is asked last counts; what was never told need not be. */
static void cpus_that_change_again(void **state)
{
    (void)state;
    watch_ok("cpu", "c");
    store_no_ring = true;
    store_set_vcpus(&store_domain, 4);
    store_set_vcpus(&store_domain, 5);
    store_no_ring = false;
    event_is("cpu/4/availability", "c"); /* offline, by then */
    event_is("cpu/4/availability", "c");
    cpu_events_are(5, 32);
    read_is("cpu/4/availability", "online");
    read_is("cpu/5/availability", "offline");
}

static void changes_that_wait_become_one(void **state)
{
    (void)state;
    watch_ok("control", "c");
    store_no_ring = true;
    store_ask(&store_domain, "suspend");
    store_no_ring = false;
    event_is("control/shutdown", "c");
    store_no_ring = true;
    store_ask(&store_domain, "reboot");
    store_ask(&store_domain, "suspend");
    store_no_ring = false;
    event_is("control/shutdown", "c");
    assert_true(store_silent());
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
    assert_true(store_silent());
}

static void watches_have_an_end(void **state)
{
    static char longer[STORE_TOKEN + 1];
    char token[8];

    (void)state;
    for (unsigned i = 0; i < STORE_WATCHES; i++) {
        print_format(token, sizeof(token), "%u", i);
        watch_ok("data", token);
    }
    assert_null(watch(XS_WATCH, "data", "more"));
    assert_string_equal(store_body, "E2BIG");
    assert_non_null(watch(XS_UNWATCH, "data", "3"));
    watch_ok("data", "more");
    memset(longer, 't', STORE_TOKEN);
    longer[STORE_TOKEN] = '\0';
    assert_null(watch(XS_WATCH, "x", longer));
    assert_string_equal(store_body, "EINVAL");
    assert_null(watch(XS_WATCH, "@releaseDomain", "r"));
    assert_string_equal(store_body, "EACCES");
    fails(XS_WATCH, "x\0t", 3, "EINVAL"); /* the token does not end */
    fails(XS_WATCH, "x", 2, "EINVAL");
}

/* --- transactions --------------------------------------------------------- */

static void a_transaction_is_all_or_nothing(void **state)
{
    uint32_t tx;

    (void)state;
    watch_ok("data", "w");
    tx = begin();
    assert_non_null(write_in(tx, "data/x", "1"));
    assert_non_null(store_ask_in(tx, XS_READ, "data/x", 7));
    assert_string_equal(store_body, "1");
    fails(XS_READ, "data/x", 7, "ENOENT"); /* not yet */
    assert_true(store_silent());
    assert_non_null(store_ask_in(tx, XS_TRANSACTION_END, "T", 2));
    event_is("data/x", "w");
    assert_true(store_silent());
    read_is("data/x", "1");

    tx = begin();
    assert_non_null(store_ask_in(tx, XS_RM, "data", 5));
    assert_non_null(store_ask_in(tx, XS_TRANSACTION_END, "F", 2));
    read_is("data/x", "1");
    assert_true(store_silent());
}

static void a_stale_transaction_is_tried_again(void **state)
{
    uint32_t tx = begin();

    (void)state;
    assert_non_null(write_in(tx, "control/shutdown", ""));
    store_ask(&store_domain, "suspend");
    assert_null(store_ask_in(tx, XS_TRANSACTION_END, "T", 2));
    assert_string_equal(store_body, "EAGAIN");
    read_is("control/shutdown", "suspend");
    tx = begin();
    assert_non_null(write_in(tx, "control/shutdown", ""));
    assert_non_null(store_ask_in(tx, XS_TRANSACTION_END, "T", 2));
    read_is("control/shutdown", "");
}

static void ten_transactions(void **state)
{
    uint32_t tx[STORE_TRANSACTIONS];
    char path[16];

    (void)state;
    for (unsigned i = 0; i < STORE_TRANSACTIONS; i++) {
        tx[i] = begin();
        print_format(path, sizeof(path), "data%u/x", i);
        assert_non_null(write_in(tx[i], path, "1"));
    }
    fails(XS_TRANSACTION_START, "", 1, "ENOSPC");
    assert_string_equal(store_last_said, "d7 web: its store has room for 10 "
                                         "transactions at a time, and no more");
    assert_non_null(store_ask_in(tx[0], XS_TRANSACTION_END, "T", 2));
    read_is("data0/x", "1");
    tx[0] = begin();
    /* Each made something in the same directory, and so did the first. */
    for (unsigned i = 1; i < STORE_TRANSACTIONS; i++)
        in_fails(tx[i], XS_TRANSACTION_END, "T", "EAGAIN");
    assert_non_null(write_in(tx[0], "data0/x", "2"));
    assert_non_null(store_ask_in(tx[0], XS_TRANSACTION_END, "T", 2));
    read_is("data0/x", "2");
}

/* What it did not look at does not matter to it. */
static void only_what_was_looked_at_counts(void **state)
{
    uint32_t one, two, three;

    (void)state;
    write_ok("a", "1");
    write_ok("b", "1");
    one = begin();
    two = begin();
    three = begin();
    assert_non_null(store_ask_in(one, XS_READ, "a", 2));
    assert_non_null(write_in(one, "b", "one"));
    assert_non_null(store_ask_in(two, XS_READ, "b", 2));
    in_fails(three, XS_READ, "c", "ENOENT");
    write_ok("control/shutdown", "x");
    assert_non_null(store_ask_in(one, XS_TRANSACTION_END, "T", 2));
    assert_non_null(store_ask_in(two, XS_READ, "b", 2));
    assert_string_equal(store_body, "1"); /* as it was first seen */
    in_fails(two, XS_TRANSACTION_END, "T", "EAGAIN");
    assert_non_null(ask(XS_MKDIR, "c"));
    in_fails(three, XS_TRANSACTION_END, "T", "EAGAIN");
    read_is("b", "one");
}

/* A program that holds one, and the kernel's own: both go on. */
static void one_that_is_kept_keeps_nobody(void **state)
{
    uint32_t kept, kernel;

    (void)state;
    watch_ok("control/shutdown", "w");
    kept = begin();
    assert_non_null(store_ask_in(kept, XS_READ, "control/shutdown", 17));
    assert_non_null(write_in(kept, "control/shutdown", "mine"));
    assert_non_null(store_ask_in(kept, XS_DIRECTORY, "control", 8));
    for (unsigned i = 0; i < 1000; i++)
        assert_non_null(write_in(kept, "noise", "x"));
    store_ask(&store_domain, "poweroff");
    event_is("control/shutdown", "w");
    kernel = begin();
    assert_non_null(store_ask_in(kernel, XS_READ, "control/shutdown", 17));
    assert_string_equal(store_body, "poweroff");
    assert_non_null(write_in(kernel, "control/shutdown", ""));
    assert_non_null(store_ask_in(kernel, XS_TRANSACTION_END, "T", 2));
    event_is("control/shutdown", "w");
    in_fails(kept, XS_TRANSACTION_END, "T", "EAGAIN");
    read_is("control/shutdown", "");
}

static void removal_in_a_transaction(void **state)
{
    uint32_t tx;

    (void)state;
    write_ok("data/a/b", "1");
    write_ok("data/c", "2");
    watch_ok("data/a/b", "low");
    tx = begin();
    assert_non_null(store_ask_in(tx, XS_RM, "data", 5));
    in_fails(tx, XS_READ, "data/a/b", "ENOENT");
    in_fails(tx, XS_RM, "data/c", "ENOENT");
    read_is("data/a/b", "1");
    assert_non_null(write_in(tx, "data/d", "3"));
    assert_non_null(store_ask_in(tx, XS_DIRECTORY, "data", 5));
    assert_int_equal(store_got.len, 2);
    assert_non_null(store_ask_in(tx, XS_TRANSACTION_END, "T", 2));
    event_is("data/a/b", "low");
    assert_true(store_silent());
    fails(XS_READ, "data/a", 7, "ENOENT");
    read_is("data/d", "3");
    tx = begin();
    assert_non_null(store_ask_in(tx, XS_RM, "data", 5));
    assert_non_null(ask(XS_MKDIR, "data/e")); /* it would be left behind */
    in_fails(tx, XS_TRANSACTION_END, "T", "EAGAIN");
    read_is("data/d", "3");
}

static void the_quota_holds_in_transactions(void **state)
{
    char path[16];
    uint32_t tx = begin(), other = begin();
    unsigned n = 0, room = STORE_NODES - the_store_nodes();

    (void)state;
    for (;; n++) {
        print_format(path, sizeof(path), "n%u", n);
        if (!write_in(tx, path, ""))
            break;
        assert_true(n < STORE_NODES);
    }
    assert_string_equal(store_body, "ENOSPC");
    assert_int_equal(n, room);
    assert_non_null(write_in(other, "control/shutdown", "x"));
    assert_non_null(store_ask_in(other, XS_TRANSACTION_END, "T", 2));
    assert_non_null(store_ask_in(tx, XS_TRANSACTION_END, "T", 2));
    assert_int_equal(the_store_nodes(), STORE_NODES);
    fails(XS_MKDIR, "more", 5, "ENOSPC");
    tx = begin();
    for (n = 0; n < room; n++) {
        print_format(path, sizeof(path), "n%u", n);
        assert_non_null(store_ask_in(tx, XS_RM, path, strlen(path) + 1));
    }
    assert_non_null(write_in(tx, "other", ""));
    assert_non_null(store_ask_in(tx, XS_TRANSACTION_END, "T", 2));
    assert_int_equal(the_store_nodes(), STORE_NODES - room + 1);
}

static void transactions_that_are_none(void **state)
{
    uint32_t tx = begin();

    (void)state;
    in_fails(tx, XS_TRANSACTION_START, "", "EBUSY");
    in_fails(tx + 1, XS_READ, "name", "ENOENT");
    in_fails(tx, XS_TRANSACTION_END, "X", "EINVAL");
    fails(XS_TRANSACTION_END, "T", 2, "ENOENT");
    assert_non_null(store_ask_in(tx, XS_TRANSACTION_END, "T", 2));
    in_fails(tx, XS_READ, "name", "ENOENT");
}

/* --- the wire ------------------------------------------------------------- */

static void paths_that_are_none(void **state)
{
    static const char *const bad[] = {"",         "/",   "//",      "a//b",
                                      "a/",       "a b", "../name", "a\nb",
                                      "\x80\xff", "a*"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (strcmp(bad[i], "/") != 0)
            fails(XS_READ, bad[i], strlen(bad[i]) + 1, "EINVAL");
    fails(XS_READ, "/", 2, "ENOENT");
    fails(XS_READ, "name", 4, "EINVAL");    /* no end */
    fails(XS_READ, "name\0x", 6, "EINVAL"); /* more than that */
    fails(XS_GET_DOMAIN_PATH, "x", 2, "EINVAL");
    fails(XS_GET_DOMAIN_PATH, "99999999999", 12, "EINVAL");
    fails(XS_DIRECTORY_PART, "name", 5, "EINVAL");
    fails(XS_DIRECTORY_PART, "name\0001x", 8, "EINVAL");
    fails(XS_DIRECTORY_PART, "name\0001", 6, "EINVAL");
    fails(XS_DIRECTORY_PART, "nothing\0000", 10, "ENOENT");
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
    store_send_bytes(&h, sizeof(h));
    for (unsigned i = 0; i < 5; i++) {
        assert_true(store_silent());
        store_send_bytes(junk, sizeof(junk));
    }
    store_guest_serve();
    store_take_message();
    assert_int_equal(store_got.type, XS_ERROR);
    assert_string_equal(store_body, "E2BIG");
    read_is("name", "web"); /* still in step */
    h.len = 0xffffffff;
    store_send_bytes(&h, sizeof(h));
    for (unsigned i = 0; i < 50; i++) {
        assert_true(store_silent());
        store_send_bytes(junk, sizeof(junk));
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
        assert_true(store_silent());
        store_send_bytes(message + i, 1);
    }
    store_guest_serve();
    store_take_message();
    assert_string_equal(store_body, "web");
}

/* Answers wait for room, to the last byte, and none is lost or doubled. */
static void a_full_ring(void **state)
{
    uint32_t first = store_next_id + 1, sent = 0;
    char value[301];

    (void)state;
    memset(value, 'w', 300);
    value[300] = '\0';
    write_ok("data/long", value);
    first = store_next_id + 1;
    for (unsigned i = 0; i < 30; i++, sent++)
        store_send_request(XS_READ, 0, "data/long", 10);
    store_guest_serve();
    assert_int_equal(store_ring.rsp_prod - store_ring.rsp_cons,
                     XENSTORE_RING_SIZE);
    store_ask(&store_domain, "suspend");
    assert_int_equal(store_ring.rsp_prod - store_ring.rsp_cons,
                     XENSTORE_RING_SIZE);
    for (uint32_t i = 0; i < sent; i++) {
        store_take_message();
        assert_int_equal(store_got.req_id, first + i);
        assert_string_equal(store_body, value);
    }
    assert_true(store_silent());
}

static void indices_that_cannot_be(void **state)
{
    (void)state;
    store_ring.req_prod = store_ring.req_cons + XENSTORE_RING_SIZE + 1;
    store_guest_serve();
    store_ring.req_prod = store_ring.req_cons + 0x80000000;
    store_guest_serve();
    store_ring.req_prod = store_ring.req_cons;
    store_ring.rsp_cons =
        store_ring.rsp_prod + 5; /* it took what was not there */
    store_send_request(XS_READ, 0, "name", 5);
    store_guest_serve();
    assert_int_equal(store_ring.rsp_prod + 5, store_ring.rsp_cons);
    store_ring.rsp_cons = store_ring.rsp_prod;
    store_guest_serve();
    store_take_message();
    assert_string_equal(store_body, "web");
}

static void one_that_does_not_run_is_left_alone(void **state)
{
    (void)state;
    watch_ok("control/shutdown", "s");
    store_domain.suspended = true;
    store_ask(&store_domain, "poweroff");
    assert_true(store_silent());
    store_domain.suspended = false;
    store_reset(&store_domain); /* as resuming does */
    assert_true(store_silent());
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
        store_send_bytes(&h, sizeof(h));
        store_send_bytes(text, h.len);
        store_guest_serve();
        if (dice(&seed) % 64 == 0)
            store_ask(&store_domain, "suspend");
        store_ring.rsp_cons = store_ring.rsp_prod;
        while (!store_silent())
            store_ring.rsp_cons = store_ring.rsp_prod;
        store_ring.req_cons = store_ring.req_prod;
        store_domain.store->taken = 0;
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
        T(permissions_are_kept),
        T(permissions_that_are_none),
        T(a_full_store_is_full),
        T(sizes_are_xens),
        T(a_directory_longer_than_a_message),
        T(a_watch_tells_of_changes),
        T(a_target_is_told),
        T(each_cpu_is_told),
        T(cpus_that_change_again),
        T(changes_that_wait_become_one),
        T(removal_is_told_below_and_above),
        T(watches_have_an_end),
        T(a_transaction_is_all_or_nothing),
        T(a_stale_transaction_is_tried_again),
        T(ten_transactions),
        T(only_what_was_looked_at_counts),
        T(one_that_is_kept_keeps_nobody),
        T(removal_in_a_transaction),
        T(the_quota_holds_in_transactions),
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
