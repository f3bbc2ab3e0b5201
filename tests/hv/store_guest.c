/* SPDX-License-Identifier: MIT */
#include "tests/hv/store_guest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/arch/layout.h"
#include "hv/arch/memory.h"
#include "hv/base/log.h"
#include "hv/call/hypercall.h"
#include "hv/dev/clock.h"
#include "hv/sched/event.h"
#include "hv/sched/ring_page.h"

#define FRAMES 256u /* of the machine */

struct mm hv_mm;
struct domain store_domain;
struct xenstore_domain_interface store_ring;
unsigned store_notified, store_frames_out, store_frames_max, store_said;
unsigned store_patience;
bool store_no_ring;
char store_last_said[128];
void (*store_looked)(void);

struct xsd_sockmsg store_got;
char store_body[XENSTORE_PAYLOAD_MAX + 1];
uint32_t store_next_id;

/* --- what the store wants of others --------------------------------------- */

static uint8_t memory[FRAMES * PAGE_SIZE] aligned_to(PAGE_SIZE << STORE_ORDER);
static bool taken[FRAMES];
static bool fresh; /* nobody has done anything with the store yet */

static void must(bool right, const char *what)
{
    if (right)
        return;
    fprintf(stderr, "store: %s\n", what);
    abort();
}

void bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}

static bool all_free(unsigned at, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (taken[at + i])
            return false;
    return true;
}

static void mark(unsigned at, unsigned n, bool as)
{
    for (unsigned i = 0; i < n; i++) {
        must(taken[at + i] != as, "a frame twice taken or put");
        taken[at + i] = as;
    }
}

enum err alloc_hv_get(struct mm *mm, unsigned order, mfn_t *out)
{
    const unsigned n = 1u << order;

    if (store_frames_out + n > store_frames_max)
        return ERR_NOMEM;
    for (unsigned at = 0; at < FRAMES; at += n) {
        if (!all_free(at, n))
            continue;
        mark(at, n, true);
        store_frames_out += n;
        *out = mfn_of(at);
        memset(mm_frame_ptr(mm, *out), 0, n * PAGE_SIZE);
        return ERR_NONE;
    }
    return ERR_NOMEM;
}

/* What is freed is of no use to anybody. */
void alloc_hv_put(struct mm *mm, mfn_t m, unsigned order)
{
    const unsigned n = 1u << order;
    const uintptr_t from = (uintptr_t)mm->direct;

    /* It is known here by where it is: see hv/arch/layout.h. */
    m = mfn_of(((uintptr_t)direct_of_maddr(maddr_of_mfn(m)) - from) /
               PAGE_SIZE);
    must(m.v % n == 0 && m.v + n <= FRAMES, "no frame of the machine's");
    mark((unsigned)m.v, n, false);
    store_frames_out -= n;
    memset(mm_frame_ptr(mm, m), 0xdf, n * PAGE_SIZE);
}

void *ring_page_get(struct domain *d, mfn_t m)
{
    (void)d;
    (void)m;
    return store_no_ring ? NULL : &store_ring;
}

void ring_page_put(struct domain *d, mfn_t m)
{
    (void)d;
    (void)m;
}

void event_notify(struct domain *d, const uint16_t *port)
{
    (void)d;
    (void)port;
    store_notified++;
}

uint64_t clock_now_ns(void)
{
    return 0x123456789abcdef;
}

bool cpu_preempt(void)
{
    static unsigned looks;

    if (store_looked)
        store_looked();
    return store_patience && ++looks % store_patience == 0;
}

void log_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(store_last_said, sizeof(store_last_said), fmt, ap);
    va_end(ap);
    store_said++;
}

/* --- all of it ------------------------------------------------------------ */

static struct store *the_store(void)
{
    return store_domain.store;
}

void store_guest_make(void)
{
    hv_mm.direct = memory;
    memset(taken, 0, sizeof(taken));
    memset(&store_domain, 0, sizeof(store_domain));
    memset(&store_ring, 0, sizeof(store_ring));
    store_domain.id = 7;
    store_domain.mm.max_pages = 4096;
    store_domain.target = 2048;
    store_domain.store_port = 2;
    store_domain.nr_vcpus = DOMAIN_VCPUS;
    memcpy(store_domain.name, "web", 4);
    store_no_ring = false;
    store_notified = store_said = store_patience = 0;
    store_frames_max = FRAMES;
    store_looked = NULL;
    store_next_id = 0;
    fresh = true;
    must(!store_create(&store_domain), "no store");
    store_guest_audit();
}

void store_guest_end(void)
{
    store_free(&store_domain);
    store_free(&store_domain);
    must(!store_frames_out, "frames are lost");
}

void store_guest_serve(void)
{
    do
        if (store_looked)
            store_looked();
    while (store_serve(&store_domain) == ERR_RESTART);
}

/* --- what must be right always -------------------------------------------- */

struct found {
    unsigned dentries, nodes, entries, watches, fired, values;
    uint64_t spare; /* holds of the hypervisor's own */
    const struct store_value *value[16384];
};
static struct found found;
static uint64_t spare; /* what there was of found.spare at birth */

static void found_value(const struct store_value *v)
{
    if (!v)
        return;
    must(found.values < ARRAY_SIZE(found.value), "too many values");
    found.value[found.values++] = v;
}

static unsigned count_children(const struct store_dentry *p)
{
    unsigned n = 0;

    for (const struct store_dentry *c = p->first; c; c = c->next, n++) {
        must(c->parent == p, "a child of somebody else's");
        must(c->next ? c->next->prev == c : p->last == c, "a list is torn");
        must(store_tree_find(&the_store()->tree, p, c->name, c->len) == c,
             "a child that is not found");
    }
    return n;
}

static unsigned count_events(const struct store_dentry *p)
{
    unsigned n = 0;

    for (const struct store_watch *x = the_store()->watches.fired; x;
         x = x->next_fired)
        n += x->event == p;
    return n;
}

static unsigned count_watches(const struct store_dentry *p)
{
    unsigned n = 0;

    for (const struct store_watch *x = p->watches; x; x = x->next, n++)
        must(x->dentry == p && the_store()->watches.slot[x->slot] == x,
             "a watch that is elsewhere");
    return n;
}

static unsigned count_entries(const struct store_dentry *p)
{
    unsigned n = 0;

    for (const struct store_entry *e = p->entries; e; e = e->beside, n++) {
        must(e->dentry == p, "an entry that is elsewhere");
        found_value(e->value);
    }
    return n;
}

static void audit_dentry(const struct store_dentry *p)
{
    const struct store *s = the_store();
    const unsigned entries = count_entries(p), watches = count_watches(p);
    const bool node = p->value && p != s->tree.home;
    uint64_t held =
        node + count_children(p) + watches + count_events(p) + entries;

    found.dentries++;
    found.nodes += node;
    found.entries += entries;
    found.watches += watches;
    found_value(p->value);
    must(p->refs >= held, "a dentry is held by fewer than hold it");
    must(p->refs || (p->flags & STORE_DEAD), "a dentry that nobody holds");
    found.spare += p->refs - held;
    must(!node || s->job.active || p->parent->value, "a node without parent");
}

static int by_address(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;

    return (x > y) - (x < y);
}

/* How many different ones; each is held as often as it says. */
static unsigned audit_values(void)
{
    const struct store *s = the_store();
    unsigned different = 0;

    found_value(s->tree.empty);
    found_value(s->job.empty);
    found_value(s->online);
    found_value(s->offline);
    qsort(found.value, found.values, sizeof(found.value[0]), by_address);
    for (unsigned i = 0, n; i < found.values; i += n, different++) {
        for (n = 1;
             i + n < found.values && found.value[i + n] == found.value[i];)
            n++;
        must(found.value[i]->refs == n, "a value is held wrongly");
    }
    return different;
}

static void audit_transaction(const struct store_transaction *tx)
{
    unsigned nr = 0;
    int nodes = 0;

    for (const struct store_entry *e = tx->first; e; e = e->next, nr++) {
        must(e->of == tx, "an entry of another transaction");
        nodes += !!e->value - !!e->generation;
    }
    must(nr == tx->nr && nr <= STORE_ENTRIES, "entries are lost");
    must(nodes == tx->nodes, "a transaction counts its nodes wrongly");
    must(tx->id || !nr, "a transaction that has ended");
}

static void audit_quotas(const struct store *s)
{
    must(s->tree.nodes <= STORE_NODES + 1, "too many nodes");
    must(s->tree.pool.frames <= STORE_FRAMES, "too many frames");
    must(s->watches.nr <= STORE_WATCHES, "too many watches");
    must(store_frames_out == s->tree.pool.frames + (1u << STORE_ORDER),
         "frames are not the store's");
    must(s->taken <= sizeof(s->head) || s->head.len <= UINT32_MAX - 16,
         "a length that cannot be");
}

void store_guest_audit(void)
{
    const struct store *s = the_store();
    struct store_walk w = store_walk_from(s->tree.root);
    struct store_dentry *p;

    memset(&found, 0, offsetof(struct found, value));
    while (store_walk_on(&w, &p))
        if (p)
            audit_dentry(p);
    for (unsigned i = 0; i < STORE_TRANSACTIONS; i++)
        audit_transaction(&s->transactions.of[i]);
    must(found.nodes == s->tree.nodes, "nodes are counted wrongly");
    must(found.watches == s->watches.nr, "watches are counted wrongly");
    must(found.dentries + found.entries + found.watches + audit_values() ==
             s->tree.pool.objects,
         "something in the pool is nobody's");
    if (fresh)
        spare = found.spare;
    fresh = false;
    must(found.spare - !!s->job.dentry == spare, "a hold is lost");
    audit_quotas(s);
}

/* --- the guest ------------------------------------------------------------ */

enum err event_bind_hypervisor(struct domain *d, event_serve serve,
                               uint16_t *port)
{
    (void)d;
    (void)serve;
    *port = 1;
    return ERR_NONE;
}

void domain_register(struct domain_hooks *h)
{
    (void)h;
}

void store_send_bytes(const void *p, size_t n)
{
    const char *from = p;

    for (size_t i = 0; i < n; i++) {
        if (store_ring.req_prod - store_ring.req_cons == XENSTORE_RING_SIZE)
            store_guest_serve();
        must(store_ring.req_prod - store_ring.req_cons < XENSTORE_RING_SIZE,
             "the ring stays full");
        store_ring.req[MASK_XENSTORE_IDX(store_ring.req_prod++)] = from[i];
    }
}

void store_send_request(uint32_t type, uint32_t tx, const void *p, size_t n)
{
    struct xsd_sockmsg h = {type, ++store_next_id, tx, (uint32_t)n};

    store_send_bytes(&h, sizeof(h));
    store_send_bytes(p, n);
}

static void take_bytes(void *p, size_t n)
{
    char *to = p;

    for (size_t i = 0; i < n; i++) {
        if (store_ring.rsp_prod == store_ring.rsp_cons)
            store_guest_serve();
        must(store_ring.rsp_prod != store_ring.rsp_cons, "no answer");
        to[i] = store_ring.rsp[MASK_XENSTORE_IDX(store_ring.rsp_cons++)];
    }
}

void store_take_message(void)
{
    take_bytes(&store_got, sizeof(store_got));
    must(store_got.len <= XENSTORE_PAYLOAD_MAX, "an answer too long");
    take_bytes(store_body, store_got.len);
    store_body[store_got.len] = '\0';
}

bool store_silent(void)
{
    store_guest_serve();
    return store_ring.rsp_prod == store_ring.rsp_cons;
}

const char *store_ask_in(uint32_t tx, uint32_t type, const void *p, size_t n)
{
    store_send_request(type, tx, p, n);
    store_guest_serve();
    store_take_message();
    must(store_got.req_id == store_next_id, "an answer to something else");
    must(store_got.tx_id == tx, "an answer of another transaction");
    if (store_got.type == XS_ERROR)
        return NULL;
    must(store_got.type == type, "an answer of another kind");
    return store_body;
}
