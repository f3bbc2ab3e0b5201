/* SPDX-License-Identifier: MIT */
/* store.c: see store.h. What is in it at birth, and its ring's turn. */
#include "hv/store.h"

#include "hv/event.h"
#include "hv/layout.h"
#include "hv/memory.h"
#include "hv/print.h"
#include "hv/ring_page.h"
#include "hv/store_state.h"
#include "hv/string.h"

/* --- values -------------------------------------------------------------- */

static enum err set(struct domain *d, const char *path, const char *value,
                    uint8_t flags)
{
    struct store *s = d->store;
    enum err rc = store_tree_set(&s->tree, path, value, (unsigned)strlen(value),
                                 flags, STORE_ROOM);

    if (rc)
        return rc;
    s->tx_stale = true;
    store_watch_changed(&s->watches, path, false);
    return ERR_NONE;
}

static enum err set_number(struct domain *d, const char *path, uint64_t n)
{
    char text[24];

    print_format(text, sizeof(text), "%lu", n);
    return set(d, path, text, STORE_FIXED);
}

static uint64_t kib(uint64_t pages)
{
    return pages << (PAGE_SHIFT - 10);
}

/* Where a kernel looks whether a vCPU may be brought up. */
static void fill_cpus(struct domain *d)
{
    char path[32];

    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        print_format(path, sizeof(path), "cpu/%u/availability", i);
        BUG_IF(set(d, path, "online", STORE_FIXED));
    }
}

/* An empty store has room for this. */
static void fill(struct domain *d)
{
    char vm[48];

    print_format(vm, sizeof(vm), "/vm/00000000-0000-0000-0000-%012x", d->id);
    BUG_IF(set_number(d, "domid", d->id));
    BUG_IF(set(d, "name", d->name, STORE_FIXED));
    BUG_IF(set(d, "vm", vm, STORE_FIXED));
    BUG_IF(set_number(d, "memory/static-max", kib(d->mm.max_pages)));
    BUG_IF(set_number(d, "memory/target", kib(d->target)));
    BUG_IF(set(d, "control/shutdown", "", 0));
    BUG_IF(set_number(d, "control/platform-feature-multiprocessor-suspend", 1));
    BUG_IF(set_number(d, "control/platform-feature-xs_reset_watches", 1));
    BUG_IF(set(d, "device", "", 0));
    fill_cpus(d);
}

enum err store_create(struct domain *d)
{
    mfn_t m;
    enum err rc = alloc_hv_get(&hv_mm, STORE_ORDER, &m);

    if (rc)
        return rc;
    d->store = mm_frame_ptr(&hv_mm, m);
    fill(d);
    return ERR_NONE;
}

void store_free(struct domain *d)
{
    if (d->store)
        alloc_hv_put(&hv_mm, mfn_of_maddr(maddr_of_direct(d->store)),
                     STORE_ORDER);
    d->store = NULL;
}

void store_reset(struct domain *d)
{
    struct store *s = d->store;

    store_watch_reset(&s->watches);
    s->tx_id = 0;
    s->taken = 0;
    s->out_at = s->out_len = 0;
}

/* --- the ring ------------------------------------------------------------ */

/* What is on its way, then events, then requests; false: no more to do now. */
static bool turn(struct domain *d, struct xenstore_domain_interface *ring,
                 bool *moved)
{
    struct store *s = d->store;

    if (!store_send(s, ring, moved))
        return false;
    if (store_event(d))
        return true;
    if (!store_take(s, ring, moved))
        return false;
    store_answer(d);
    return true;
}

/* A full ring ends it: the guest does not run meanwhile. */
void store_serve(struct domain *d)
{
    struct xenstore_domain_interface *ring;
    bool moved = false;

    if (!domain_runs(d))
        return;
    ring = ring_page_get(d, d->store_mfn);
    if (!ring)
        return;
    while (turn(d, ring, &moved))
        ;
    ring_page_put(d, d->store_mfn);
    if (moved)
        event_notify(d, d->store_port);
}

/* --- asking -------------------------------------------------------------- */

enum err store_ask(struct domain *d, const char *what)
{
    enum err rc = set(d, "control/shutdown", what, 0);

    if (!rc)
        store_serve(d);
    return rc;
}

enum err store_set_target(struct domain *d, uint64_t pages)
{
    enum err rc = set_number(d, "memory/target", kib(pages));

    if (rc)
        return rc;
    d->target = pages;
    store_serve(d);
    return ERR_NONE;
}
