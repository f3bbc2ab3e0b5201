/* SPDX-License-Identifier: MIT */
/* lockdep.c: see lockdep.h. */
#include "mm/base/lockdep.h"

#include <string.h>

static const struct {
    const char *name;
    bool in_order;
} classes[LOCKDEP_CLASSES] = {
    [LOCKDEP_UNNAMED] = {"unnamed", false},
    [LOCKDEP_HV] = {"hv", false},
    [LOCKDEP_MEMORY] = {"memory", true},
    [LOCKDEP_DOMAINS] = {"domains", false},
    [LOCKDEP_EVENT] = {"event", true},
    [LOCKDEP_QUEUE] = {"queue", true},
    [LOCKDEP_TIMERS] = {"timers", true},
    [LOCKDEP_SHARED] = {"shared", false},
    [LOCKDEP_HV_FRAMES] = {"hv-frames", false},
    [LOCKDEP_ALLOC] = {"alloc", false},
    [LOCKDEP_CACHE] = {"cache", false},
    [LOCKDEP_WINDOW] = {"window", false},
    [LOCKDEP_CALLS] = {"calls", false},
};

const char *lockdep_class_name(enum lockdep_class c)
{
    return classes[c].name;
}

bool lockdep_in_order(enum lockdep_class c)
{
    return classes[c].in_order;
}

/* --- what is wrong ---------------------------------------------------------
 */

static void see(struct lockdep_fault *f, enum lockdep_class a,
                enum lockdep_class b, const uint64_t *from)
{
    f->seen[f->nr++] = (struct lockdep_seen){a, b, from};
}

/* h: what is held and should not be; NULL: there is none. */
static void fail(const struct lockdep_cpu *c, struct lockdep_fault *f,
                 const struct lockdep_held *h)
{
    if (h)
        see(f, h->lock->class, LOCKDEP_UNNAMED, h->from);
    c->all->fail(f);
}

static void fail_simply(const struct lockdep_cpu *c, const char *what,
                        enum lockdep_class class, const struct lockdep_held *h)
{
    struct lockdep_fault f = {.what = what, .lock = class};

    fail(c, &f, h);
}

/* --- the order of classes --------------------------------------------------
 */

static uint32_t after(const struct lockdep *g, enum lockdep_class a)
{
    return atomic_load_explicit(&g->after[a], memory_order_acquire);
}

/*
 * Was `to` taken under `from`, over classes in between or not? Then via[] says
 * for each class on the way under which it was taken.
 */
static bool reaches(const struct lockdep *g, enum lockdep_class from,
                    enum lockdep_class to, uint8_t *via)
{
    uint32_t reached = 1u << from, todo = reached;

    while (todo) {
        enum lockdep_class a = (enum lockdep_class)__builtin_ctz(todo);
        uint32_t more = after(g, a) & ~reached;

        todo &= todo - 1;
        todo |= more;
        reached |= more;
        for (; more; more &= more - 1)
            via[__builtin_ctz(more)] = (uint8_t)a;
    }
    return reached & 1u << to;
}

static void fail_inverted(const struct lockdep_cpu *c,
                          const struct lockdep_held *h,
                          enum lockdep_class wanted, const uint8_t *via)
{
    struct lockdep_fault f = {.what = "taken out of order", .lock = wanted};

    for (enum lockdep_class b = h->lock->class; b != wanted; b = via[b])
        see(&f, via[b], b, c->all->first[via[b]][b]);
    fail(c, &f, h);
}

static void graph_lock(struct lockdep *g)
{
    while (atomic_exchange_explicit(&g->busy, 1, memory_order_acquire))
        __builtin_ia32_pause();
}

static void graph_unlock(struct lockdep *g)
{
    atomic_store_explicit(&g->busy, 0, memory_order_release);
}

/* b is waited for under h for the first time. */
static never_inline void order_new(const struct lockdep_cpu *c,
                                   const struct lockdep_held *h,
                                   enum lockdep_class b)
{
    struct lockdep *g = c->all;
    const enum lockdep_class a = h->lock->class;
    uint64_t from[LOCKDEP_TRACE];
    uint8_t via[LOCKDEP_CLASSES];
    bool inverted;

    g->trace(from);
    graph_lock(g);
    inverted = reaches(g, b, a, via);
    if (!inverted && !(after(g, a) & 1u << b)) {
        memcpy(g->first[a][b], from, sizeof(from));
        atomic_fetch_or_explicit(&g->after[a], 1u << b, memory_order_release);
    }
    graph_unlock(g);
    if (inverted)
        fail_inverted(c, h, b, via);
}

static void order(const struct lockdep_cpu *c, const struct lockdep_held *h,
                  const struct lockdep_name *l)
{
    const enum lockdep_class a = h->lock->class;

    if (a != l->class) {
        if (!(after(c->all, a) & 1u << l->class))
            order_new(c, h, l->class);
    } else if (!lockdep_in_order(a)) {
        fail_simply(c, "taken, and another of its class is held", a, h);
    } else if (h->lock->order >= l->order) {
        fail_simply(c, "taken, and one that comes after it is held", a, h);
    }
}

/* --- as they are taken -----------------------------------------------------
 */

void lockdep_want(struct lockdep_cpu *c, const struct lockdep_name *l,
                  enum lockdep_kind kind)
{
    if (l->class == LOCKDEP_UNNAMED)
        fail_simply(c, "taken, and nobody said what it is", l->class, NULL);
    for (const struct lockdep_held *h = c->held; h < c->held + c->nr; h++) {
        if (h->lock == l)
            fail_simply(c, "taken twice", l->class, h);
        if (kind == LOCKDEP_LOCK && h->kind == LOCKDEP_SPIN)
            fail_simply(c, "waited for, and a spin is held", l->class, h);
        order(c, h, l);
    }
    c->wants_since = c->all->clock();
}

static void push(struct lockdep_cpu *c, const struct lockdep_name *l,
                 enum lockdep_kind kind)
{
    struct lockdep_held *h = &c->held[c->nr];

    if (c->nr == LOCKDEP_HELD) {
        fail_simply(c, "taken, and too many are held", l->class, h - 1);
        return;
    }
    c->nr++;
    c->stats[l->class].taken++;
    h->lock = l;
    h->kind = kind;
    c->all->trace(h->from);
    h->since = c->all->clock();
}

static void most(uint64_t *ticks, uint64_t *from, uint64_t n,
                 const struct lockdep_held *h)
{
    if (n <= *ticks)
        return;
    *ticks = n;
    memcpy(from, h->from, sizeof(h->from));
}

void lockdep_got(struct lockdep_cpu *c, const struct lockdep_name *l,
                 enum lockdep_kind kind)
{
    const uint64_t waited = c->all->clock() - c->wants_since;
    struct lockdep_stats *s = &c->stats[l->class];

    push(c, l, kind);
    most(&s->wait, s->wait_from, waited, &c->held[c->nr - 1]);
}

void lockdep_tried(struct lockdep_cpu *c, const struct lockdep_name *l,
                   enum lockdep_kind kind)
{
    if (l->class == LOCKDEP_UNNAMED)
        fail_simply(c, "taken, and nobody said what it is", l->class, NULL);
    push(c, l, kind);
}

void lockdep_put(struct lockdep_cpu *c, const struct lockdep_name *l)
{
    struct lockdep_stats *s = &c->stats[l->class];
    const uint64_t now = c->all->clock();
    unsigned i = c->nr;

    while (i && c->held[i - 1].lock != l)
        i--;
    if (!i) {
        fail_simply(c, "given back, and not held", l->class, NULL);
        return;
    }
    most(&s->hold, s->hold_from, now - c->held[i - 1].since, &c->held[i - 1]);
    c->nr--;
    for (; i <= c->nr; i++)
        c->held[i - 1] = c->held[i];
}

void lockdep_forget(struct lockdep_cpu *c)
{
    memset(c->stats, 0, sizeof(c->stats));
}

/* --- where none may be held ------------------------------------------------
 */

void lockdep_none(const struct lockdep_cpu *c, const char *what)
{
    const struct lockdep_held *h = c->held + c->nr;

    if (c->nr)
        fail_simply(c, what, h[-1].lock->class, h - 1);
}

void lockdep_no_spin(const struct lockdep_cpu *c, const char *what)
{
    for (const struct lockdep_held *h = c->held; h < c->held + c->nr; h++)
        if (h->kind == LOCKDEP_SPIN)
            fail_simply(c, what, h->lock->class, h);
}
