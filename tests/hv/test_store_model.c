/* SPDX-License-Identifier: MIT */
/*
 * A domain's xenstore beside a naive one: an array of all the paths there can
 * be, and for each transaction another that says what it has looked at, as
 * xenstored's rules are: it is kept if no node it looked at has changed, its
 * children counting as part of a node. The hypervisor writes in between, also
 * in the middle of a request.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/base/print.h"
#include "tests/hv/check.h"
#include "tests/hv/store_guest.h"

#define NAMES  3u
#define LEVELS 3u
#define PATHS  (1 + 3 + 9 + 27) /* below "m", which is number 0 */
#define ASKED  PATHS            /* control/shutdown */
#define ALL    (PATHS + 1)
#define ROUNDS 150000u

struct node {
    bool there;
    unsigned value, generation;
};
struct sight {
    bool looked, changed, was_there;
    unsigned generation;
    struct node now;
};
struct naive_tx {
    uint32_t id; /* 0: none */
    struct sight of[ALL];
};

static struct node nodes[ALL];
static struct naive_tx naive[STORE_TRANSACTIONS];
static unsigned clock_now, kept, tried_again;
static uint64_t seed;

static unsigned dice(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed % n);
}

/* --- the naive one -------------------------------------------------------- */

/* Children of i are 3 i + 1 to 3 i + 3. */
static unsigned parent(unsigned i)
{
    return (i - 1) / NAMES;
}

static bool below(unsigned i, unsigned top)
{
    while (i > top)
        i = parent(i);
    return i == top;
}

static const char *path_of(unsigned i)
{
    static char room[64];
    char *at = room + sizeof(room);

    if (i == ASKED)
        return "control/shutdown";
    for (*--at = '\0'; i; i = parent(i)) {
        *--at = (char)('a' + (i - 1) % NAMES);
        *--at = '/';
    }
    *--at = 'm';
    return at;
}

static void look(struct naive_tx *tx, unsigned i)
{
    if (tx && !tx->of[i].looked)
        tx->of[i] = (struct sight){.looked = true,
                                   .was_there = nodes[i].there,
                                   .generation = nodes[i].generation,
                                   .now = nodes[i]};
}

static struct node *view(struct naive_tx *tx, unsigned i)
{
    return tx && tx->of[i].looked ? &tx->of[i].now : &nodes[i];
}

/* A node that comes or goes is a change of its directory. */
static void put(struct naive_tx *tx, unsigned i, struct node to)
{
    if (tx) {
        tx->of[i].now = to;
        tx->of[i].changed = true;
        return;
    }
    if (to.there != nodes[i].there && i && i != ASKED)
        nodes[parent(i)].generation = ++clock_now;
    nodes[i] = to;
    nodes[i].generation = ++clock_now;
}

static void naive_write(struct naive_tx *tx, unsigned i, unsigned value)
{
    unsigned missing[LEVELS + 1], n = 0;

    for (unsigned at = i;; at = parent(at)) {
        look(tx, at);
        if (view(tx, at)->there)
            break;
        missing[n++] = at;
        ASSERT(at);
    }
    while (n)
        put(tx, missing[--n], (struct node){.there = true});
    put(tx, i, (struct node){.there = true, .value = value});
}

static const char *naive_rm(struct naive_tx *tx, unsigned i)
{
    look(tx, i);
    look(tx, parent(i));
    if (!view(tx, i)->there)
        return view(tx, parent(i))->there ? NULL : "ENOENT";
    for (unsigned k = i; k < PATHS; k++)
        if (below(k, i) && view(tx, k)->there) {
            look(tx, k);
            put(tx, k, (struct node){.there = false});
        }
    return NULL;
}

static bool same_as_seen(const struct sight *x, const struct node *n)
{
    if (!x->looked)
        return true;
    return x->was_there == n->there &&
           (!n->there || x->generation == n->generation);
}

static const char *naive_end(struct naive_tx *tx, bool keep)
{
    tx->id = 0;
    if (!keep)
        return NULL;
    for (unsigned i = 0; i < ALL; i++)
        if (!same_as_seen(&tx->of[i], &nodes[i])) {
            tried_again++;
            return "EAGAIN";
        }
    for (unsigned i = 0; i < ALL; i++)
        if (tx->of[i].changed && (tx->of[i].now.there || nodes[i].there))
            put(NULL, i, tx->of[i].now);
    kept++;
    return NULL;
}

/* --- both ----------------------------------------------------------------- */

static unsigned asked; /* in the middle of a request; 0: not */

static void ask_for(unsigned value)
{
    static char word[2][16]; /* the last one may not have been written yet */
    static unsigned which;

    which = !which;
    print_format(word[which], sizeof(word[which]), "%u", value);
    store_ask(&store_domain, word[which]);
}

/* A job sees nothing of it. */
static void meanwhile(void)
{
    if (!store_domain.store->job.active || dice(40))
        return;
    asked = 1 + dice(1000);
    ask_for(asked);
}

static void asked_is_written(void)
{
    if (asked)
        put(NULL, ASKED, (struct node){.there = true, .value = asked});
    asked = 0;
}

static void agree(const char *answer, const char *wrong)
{
    if (!wrong && !answer)
        fail_msg("%s where there is no error", store_body);
    if (wrong && answer)
        fail_msg("'%s' instead of %s", answer, wrong);
    if (wrong)
        assert_string_equal(store_body, wrong);
}

static const char *request(const struct naive_tx *tx, uint32_t type, unsigned i)
{
    const char *path = path_of(i);

    return store_ask_in(tx ? tx->id : 0, type, path, strlen(path) + 1);
}

static void one_read(struct naive_tx *tx, unsigned i)
{
    const char *answer = request(tx, XS_READ, i);
    const struct node *n;

    look(tx, i);
    n = view(tx, i);
    agree(answer, n->there ? NULL : "ENOENT");
    if (n->there)
        assert_int_equal(strtoul(answer, NULL, 10), n->value);
}

static void one_list(struct naive_tx *tx, unsigned i)
{
    const char *answer = request(tx, XS_DIRECTORY, i);
    unsigned there = 0, listed = 0;

    look(tx, i);
    agree(answer, view(tx, i)->there ? NULL : "ENOENT");
    if (!answer)
        return;
    for (unsigned k = 0; k < NAMES; k++)
        if (i < PATHS && NAMES * i + k + 1 < PATHS &&
            view(tx, NAMES * i + k + 1)->there)
            there |= 1u << k;
    for (unsigned at = 0; at < store_got.len; at += 2)
        listed |= 1u << (answer[at] - 'a');
    assert_int_equal(listed, there);
}

static void one_write(struct naive_tx *tx, unsigned i)
{
    unsigned value = 1 + dice(1000);
    char body[64];
    size_t n = print_format(body, sizeof(body), "%s", path_of(i)) + 1;

    n += print_format(body + n, sizeof(body) - n, "%u", value);
    agree(store_ask_in(tx ? tx->id : 0, XS_WRITE, body, n), NULL);
    naive_write(tx, i, value);
}

static void one_mkdir(struct naive_tx *tx, unsigned i)
{
    agree(request(tx, XS_MKDIR, i), NULL);
    look(tx, i);
    if (!view(tx, i)->there)
        naive_write(tx, i, 0);
}

static void one_rm(struct naive_tx *tx, unsigned i)
{
    const char *answer = request(tx, XS_RM, i);

    agree(answer, naive_rm(tx, i));
}

static void one_begin(void)
{
    struct naive_tx *tx = naive;
    const char *answer = store_ask_in(0, XS_TRANSACTION_START, "", 1);

    while (tx < naive + STORE_TRANSACTIONS && tx->id)
        tx++;
    agree(answer, tx == naive + STORE_TRANSACTIONS ? "ENOSPC" : NULL);
    if (!answer)
        return;
    memset(tx, 0, sizeof(*tx));
    tx->id = (uint32_t)strtoul(answer, NULL, 10);
}

static void one_end(struct naive_tx *tx)
{
    bool keep = dice(8);
    const char *answer =
        store_ask_in(tx->id, XS_TRANSACTION_END, keep ? "T" : "F", 2);

    agree(answer, naive_end(tx, keep));
}

static void one_of_all(void)
{
    struct naive_tx *tx =
        &naive[dice(STORE_TRANSACTIONS + 6) % STORE_TRANSACTIONS];
    unsigned i = 1 + dice(PATHS - 1);

    if (!tx->id || !dice(4))
        tx = NULL;
    switch (dice(12)) {
    case 0 ... 3:
        one_read(tx, dice(10) ? i : ASKED);
        break;
    case 4:
        one_list(tx, dice(4) ? i : 0);
        break;
    case 5 ... 6:
        one_write(tx, i);
        break;
    case 7:
        one_mkdir(tx, i);
        break;
    case 8:
        one_rm(tx, i);
        break;
    case 9 ... 10:
        one_begin();
        break;
    default:
        if (tx)
            one_end(tx);
    }
}

static void the_same_as_a_naive_one(void **state)
{
    (void)state;
    store_guest_make();
    store_looked = meanwhile;
    seed = 20;
    agree(request(NULL, XS_MKDIR, 0), NULL);
    nodes[0] = (struct node){.there = true, .generation = ++clock_now};
    nodes[ASKED] = (struct node){.there = true, .generation = ++clock_now};
    for (unsigned round = 0; round < ROUNDS; round++) {
        store_patience = dice(4);
        one_of_all();
        asked_is_written();
        if (round % 64 == 0)
            store_guest_audit();
        if (!dice(50)) {
            asked = 1 + dice(1000);
            ask_for(asked);
            asked_is_written();
        }
    }
    /* It says something only if both happen often. */
    assert_true(kept > ROUNDS / 100 && tried_again > ROUNDS / 100);
    store_guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_as_a_naive_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
