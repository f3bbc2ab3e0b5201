/* SPDX-License-Identifier: MIT */
/*
 * test_store: guest/lib/store.c against a store of its own that answers at
 * once, late, in pieces, wrongly, or not at all. Whatever comes, the client
 * goes on, writes nowhere but into its half of the page, and takes no answer
 * for another's.
 */
#include "guest/lib/store.h"

#include "guest/lib/guest.h"
#include "xen/io/xs_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define RING XENSTORE_RING_SIZE

/* --- what the client finds around it -------------------------------------- */

static struct start_info info;
struct start_info *guest_start_info = &info;
static struct xenstore_domain_interface page;
static unsigned sent;
static event_handler_t *on_port;

void *frame_va(pfn_t pfn)
{
    assert_int_equal(pfn.v, 77);
    return &page;
}
pfn_t frame_pfn(mfn_t mfn)
{
    return pfn_of(mfn.v - 1000);
}
int64_t event_send(evtchn_port_t port)
{
    assert_int_equal(port, info.store_evtchn);
    sent++;
    return 0;
}
void event_unmask(evtchn_port_t port)
{
    assert_int_equal(port, info.store_evtchn);
}
void event_set_handler(evtchn_port_t port, event_handler_t *handler)
{
    assert_int_equal(port, info.store_evtchn);
    on_port = handler;
}

/* --- a store -------------------------------------------------------------- */

struct request {
    struct xsd_sockmsg h;
    char body[RING];
};

/* The next request, if all of it is there. */
static bool take(struct request *r)
{
    uint32_t cons = page.req_cons, avail = page.req_prod - cons;
    if (avail < sizeof(r->h))
        return false;
    for (unsigned i = 0; i < sizeof(r->h); i++)
        ((char *)&r->h)[i] = page.req[MASK_XENSTORE_IDX(cons++)];
    assert_true(avail >= sizeof(r->h) + r->h.len); /* never in pieces */
    for (unsigned i = 0; i < r->h.len; i++)
        r->body[i] = page.req[MASK_XENSTORE_IDX(cons++)];
    r->body[r->h.len] = '\0';
    page.req_cons = cons;
    return true;
}

static void put(const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        page.rsp[MASK_XENSTORE_IDX(page.rsp_prod++)] = ((const char *)data)[i];
}

static void answer(uint32_t type, uint32_t id, const char *body, size_t len)
{
    struct xsd_sockmsg h = {type, id, 0, (uint32_t)len};
    put(&h, sizeof(h));
    put(body, len);
}

static void fire(char token)
{
    char body[] = "some/path\0?";
    body[sizeof(body) - 2] = token;
    answer(XS_WATCH_EVENT, 0, body, sizeof(body));
}

static const char *value; /* NULL: there is none */
static char written[RING];
static unsigned nr_watch, nr_read, nr_write;

static void serve_one(const struct request *r)
{
    if (r->h.type == XS_WATCH) {
        nr_watch++;
        answer(XS_WATCH, r->h.req_id, "OK", 3);
        fire(r->body[strlen(r->body) + 1]);
    } else if (r->h.type == XS_READ) {
        nr_read++;
        assert_string_equal(r->body, "control/shutdown");
        if (value)
            answer(XS_READ, r->h.req_id, value, strlen(value));
        else
            answer(XS_ERROR, r->h.req_id, "ENOENT", 7);
    } else {
        assert_int_equal(r->h.type, XS_WRITE);
        nr_write++;
        memcpy(written, r->body + strlen(r->body) + 1,
               r->h.len - strlen(r->body));
        answer(XS_WRITE, r->h.req_id, "OK", 3);
    }
}

/* Client and store in turn until neither has anything more to say. */
static void settle(void)
{
    struct request r;
    for (unsigned i = 0; i < 20; i++) {
        store_poll();
        while (take(&r))
            serve_one(&r);
    }
}

/* --- a client ------------------------------------------------------------- */

static char seen[128];
static unsigned times;

static void on_value(const char *v)
{
    times++;
    v = v ? v : "(none)";
    memcpy(seen, v, MIN(strlen(v) + 1, sizeof(seen) - 1));
}

/* The library keeps its state for ever, so the watch is set but once. */
static int begin(void **state)
{
    (void)state;
    static bool watched;
    memset(&page, 0, sizeof(page));
    info.store_mfn = 1077;
    info.store_evtchn = 5;
    value = NULL;
    if (watched)
        store_resume();
    else
        assert_true(store_init() && store_watch("control/shutdown", on_value));
    watched = true;
    settle();
    times = nr_watch = nr_read = nr_write = 0;
    *written = *seen = '\0';
    return 0;
}

static void values_come(void **state)
{
    (void)state;
    value = "suspend";
    fire('0');
    settle();
    assert_string_equal(seen, "suspend");
    assert_int_equal(times, 1);
    assert_int_equal(nr_read, 1);
    settle();
    assert_int_equal(times, 1);
    value = NULL;
    fire('0');
    settle();
    assert_string_equal(seen, "(none)");
}

static void values_go(void **state)
{
    (void)state;
    assert_true(store_write("control/shutdown", "done"));
    assert_true(store_write("control/shutdown", ""));
    settle();
    assert_int_equal(nr_write, 2);
    assert_string_equal(written, "");
    char much[200];
    memset(much, 'x', sizeof(much));
    much[199] = '\0';
    assert_false(store_write("control/shutdown", much));
    unsigned n = 0;
    while (store_write("control/shutdown", "again"))
        n++;
    assert_in_range(n, 1, 16);
    settle();
    assert_int_equal(nr_write, 2 + n);
}

/* After a suspension the watch is set again, and what it says is read. */
static void resumes(void **state)
{
    (void)state;
    page.req_prod = page.req_cons = page.rsp_prod = 12345;
    page.rsp_cons = 12000; /* somebody else's answers */
    info.store_evtchn = 9;
    value = "poweroff";
    store_resume();
    settle();
    assert_int_equal(nr_watch, 1);
    assert_string_equal(seen, "poweroff");
}

/* A request is under way and its answer never comes, or another does. */
static void strange_answers(void **state)
{
    (void)state;
    struct request r;
    value = "suspend";
    fire('0');
    store_poll();
    store_poll();
    assert_true(take(&r));
    answer(XS_READ, r.h.req_id + 1, "reboot", 6);
    store_poll();
    assert_int_equal(times, 0);
    answer(XS_READ, r.h.req_id, "poweroff", 8);
    answer(XS_READ, r.h.req_id, "reboot", 6); /* twice */
    store_poll();
    assert_int_equal(times, 1);
    assert_string_equal(seen, "poweroff");
    fire('7'); /* no watch of ours */
    answer(XS_WATCH_EVENT, 0, "no token", 8);
    answer(XS_WATCH_EVENT, 0, "", 0);
    settle();
    assert_int_equal(times, 1);
}

/* Longer than is kept, longer than the ring, a byte at a time. */
static void long_messages(void **state)
{
    (void)state;
    struct request r;
    char much[700];
    memset(much, 'y', sizeof(much));
    fire('0');
    store_poll();
    assert_true(take(&r));
    struct xsd_sockmsg h = {XS_READ, r.h.req_id, 0, 3 * sizeof(much)};
    put(&h, sizeof(h));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(times, 0);
        put(much, sizeof(much));
        store_poll();
    }
    assert_int_equal(times, 1);
    assert_int_equal(seen[0], 'y');
    fire('0');
    store_poll();
    assert_true(take(&r));
    h = (struct xsd_sockmsg){XS_READ, r.h.req_id, 0, 4};
    const char *p = (const char *)&h;
    for (unsigned i = 0; i < sizeof(h); i++, store_poll())
        put(p + i, 1);
    for (unsigned i = 0; i < 4; i++, store_poll()) {
        assert_int_equal(times, 1);
        put("halt" + i, 1);
    }
    assert_int_equal(times, 2);
    assert_string_equal(seen, "halt");
}

/* Nobody takes requests: nothing overflows, nothing waits. */
static void deaf_store(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        (void)store_write("control/shutdown", "x");
        store_poll();
        assert_true(page.req_prod - page.req_cons <= RING);
    }
    page.req_cons = page.req_prod;
    store_resume();
    settle();
}

/* Any bytes and any indices. */
static void noise(void **state)
{
    (void)state;
    srandom(1);
    for (unsigned n = 0; n < 20000; n++) {
        for (unsigned i = 0; i < RING; i += 16)
            page.rsp[(i + (unsigned)random()) % RING] = (char)random();
        page.rsp_prod = (uint32_t)(random() % 4 ? page.rsp_prod + random() % 99
                                                : (uint32_t)random());
        if (random() % 8 == 0)
            page.req_cons = (uint32_t)random();
        store_poll();
        assert_true(page.rsp_prod - page.rsp_cons <= RING);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(values_come, begin),
        cmocka_unit_test_setup(values_go, begin),
        cmocka_unit_test_setup(resumes, begin),
        cmocka_unit_test_setup(strange_answers, begin),
        cmocka_unit_test_setup(long_messages, begin),
        cmocka_unit_test_setup(deaf_store, begin),
        cmocka_unit_test_setup(noise, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
