/* SPDX-License-Identifier: MIT */
/*
 * How much a domain's xenstore does between two looks at the clock, whatever
 * the guest made of it: the edges of its code are counted (hv.mk compiles it
 * so), and the bytes that it compares. A loop that is new and as long as a
 * guest likes fails here by itself.
 */
#include <stdio.h>
#include <string.h>

#include "hv/base/print.h"
#include "tests/hv/check.h"
#include "tests/hv/store_guest.h"

/* Most are of a path's bytes, or of those that fit into the ring. */
#define MOST 6000u

static unsigned edges, worst, looks;
static unsigned long total;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    edges++;
}

/* The store's own memory functions, as hv/base/string.c has them. */
int store_memcmp(const void *a, const void *b, size_t n);
int store_memcmp(const void *a, const void *b, size_t n)
{
    edges += (unsigned)n;
    return memcmp(a, b, n);
}

size_t store_strlen(const char *s);
size_t store_strlen(const char *s)
{
    edges += (unsigned)strlen(s);
    return strlen(s);
}

static void looked(void)
{
    worst = edges > worst ? edges : worst;
    total += edges;
    looks++;
    edges = 0;
}

static void begin_count(void)
{
    edges = worst = looks = 0;
    total = 0;
}

static void end_count(const char *what)
{
    looked();
    printf("  %-44s %7u edges at most, %8lu in %6u steps\n", what, worst, total,
           looks);
    assert_true(worst <= MOST);
}

/* --- a guest that wants much ---------------------------------------------- */

static char text[2 * XENSTORE_PAYLOAD_MAX];

static const char *request(uint32_t tx, uint32_t type, const char *path,
                           const void *rest, size_t len)
{
    size_t n = strlen(path) + 1;

    while (!store_silent())
        store_take_message();
    memcpy(text, path, n);
    memcpy(text + n, rest, len);
    store_send_request(type, tx, text, n + len);
    do { /* events come in between */
        store_take_message();
    } while (store_got.type == XS_WATCH_EVENT);
    return store_got.type == XS_ERROR ? NULL : store_body;
}

static uint32_t start(void)
{
    unsigned id = 0;

    assert_non_null(request(0, XS_TRANSACTION_START, "", "", 0));
    for (const char *p = store_body; *p; p++)
        id = id * 10 + (unsigned)(*p - '0');
    return id;
}

static const char *numbered(const char *dir, unsigned i)
{
    static char path[64];

    print_format(path, sizeof(path), "%s/%u", dir, i);
    return path;
}

/* As many watches as there can be, of tokens that differ at their end. */
static void watch_all(const char *path)
{
    static char token[STORE_TOKEN];

    memset(token, 't', STORE_TOKEN - 1);
    for (unsigned i = 0; i < STORE_WATCHES; i++) {
        token[STORE_TOKEN - 3] = (char)('a' + i / 16);
        token[STORE_TOKEN - 2] = (char)('a' + i % 16);
        assert_non_null(request(0, XS_WATCH, path, token, STORE_TOKEN));
    }
}

static unsigned make_many(uint32_t tx, const char *dir)
{
    unsigned n = 0;

    while (request(tx, XS_WRITE, numbered(dir, n), "v", 1))
        n++;
    return n;
}

static void deep_path(char *path)
{
    for (unsigned i = 0; i < STORE_RELATIVE; i++)
        path[i] = i % 2 ? '/' : 'p';
    path[STORE_RELATIVE - 1] = '\0';
}

static int make(void **state)
{
    (void)state;
    store_guest_make();
    store_patience = 1;
    store_looked = looked;
    return 0;
}

static int end(void **state)
{
    (void)state;
    store_guest_audit();
    edges = 0;
    store_guest_end();
    assert_true(edges < MOST);
    return 0;
}

/* --- what is most --------------------------------------------------------- */

static void a_transaction_of_a_thousand_nodes(void **state)
{
    uint32_t tx;

    (void)state;
    watch_all("/local/domain/7/data");
    begin_count();
    tx = start();
    assert_true(make_many(tx, "data") > 900);
    end_count("making 900 nodes in a transaction");
    begin_count();
    assert_non_null(request(tx, XS_TRANSACTION_END, "T", "", 0));
    end_count("its end, 128 watches on them");
    tx = start();
    begin_count();
    assert_null(request(tx, XS_DIRECTORY, "data", "", 0) ? NULL : "too long");
    end_count("listing them");
    begin_count();
    assert_non_null(request(tx, XS_RM, "data", "", 0));
    end_count("removing them in a transaction");
    begin_count();
    assert_non_null(request(tx, XS_TRANSACTION_END, "T", "", 0));
    end_count("its end");
}

static void a_tree_that_goes_at_once(void **state)
{
    (void)state;
    watch_all("data");
    make_many(0, "data");
    begin_count();
    assert_non_null(request(0, XS_RM, "data", "", 0));
    store_guest_serve();
    end_count("removing 900 nodes, 128 watches");
}

static void watches_of_nearly_the_same_token(void **state)
{
    static char token[STORE_TOKEN];

    (void)state;
    memset(token, 't', STORE_TOKEN - 1);
    watch_all("x");
    begin_count();
    assert_null(request(0, XS_UNWATCH, "x", token, STORE_TOKEN));
    end_count("looking for one of 128 watches");
    begin_count();
    store_ask(&store_domain, "poweroff");
    end_count("asking");
    begin_count();
    assert_non_null(request(0, XS_RESET_WATCHES, "", "", 0));
    store_guest_serve();
    end_count("resetting 128 watches");
}

static void a_path_of_a_thousand_parts(void **state)
{
    static char path[STORE_RELATIVE + 1];

    (void)state;
    deep_path(path);
    begin_count();
    assert_null(request(0, XS_READ, path, "", 0));
    assert_null(request(0, XS_WRITE, path, "v", 1)); /* too many nodes */
    path[1801] = '\0';
    assert_non_null(request(0, XS_WRITE, path, "v", 1));
    assert_non_null(request(0, XS_READ, path, "", 0));
    end_count("making and reading 900 levels");
    begin_count();
    assert_non_null(request(0, XS_WATCH, path, "t", 2));
    assert_non_null(request(0, XS_WRITE, path, "w", 1));
    end_count("watching the lowest");
    begin_count();
    assert_non_null(request(0, XS_RM, "p", "", 0));
    store_guest_serve();
    end_count("removing them");
    begin_count();
    assert_non_null(request(0, XS_UNWATCH, path, "t", 2));
    store_guest_serve();
    end_count("and the watch");
}

/* All that there can be of transactions, and all of it at once for nothing. */
static void ten_transactions_of_a_thousand_nodes(void **state)
{
    uint32_t tx[STORE_TRANSACTIONS];

    (void)state;
    make_many(0, "d");
    for (unsigned i = 0; i < STORE_TRANSACTIONS; i++) {
        tx[i] = start();
        for (unsigned k = 0; k < 900; k++)
            if (!request(tx[i], XS_READ, numbered("d", k), "", 0))
                break;
    }
    begin_count();
    request(tx[9], XS_RM, "d", "", 0); /* there may be no room to look */
    end_count("removing where ten have looked");
    begin_count();
    store_reset(&store_domain);
    store_guest_serve();
    end_count("resetting ten transactions");
}

static uint64_t dice(uint64_t *seed, uint64_t n)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed % n;
}

/* Requests of all kinds on paths of all lengths, in a store that is full. */
static void all_kinds_of_requests(void **state)
{
    static char path[STORE_RELATIVE + 1];
    uint64_t seed = 7;

    (void)state;
    begin_count();
    for (unsigned i = 0; i < 40000; i++) {
        uint32_t tx = dice(&seed, 2) ? (uint32_t)dice(&seed, 30) : 0;
        uint32_t type = (uint32_t)dice(&seed, 22);
        size_t n = dice(&seed, 8) ? dice(&seed, 40) : dice(&seed, 2000);

        for (size_t k = 0; k < n; k++)
            path[k] = k % 2 ? '/' : (char)('a' + dice(&seed, 3));
        path[n - !(n % 2)] = '\0';
        request(tx, type, n ? path : "T", "token", dice(&seed, 2) ? 6 : 0);
    }
    end_count("40000 of all kinds");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, make, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_transaction_of_a_thousand_nodes),    T(a_tree_that_goes_at_once),
        T(watches_of_nearly_the_same_token),     T(a_path_of_a_thousand_parts),
        T(ten_transactions_of_a_thousand_nodes), T(all_kinds_of_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
