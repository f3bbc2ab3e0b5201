/* SPDX-License-Identifier: MIT */
/*
 * event.c: the channels and what raising one means. The hypercall that makes
 * and unmakes them is in event_op.c.
 */
#include "hv/sched/event.h"

#include "hv/arch/lock.h"
#include "hv/arch/memory.h"
#include "hv/sched/sched.h"

#define BUCKET_PORTS ((uint32_t)(PAGE_SIZE / sizeof(struct evtchn)))
_Static_assert(BUCKET_PORTS *EVTCHN_BUCKETS == EVTCHN_PORTS, "all of them");
_Static_assert(EVTCHN_PORTS == EVTCHN_2L_NR_CHANNELS, "ABI: 64 x 64 bits");

/* --- locks --------------------------------------------------------------- */

void event_init(struct domain *d)
{
    spin_init(&d->event_lock, LOCKDEP_EVENT, d->id);
}

void event_lock_two(struct domain *a, struct domain *b)
{
    event_lock(a->id < b->id ? a : b);
    if (a != b)
        event_lock(a->id < b->id ? b : a);
}

void event_unlock_two(struct domain *a, struct domain *b)
{
    event_unlock(a);
    if (a != b)
        event_unlock(b);
}

/* --- ports --------------------------------------------------------------- */

struct evtchn *event_port(const struct domain *d, uint32_t port)
{
    if (port >= EVTCHN_PORTS || !d->evtchn[port / BUCKET_PORTS])
        return NULL;
    return &d->evtchn[port / BUCKET_PORTS][port % BUCKET_PORTS];
}

static bool is_open(const struct domain *d, uint32_t port)
{
    const struct evtchn *e = event_port(d, port);

    return e && e->state != EVTCHN_FREE;
}

/*
 * The lowest that is free or has no bucket yet; EVTCHN_PORTS: there is none.
 * Port 0 is never given out: it means none.
 */
static uint32_t find_free(struct domain *d)
{
    for (unsigned w = 0; w < ARRAY_SIZE(d->evtchn_open); w++)
        while (~d->evtchn_open[w]) {
            const unsigned bit = (unsigned)__builtin_ctzll(~d->evtchn_open[w]);

            if ((w || bit) && !is_open(d, w * 64 + bit))
                return w * 64 + bit;
            d->evtchn_open[w] |= BIT(bit);
        }
    return EVTCHN_PORTS;
}

/* As an operation of d's: an audit waits until none is under way. */
static enum err get_bucket(struct domain *d, mfn_t *m)
{
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &d->mm, NULL);
    rc = alloc_hv_get(&hv_mm, 0, m);
    mm_op_end(&op);
    return rc;
}

static void put_bucket(struct domain *d, mfn_t m)
{
    struct mm_op op;

    mm_op_begin(&op, &d->mm, NULL);
    alloc_hv_put(&hv_mm, m, 0);
    mm_op_end(&op);
}

/*
 * Under no event lock: to get it may take a block that has to be scrubbed.
 * Another vCPU may have been here first.
 */
static enum err add_bucket(struct domain *d, unsigned b)
{
    struct evtchn *bucket;
    mfn_t m;
    enum err rc = get_bucket(d, &m);

    if (rc)
        return rc;
    bucket = mm_frame_ptr(&hv_mm, m);
    event_lock(d);
    if (!d->evtchn[b]) {
        d->evtchn[b] = bucket;
        bucket = NULL;
    }
    event_unlock(d);
    if (bucket)
        put_bucket(d, m);
    return ERR_NONE;
}

/* ERR_RESTART: there is no bucket for it. */
static enum err find_port(struct domain *d, const struct domain *other,
                          uint32_t *port)
{
    if (d->events_ended || other->events_ended)
        return ERR_SRCH;
    *port = find_free(d);
    if (*port == EVTCHN_PORTS)
        return ERR_NOSPC;
    return event_port(d, *port) ? ERR_NONE : ERR_RESTART;
}

enum err event_port_lock(struct domain *d, struct domain *other, uint32_t *port)
{
    for (;;) {
        enum err rc;

        event_lock_two(d, other);
        rc = find_port(d, other, port);
        if (!rc)
            return ERR_NONE;
        event_unlock_two(d, other);
        if (rc == ERR_RESTART)
            rc = add_bucket(d, *port / BUCKET_PORTS);
        if (rc)
            return rc;
    }
}

/* --- bits ---------------------------------------------------------------- */

static bool test_and_set(uint64_t *words, unsigned bit)
{
    uint64_t m = BIT(bit % 64);

    return __atomic_fetch_or(&words[bit / 64], m, __ATOMIC_SEQ_CST) & m;
}

static void clear_bit(uint64_t *words, unsigned bit)
{
    __atomic_fetch_and(&words[bit / 64], ~BIT(bit % 64), __ATOMIC_SEQ_CST);
}

static bool test_bit(const uint64_t *words, unsigned bit)
{
    return __atomic_load_n(&words[bit / 64], __ATOMIC_SEQ_CST) & BIT(bit % 64);
}

bool event_port_pending(const struct domain *d, uint32_t port)
{
    return test_bit(d->shared->evtchn_pending, port);
}

/*
 * The second level, and the vCPU's own word. Should its vcpu_info move just
 * now, move_info() (vcpu_op.c) has the guest look at all words that are
 * pending.
 */
static void raise(struct vcpu *v, unsigned port)
{
    struct vcpu_info *info = __atomic_load_n(&v->info, __ATOMIC_SEQ_CST);

    if (test_and_set(&info->evtchn_pending_sel, port / 64))
        return;
    __atomic_store_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    sched_wake(v);
}

/* Its domain may choose another at any time, under a lock that is not ours. */
static struct vcpu *target(const struct domain *d, const struct evtchn *e)
{
    return d->vcpu[__atomic_load_n(&e->vcpu, __ATOMIC_RELAXED)];
}

/* A poller looks at pending alone, masked or not. */
static void wake_pollers(struct domain *d, unsigned port)
{
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        struct vcpu *v = d->vcpu[i];

        unsigned for_port;

        if (__atomic_load_n(&v->state, __ATOMIC_SEQ_CST) != VCPU_POLLING)
            continue;
        for_port = __atomic_load_n(&v->poll_port, __ATOMIC_RELAXED);
        if (!for_port || for_port == port)
            sched_wake(v);
    }
}

static void set_pending(struct domain *d, const struct evtchn *e, unsigned port)
{
    if (!domain_is_up(d))
        return;
    if (test_and_set(d->shared->evtchn_pending, port))
        return;
    if (!test_bit(d->shared->evtchn_mask, port))
        raise(target(d, e), port);
    wake_pollers(d, port);
}

/*
 * A blocked vCPU has its upcalls unmasked (SCHEDOP_block does that), so
 * sched_wake() in raise() needs no look at the mask. Who raises it meanwhile
 * has set it pending and looks at the mask then.
 */
void event_unmask(struct domain *d, uint32_t port)
{
    const struct evtchn *e;

    event_lock(d);
    e = event_port(d, port);
    clear_bit(d->shared->evtchn_mask, port);
    if (e && test_bit(d->shared->evtchn_pending, port))
        raise(target(d, e), port);
    event_unlock(d);
}

void event_raise(struct domain *d, uint32_t port)
{
    if (is_open(d, port))
        set_pending(d, event_port(d, port), port);
}

void event_notify(struct domain *d, const uint16_t *port)
{
    event_lock(d);
    if (*port)
        event_raise(d, *port);
    event_unlock(d);
}

void event_virq(struct vcpu *v, unsigned virq)
{
    event_notify(v->d, &v->virq_port[virq]);
}

bool event_virq_bound(struct domain *d, unsigned virq)
{
    bool bound;

    event_lock(d);
    bound = d->nr_vcpus && d->vcpu[0]->virq_port[virq];
    event_unlock(d);
    return bound;
}

enum err event_bind_hypervisor(struct domain *d, event_serve serve,
                               uint16_t *out)
{
    uint32_t port;
    enum err rc = event_port_lock(d, d, &port);

    if (rc)
        return rc;
    *event_port(d, port) =
        (struct evtchn){.serve = serve, .state = EVTCHN_HYPERVISOR};
    *out = (uint16_t)port;
    event_unlock(d);
    return ERR_NONE;
}

/* The control guest hears of domains that stop. */
static void tell_controller(void)
{
    const struct domain *c = domain_controller();

    if (c && c->nr_vcpus)
        event_virq(c->vcpu[0], VIRQ_DOM_EXC);
}

static void changed(struct domain *d)
{
    (void)d;
    tell_controller();
}

void event_register(void)
{
    static struct domain_hooks hooks = {.changed = changed,
                                        .gone = tell_controller};

    domain_register(&hooks);
}

/* --- closing ------------------------------------------------------------- */

/* Whose lock it takes besides d's to change that channel; NULL: nobody's. */
static struct domain *other_of(const struct domain *d, uint32_t port)
{
    const struct evtchn *e = event_port(d, port);

    return e && e->state == EVTCHN_INTERDOMAIN && e->remote != d ? e->remote
                                                                 : NULL;
}

/*
 * Locks d, and who has the other end of that channel, if it has one: that is
 * what is returned. If its lock comes before d's, d's is let go of, and what
 * was found may be closed by the other end meanwhile, and be made anew. The
 * other domain may end, but is not freed before this CPU holds no pointer to it
 * any more.
 */
static struct domain *lock_both_ends(struct domain *d, uint32_t port)
{
    struct domain *r;

    event_lock(d);
    while ((r = other_of(d, port)) != NULL && r->id < d->id) {
        event_unlock(d);
        event_lock_two(r, d);
        if (other_of(d, port) == r)
            return r;
        event_unlock(r);
    }
    if (r)
        event_lock(r);
    return r;
}

static void close_other_end(const struct domain *d, const struct evtchn *e)
{
    struct evtchn *r = event_port(e->remote, e->remote_port);

    ASSERT(r && r->state == EVTCHN_INTERDOMAIN && r->remote == d);
    *r = (struct evtchn){.state = EVTCHN_UNBOUND,
                         .remote_id = d->id,
                         .vcpu = r->vcpu,
                         .untold = r->untold};
}

static void forget_virq(struct domain *d, unsigned virq, uint32_t port)
{
    for (unsigned i = 0; i < d->nr_vcpus; i++)
        if (d->vcpu[i]->virq_port[virq] == port)
            d->vcpu[i]->virq_port[virq] = 0;
}

/* Under both ends' locks. */
static void close_port(struct domain *d, uint32_t port)
{
    struct evtchn *e = event_port(d, port);

    if (e->state == EVTCHN_INTERDOMAIN)
        close_other_end(d, e);
    else if (e->state == EVTCHN_VIRQ)
        forget_virq(d, e->virq, port);
    if (port == d->console_port)
        d->console_port = 0;
    if (port == d->store_port)
        d->store_port = 0;
    clear_bit(d->shared->evtchn_pending, port);
    *e = (struct evtchn){.state = EVTCHN_FREE};
    d->evtchn_open[port / 64] &= ~BIT(port % 64);
}

/* untold: one of these, too. ERR_INVAL: there is none. */
static enum err close_if(struct domain *d, uint32_t port, bool untold)
{
    struct domain *r = lock_both_ends(d, port);
    const bool is_it =
        is_open(d, port) && (untold || !event_port(d, port)->untold);

    if (is_it)
        close_port(d, port);
    event_unlock_two(d, r ? r : d);
    return is_it ? ERR_NONE : ERR_INVAL;
}

enum err event_close(struct domain *d, uint32_t port)
{
    return close_if(d, port, false);
}

void event_tell(struct domain *d, uint32_t port, bool told)
{
    if (!told) {
        (void)close_if(d, port, true); /* it is there: nobody else's to close */
        return;
    }
    event_lock(d);
    event_port(d, port)->untold = false;
    event_unlock(d);
}

/* The first that is open from there on; EVTCHN_PORTS: there is none. */
static uint32_t next_open(struct domain *d, uint32_t port)
{
    event_lock(d);
    while (port < EVTCHN_PORTS && !is_open(d, port))
        port += event_port(d, port) ? 1 : BUCKET_PORTS - port % BUCKET_PORTS;
    event_unlock(d);
    return port;
}

static void close_all(struct domain *d, bool untold)
{
    for (uint32_t port = next_open(d, 1); port < EVTCHN_PORTS;
         port = next_open(d, port + 1))
        (void)close_if(d, port, untold); /* or it has just been closed */
}

void event_close_all(struct domain *d)
{
    close_all(d, false);
}

void event_end(struct domain *d)
{
    event_lock(d);
    d->events_ended = true;
    event_unlock(d);
    close_all(d, true);
}

/* --- sending ------------------------------------------------------------- */

/* *serve: whom to ask for that, without the lock. */
static enum err send(struct domain *d, uint32_t port, event_serve *serve)
{
    const struct evtchn *e = event_port(d, port);

    if (!e)
        return ERR_INVAL;
    switch (e->state) {
    case EVTCHN_INTERDOMAIN:
        set_pending(e->remote, event_port(e->remote, e->remote_port),
                    e->remote_port);
        return ERR_NONE;
    case EVTCHN_IPI:
        set_pending(d, e, port);
        return ERR_NONE;
    case EVTCHN_UNBOUND:
        return ERR_NONE; /* nobody listens */
    case EVTCHN_HYPERVISOR:
        *serve = e->serve;
        return ERR_NONE;
    default:
        return ERR_INVAL;
    }
}

/*
 * Another vCPU may close the channel before it is served. Then that was sent
 * before: who serves is given d, which is there while a vCPU of its own is in
 * here, looks at what is in d's ring, and finds no port to answer to.
 */
static never_inline enum err ask(event_serve serve, struct domain *d)
{
    enum err rc;

    hv_lock_get();
    rc = serve(d);
    hv_lock_put();
    return rc;
}

enum err event_send(struct domain *d, uint32_t port)
{
    event_serve serve = NULL;
    enum err rc;

    event_lock(d);
    rc = send(d, port, &serve);
    event_unlock(d);
    return serve ? ask(serve, d) : rc;
}
