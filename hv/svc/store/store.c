/* SPDX-License-Identifier: MIT */
/*
 * store.c: see store.h. What is in it at birth, what the hypervisor writes,
 * and its ring's turn.
 */
#include "hv/svc/store/store.h"

#include "hv/arch/layout.h"
#include "hv/arch/memory.h"
#include "hv/base/print.h"
#include "hv/base/string.h"
#include "hv/call/hypercall.h"
#include "hv/dev/clock.h"
#include "hv/sched/event.h"
#include "hv/sched/ring_page.h"
#include "hv/svc/store/store_state.h"

/* --- birth and end ------------------------------------------------------- */

/* One that is there for ever, with a node. NULL: no memory. */
static struct store_dentry *make(struct store *s, const char *path)
{
    struct store_dentry *p = store_hold(s->tree.home);

    for (size_t len = 0; p && *path; path += len + (path[len] == '/')) {
        for (len = 0; path[len] && path[len] != '/';)
            len++;
        p = store_tree_make(&s->tree, p, path, len);
        if (p && !p->value)
            store_node_set(&s->tree, p, store_value_hold(s->tree.empty));
    }
    return p;
}

/* One that a guest may not change, with a value, which it takes over. */
static struct store_dentry *make_fixed(struct store *s, const char *path,
                                       struct store_value *v)
{
    struct store_dentry *p = v ? make(s, path) : NULL;

    if (!p)
        return NULL;
    store_node_set(&s->tree, p, v);
    store_node_fix(p);
    return p;
}

/* ERR_NOMEM. */
static enum err set(struct store *s, const char *path, const char *value)
{
    struct store_value *v = store_value_make(&s->tree, store_perms_of(NULL),
                                             value, strlen(value), false);

    return make_fixed(s, path, v) ? ERR_NONE : ERR_NOMEM;
}

static uint64_t kib(uint64_t pages)
{
    return pages << (PAGE_SHIFT - 10);
}

static struct store_value *make_word(struct store *s, const char *word)
{
    return store_value_make(&s->tree, store_perms_of(NULL), word, strlen(word),
                            true);
}

/* Where a kernel looks whether a vCPU may be brought up. */
static enum err fill_cpus(struct store *s)
{
    char path[32];

    s->online = make_word(s, "online");
    s->offline = make_word(s, "offline");
    if (!s->online || !s->offline)
        return ERR_NOMEM;
    for (unsigned i = 0; i < s->d->nr_vcpus; i++) {
        print_format(path, sizeof(path), "cpu/%u/availability", i);
        s->cpu[i] = make_fixed(s, path, store_value_hold(s->online));
        if (!s->cpu[i])
            return ERR_NOMEM;
    }
    return ERR_NONE;
}

/* What a guest may not change. */
static enum err fill_fixed(struct store *s)
{
    const struct domain *d = s->d;
    char id[24], vm[48], most[24], target[24];
    const char *const nodes[][2] = {
        {"domid", id},
        {"name", d->name},
        {"vm", vm},
        {"memory/static-max", most},
        {"memory/target", target},
        {"control/platform-feature-multiprocessor-suspend", "1"},
        {"control/platform-feature-xs_reset_watches", "1"},
    };
    enum err rc = ERR_NONE;

    print_format(id, sizeof(id), "%u", d->id);
    print_format(vm, sizeof(vm), "/vm/00000000-0000-0000-0000-%012x", d->id);
    print_format(most, sizeof(most), "%lu", kib(d->mm.max_pages));
    print_format(target, sizeof(target), "%lu", kib(d->target));
    for (unsigned i = 0; i < ARRAY_SIZE(nodes) && !rc; i++)
        rc = set(s, nodes[i][0], nodes[i][1]);
    return rc ? rc : fill_cpus(s);
}

static enum err fill(struct store *s)
{
    enum err rc = fill_fixed(s);

    if (rc)
        return rc;
    s->target = make(s, "memory/target");
    s->max = make(s, "memory/static-max");
    s->shutdown = make(s, "control/shutdown");
    return s->target && s->max && s->shutdown && make(s, "device") ? ERR_NONE
                                                                   : ERR_NOMEM;
}

enum err store_create(struct domain *d)
{
    char home[sizeof(STORE_HOME) + 8];
    struct store *s;
    mfn_t m;
    enum err rc = alloc_hv_get(&hv_mm, STORE_ORDER, &m);

    if (rc)
        return rc;
    s = d->store = mm_frame_ptr(&hv_mm, m);
    s->d = d;
    print_format(home, sizeof(home), STORE_HOME "%u", d->id);
    rc = store_tree_init(&s->tree, home, clock_now_ns());
    if (!rc)
        rc = fill(s);
    if (rc)
        store_free(d);
    return rc;
}

void store_free(struct domain *d)
{
    struct store *s = d->store;

    if (!s)
        return;
    store_pool_free(&s->tree.pool);
    alloc_hv_put(&hv_mm, mfn_of_maddr(maddr_of_direct(s)), STORE_ORDER);
    d->store = NULL;
}

/* A job is finished all the same: half a transaction is none. */
void store_reset(struct domain *d)
{
    struct store *s = d->store;

    s->resetting = true;
    s->out_at = s->out_len = 0;
    s->job.mute = true;
    if (!s->job.active)
        s->taken = 0;
}

/* --- what the hypervisor writes ------------------------------------------ */

static void write_own(struct store *s, struct store_dentry *p, const char *text)
{
    struct store_value *v = store_value_make(&s->tree, store_perms_of(p->value),
                                             text, strlen(text), true);

    ASSERT(v); /* store_state.h: there are enough */
    store_node_set(&s->tree, p, v);
    store_watch_fire(&s->watches, &s->tree, p);
}

/*
 * A watch on cpu/ that is to tell of two of them tells of neither, but of cpu/
 * itself, which Linux does not heed: so none is changed while there is an event
 * that has not become a message. A guest may not change them, nor their
 * permissions: the two words do for all.
 */
static void write_cpus(struct store *s)
{
    const unsigned online = s->d->nr_vcpus - s->d->offline;

    for (unsigned i = 0; i < s->d->nr_vcpus; i++) {
        struct store_value *v = i < online ? s->online : s->offline;

        if (s->cpu[i]->value == v)
            continue;
        if (store_watch_next(&s->watches))
            return;
        store_node_set(&s->tree, s->cpu[i], store_value_hold(v));
        store_watch_fire(&s->watches, &s->tree, s->cpu[i]);
    }
    s->ask_cpus = false;
}

static void write_asked(struct store *s)
{
    char text[24];

    if (s->ask_shutdown)
        write_own(s, s->shutdown, s->ask_shutdown);
    s->ask_shutdown = NULL;
    if (s->ask_target) {
        print_format(text, sizeof(text), "%lu", kib(s->d->target));
        write_own(s, s->target, text);
    }
    if (s->ask_max) {
        print_format(text, sizeof(text), "%lu", kib(s->d->mm.max_pages));
        write_own(s, s->max, text);
    }
    s->ask_target = s->ask_max = false;
    if (s->ask_cpus)
        write_cpus(s);
}

/* --- the ring ------------------------------------------------------------ */

/* What has to be gone before anything else is taken up. */
static bool tidy(struct store *s)
{
    if (store_transaction_reap(&s->transactions, &s->tree) ||
        store_tree_reap(&s->tree))
        return true;
    if (!s->resetting)
        return false;
    s->resetting = store_reset_step(s);
    return true;
}

/*
 * A step: the request under way, then what is on its way out, then events,
 * then requests; false: no more to do now.
 */
static bool turn(struct store *s, struct xenstore_domain_interface *ring,
                 bool *moved)
{
    if (s->job.active) {
        store_job_step(s);
        return true;
    }
    write_asked(s);
    if (tidy(s))
        return true;
    if (!store_send(s, ring, moved))
        return false;
    if (store_event(s))
        return true;
    if (!store_take(s, ring, moved))
        return false;
    store_job_begin(s);
    return true;
}

/* As many steps as there is time for, but one. A full ring ends it as well. */
enum err store_serve(struct domain *d)
{
    struct xenstore_domain_interface *ring;
    bool moved = false, more;

    if (!domain_is_up(d))
        return ERR_NONE;
    ring = ring_page_get(d, d->store_mfn);
    if (!ring)
        return ERR_NONE;
    do
        more = turn(d->store, ring, &moved);
    while (more && !cpu_preempt());
    ring_page_put(d, d->store_mfn);
    if (moved)
        event_notify(d, &d->store_port);
    return more ? ERR_RESTART : ERR_NONE;
}

enum err store_bind(struct domain *d)
{
    return event_bind_hypervisor(d, store_serve, &d->store_port);
}

static enum err create(struct domain *d)
{
    enum err rc = store_bind(d);

    return rc ? rc : store_create(d);
}

void store_register(void)
{
    static struct domain_hooks hooks = {.create = create, .free = store_free};

    domain_register(&hooks);
}

/* --- asking -------------------------------------------------------------- */

/*
 * Not in the guest's time: no more than to write, and to fill the ring. While
 * there is a job, whoever goes on with it does the rest.
 */
static void tell(struct domain *d)
{
    struct store *s = d->store;
    struct xenstore_domain_interface *ring;
    bool moved = false;

    if (s->job.active)
        return;
    write_asked(s);
    if (!domain_is_up(d) || s->resetting)
        return;
    ring = ring_page_get(d, d->store_mfn);
    if (!ring)
        return;
    while (store_send(s, ring, &moved) && store_event(s))
        write_asked(s);
    ring_page_put(d, d->store_mfn);
    if (moved)
        event_notify(d, &d->store_port);
}

void store_ask(struct domain *d, const char *what)
{
    d->store->ask_shutdown = what;
    tell(d);
}

void store_set_target(struct domain *d, uint64_t pages)
{
    d->target = pages;
    d->store->ask_target = true;
    tell(d);
}

void store_tell_max(struct domain *d)
{
    d->store->ask_max = true;
    tell(d);
}

void store_set_vcpus(struct domain *d, unsigned online)
{
    d->offline = d->nr_vcpus - online;
    d->store->ask_cpus = true;
    tell(d);
}
