/* SPDX-License-Identifier: MIT */
/*
 * event.c: the channels and what raising one means. The hypercall that makes
 * and unmakes them is in event_op.c.
 */
#include "hv/sched/event.h"

#include "hv/arch/memory.h"
#include "hv/sched/sched.h"

#define BUCKET_PORTS (PAGE_SIZE / sizeof(struct evtchn))
_Static_assert(BUCKET_PORTS *EVTCHN_BUCKETS == EVTCHN_PORTS, "all of them");
_Static_assert(EVTCHN_PORTS == EVTCHN_2L_NR_CHANNELS, "ABI: 64 x 64 bits");

struct evtchn *event_port(const struct domain *d, uint32_t port)
{
    if (port >= EVTCHN_PORTS || !d->evtchn[port / BUCKET_PORTS])
        return NULL;
    return &d->evtchn[port / BUCKET_PORTS][port % BUCKET_PORTS];
}

/* Port 0 is never given out: it means none. */
enum err event_port_get(struct domain *d, uint32_t *port)
{
    for (unsigned b = 0; b < EVTCHN_BUCKETS; b++) {
        mfn_t m;

        if (!d->evtchn[b]) {
            enum err rc = alloc_hv_get(&hv_mm, 0, &m);

            if (rc)
                return rc;
            d->evtchn[b] = mm_frame_ptr(&hv_mm, m);
        }
        for (unsigned i = b == 0; i < BUCKET_PORTS; i++) {
            if (d->evtchn[b][i].state != EVTCHN_FREE)
                continue;
            *port = b * (unsigned)BUCKET_PORTS + i;
            return ERR_NONE;
        }
    }
    return ERR_NOSPC;
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

/* The second level, and the vCPU's own word. */
static void raise(struct vcpu *v, unsigned port)
{
    if (test_and_set(&v->info->evtchn_pending_sel, port / 64))
        return;
    __atomic_store_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    sched_wake(v);
}

/* A poller looks at pending alone, masked or not. */
static void wake_pollers(struct domain *d, unsigned port)
{
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        struct vcpu *v = d->vcpu[i];

        if (v->state == VCPU_POLLING && (!v->poll_port || v->poll_port == port))
            sched_wake(v);
    }
}

static void set_pending(struct domain *d, const struct evtchn *e, unsigned port)
{
    if (!domain_runs(d))
        return;
    if (test_and_set(d->shared->evtchn_pending, port))
        return;
    if (!test_bit(d->shared->evtchn_mask, port))
        raise(d->vcpu[e->vcpu], port);
    wake_pollers(d, port);
}

/*
 * A blocked vCPU has its upcalls unmasked (SCHEDOP_block does that), so
 * sched_wake() in raise() needs no look at the mask.
 */
void event_unmask(struct domain *d, uint32_t port)
{
    const struct evtchn *e = event_port(d, port);

    clear_bit(d->shared->evtchn_mask, port);
    if (e && test_bit(d->shared->evtchn_pending, port))
        raise(d->vcpu[e->vcpu], port);
}

void event_raise(struct domain *d, uint32_t port)
{
    const struct evtchn *e = event_port(d, port);

    if (e && e->state != EVTCHN_FREE)
        set_pending(d, e, port);
}

void event_notify(struct domain *d, uint16_t port)
{
    if (port)
        event_raise(d, port);
}

void event_virq(struct vcpu *v, unsigned virq)
{
    if (v->virq_port[virq])
        event_raise(v->d, v->virq_port[virq]);
}

bool event_virq_bound(const struct domain *d, unsigned virq)
{
    return d->nr_vcpus && d->vcpu[0]->virq_port[virq];
}

enum err event_bind_hypervisor(struct domain *d, event_serve serve,
                               uint16_t *out)
{
    uint32_t port;
    enum err rc = event_port_get(d, &port);

    if (rc)
        return rc;
    *event_port(d, port) =
        (struct evtchn){.serve = serve, .state = EVTCHN_HYPERVISOR};
    *out = (uint16_t)port;
    return ERR_NONE;
}

/* The control guest hears of domains that stop. */
static void tell_controller(void)
{
    const struct domain *c = domain_controller();

    if (c && event_virq_bound(c, VIRQ_DOM_EXC))
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

static void close_other_end(struct domain *d, struct evtchn *e)
{
    struct evtchn *r = event_port(e->remote, e->remote_port);

    ASSERT(r && r->state == EVTCHN_INTERDOMAIN && r->remote == d);
    *r = (struct evtchn){
        .state = EVTCHN_UNBOUND, .remote_id = d->id, .vcpu = r->vcpu};
}

void event_close(struct domain *d, uint32_t port)
{
    struct evtchn *e = event_port(d, port);

    if (e->state == EVTCHN_INTERDOMAIN)
        close_other_end(d, e);
    else if (e->state == EVTCHN_VIRQ)
        for (unsigned i = 0; i < d->nr_vcpus; i++)
            if (d->vcpu[i]->virq_port[e->virq] == port)
                d->vcpu[i]->virq_port[e->virq] = 0;
    if (port == d->console_port)
        d->console_port = 0;
    if (port == d->store_port)
        d->store_port = 0;
    clear_bit(d->shared->evtchn_pending, port);
    *e = (struct evtchn){.state = EVTCHN_FREE};
}

void event_close_all(struct domain *d)
{
    for (uint32_t port = 1; port < EVTCHN_PORTS; port++) {
        const struct evtchn *e = event_port(d, port);

        if (e && e->state != EVTCHN_FREE)
            event_close(d, port);
    }
}

/* --- sending ------------------------------------------------------------- */

enum err event_send(struct domain *d, uint32_t port)
{
    const struct evtchn *e = event_port(d, port);

    if (!e)
        return ERR_INVAL;
    switch (e->state) {
    case EVTCHN_INTERDOMAIN:
        event_raise(e->remote, e->remote_port);
        return ERR_NONE;
    case EVTCHN_IPI:
        set_pending(d, e, port);
        return ERR_NONE;
    case EVTCHN_UNBOUND:
        return ERR_NONE; /* nobody listens */
    case EVTCHN_HYPERVISOR:
        return e->serve(d);
    default:
        return ERR_INVAL;
    }
}
