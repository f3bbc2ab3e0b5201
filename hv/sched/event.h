/* SPDX-License-Identifier: MIT */
/*
 * event.h: event channels: bits in shared_info that wake vCPUs.
 *
 * Each domain has an event lock, which covers d->evtchn[] and what is in it,
 * all its virq_port[], console_port and store_port. Two are taken by id. The
 * bits in shared_info are everybody's, and change by atomics.
 *
 * Invariants: both ends of an interdomain channel point at each other, or one
 * has become unbound; a closed domain is named by nobody. Both ends change
 * under both locks; so who holds one, and finds an interdomain channel there,
 * may use the other domain, its bucket, its vCPUs and where these have their
 * vcpu_info: none of it goes before the channel does. Whoever raises an event
 * holds such a lock. Of the other end only evtchn.vcpu may change meanwhile.
 */
#pragma once

#include "hv/domain/domain.h"
#include "xen/event_channel.h"

enum evtchn_state {
    EVTCHN_FREE,
    EVTCHN_UNBOUND,     /* remote: who may bind (by id) */
    EVTCHN_INTERDOMAIN, /* remote, remote_port */
    EVTCHN_VIRQ,
    EVTCHN_IPI,
    EVTCHN_HYPERVISOR, /* serve: the other end is the hypervisor's */
};

/*
 * d has raised its end: with hv_lock, and without d's event lock. ERR_RESTART:
 * there is more to do, let it again.
 */
typedef enum err (*event_serve)(struct domain *d);

struct evtchn {
    union {
        struct domain *remote;
        event_serve serve;
    };
    uint16_t remote_port;
    domid_t remote_id;
    uint8_t state, vcpu, virq;
    bool untold; /* the guest does not know its number: its maker's to close */
};
_Static_assert(sizeof(struct evtchn) == 16, "256 of them in a page");

/* Before there is a domain: VIRQ_DOM_EXC tells of those that stop. */
void event_register(void);
/* Of a domain that is zero as yet. */
void event_init(struct domain *d);

/*
 * A channel of d's whose other end is the hypervisor, which serves it; *port
 * is one of d's that d's event lock covers.
 */
enum err event_bind_hypervisor(struct domain *d, event_serve serve,
                               uint16_t *port);
/* The hypervisor raises its end, which *port of d's is; if there is one. */
void event_notify(struct domain *d, const uint16_t *port);
/* v's virtual interrupt, if it is bound. */
void event_virq(struct vcpu *v, unsigned virq);
bool event_virq_bound(struct domain *d, unsigned virq);

bool event_port_pending(const struct domain *d, uint32_t port);
/*
 * Everything d has is closed; the other ends become unbound. What is being made
 * meanwhile, by other vCPUs of d's, may be there afterwards.
 */
void event_close_all(struct domain *d);
/* The same, of a domain that none of its vCPUs runs in; it has no more. */
void event_end(struct domain *d);

/* --- for the hypercall: without a lock ------------------------------------ */

/* ERR_INVAL: there is no such channel. */
enum err event_close(struct domain *d, uint32_t port);
/*
 * A channel that was made untold: it is like any other from now on; or it goes.
 */
void event_tell(struct domain *d, uint32_t port, bool told);
/* ERR_RESTART: not all of what that asks for is done. */
enum err event_send(struct domain *d, uint32_t port);
/* port < EVTCHN_PORTS */
void event_unmask(struct domain *d, uint32_t port);

/* --- for the hypercall: event locks --------------------------------------- */

static inline void event_lock(struct domain *d)
{
    spin_lock(&d->event_lock);
}

static inline void event_unlock(struct domain *d)
{
    spin_unlock(&d->event_lock);
}

void event_lock_two(struct domain *a, struct domain *b); /* a may be b */
void event_unlock_two(struct domain *a, struct domain *b);

/*
 * Takes both locks and finds a free port of d's; other may be d. With an error
 * none is held: ERR_NOSPC, ERR_NOMEM, ERR_SRCH (one of them has ended).
 */
enum err event_port_lock(struct domain *d, struct domain *other,
                         uint32_t *port);

/* --- under d's event lock ------------------------------------------------- */

/* NULL: out of range, or never used. */
struct evtchn *event_port(const struct domain *d, uint32_t port);
void event_raise(struct domain *d, uint32_t port);
