/* SPDX-License-Identifier: MIT */
/*
 * call_trace.c: see call_trace.h. One lock for all rings: each is held for as
 * long as it takes to copy a few entries, and only where somebody is traced.
 */
#include "hv/domain/call_trace.h"

#include "hv/arch/memory.h"
#include "hv/dev/clock.h"
#include "hv/domain/bounce.h"
#include "mm/base/spin.h"

#define RING_ORDER 3 /* frames of the hypervisor's: 2^3 */
#define RING_CALLS                                                             \
    (((PAGE_SIZE << RING_ORDER) - 5 * sizeof(uint64_t)) /                      \
     sizeof(struct flagstone_call))

struct call_trace {
    domid_t id;
    mfn_t at;            /* the first of its frames */
    uint64_t prod, cons; /* free running */
    uint64_t lost;
    struct flagstone_call call[RING_CALLS];
};
_Static_assert(sizeof(struct call_trace) <= PAGE_SIZE << RING_ORDER, "it fits");

static struct spin lock;        /* of all rings, and of which there are */
static struct call_trace *gone; /* of the last domain that went */
static const void *plain, *traced;

/* --- on and off ----------------------------------------------------------- */

static void set_table(const struct domain *d, bool on)
{
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        WRITE_ONCE(d->vcpu[i]->calls, on ? traced : plain);
        bounce_set_traced(d->vcpu[i], on);
    }
}

/* Who has the lock afterwards finds t. */
static void set_ring(struct call_trace **at, struct call_trace *t)
{
    spin_lock(&lock);
    WRITE_ONCE(*at, t);
    spin_unlock(&lock);
}

static void free_ring(struct call_trace *t)
{
    if (t)
        alloc_hv_put(&hv_mm, t->at, RING_ORDER);
}

enum err call_trace_begin(struct domain *d)
{
    struct call_trace *t;
    enum err rc;
    mfn_t m;

    if (d->calls)
        return ERR_NONE;
    rc = alloc_hv_get(&hv_mm, RING_ORDER, &m);
    if (rc)
        return rc;
    call_trace_drop_any(); /* nobody has read that, or will */
    t = mm_frame_ptr(&hv_mm, m);
    t->id = d->id;
    t->at = m;
    set_ring(&d->calls, t);
    set_table(d, true);
    return ERR_NONE;
}

/* Afterwards nobody has it in hand. NULL: there is none. */
static struct call_trace *take_ring(struct domain *d)
{
    struct call_trace *t = d->calls;

    if (t) {
        set_table(d, false);
        set_ring(&d->calls, NULL);
    }
    return t;
}

void call_trace_end(struct domain *d)
{
    free_ring(take_ring(d));
}

void call_trace_drop_any(void)
{
    struct call_trace *t = gone;

    set_ring(&gone, NULL);
    free_ring(t);
}

void call_trace_drop(domid_t id)
{
    if (gone && gone->id == id)
        call_trace_drop_any();
}

/* What it did last is what one wants to know. */
static void going(struct domain *d)
{
    struct call_trace *t = take_ring(d);

    if (!t)
        return;
    call_trace_drop_any();
    set_ring(&gone, t);
}

static enum err create(struct domain *d)
{
    set_table(d, false);
    return ERR_NONE;
}

void call_trace_register(const void *plain_table, const void *traced_table)
{
    static struct domain_hooks hooks = {.create = create, .going = going};

    plain = plain_table;
    traced = traced_table;
    spin_init(&lock, LOCKDEP_CALLS, 0);
    domain_register(&hooks);
}

/* --- the ring ------------------------------------------------------------- */

static void put(struct call_trace *t, const struct flagstone_call *call)
{
    if (t->prod - t->cons == RING_CALLS) {
        t->cons++;
        t->lost++;
    }
    t->call[t->prod++ % RING_CALLS] = *call;
}

void call_trace_add(struct vcpu *v, struct flagstone_call *call)
{
    call->ns = clock_now_ns();
    call->vcpu = (uint16_t)v->id;
    spin_lock(&lock);
    if (v->d->calls) /* or it has just ended */
        put(v->d->calls, call);
    spin_unlock(&lock);
}

/* With the lock held. */
static struct call_trace *find(domid_t id)
{
    const struct domain *d = domain_find(id);

    if (d && d->calls)
        return d->calls;
    return gone && gone->id == id ? gone : NULL;
}

static struct call_trace_part copy(const struct call_trace *t,
                                   struct flagstone_call *out, unsigned n)
{
    struct call_trace_part part = {.first = t->cons, .lost = t->lost};

    part.n = (unsigned)MIN(t->prod - t->cons, (uint64_t)n);
    for (unsigned i = 0; i < part.n; i++)
        out[i] = t->call[(part.first + i) % RING_CALLS];
    return part;
}

bool call_trace_look(domid_t id, struct flagstone_call *out, unsigned n,
                     struct call_trace_part *part)
{
    const struct call_trace *t;

    spin_lock(&lock);
    t = find(id);
    if (t)
        *part = copy(t, out, n);
    spin_unlock(&lock);
    return t;
}

void call_trace_forget(domid_t id, uint64_t before)
{
    struct call_trace *t;

    spin_lock(&lock);
    t = find(id);
    if (t && before - t->cons <= t->prod - t->cons)
        t->cons = before;
    spin_unlock(&lock);
}
