/* SPDX-License-Identifier: MIT */
/*
 * event.h: event channels: bits in shared_info that wake vCPUs.
 *
 * Invariants: both ends of an interdomain channel point at each other, or one
 * has become unbound; a closed domain is named by nobody.
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

/* d has raised its end. ERR_RESTART: there is more to do, let it again. */
typedef enum err (*event_serve)(struct domain *d);

struct evtchn {
    union {
        struct domain *remote;
        event_serve serve;
    };
    uint16_t remote_port;
    domid_t remote_id;
    uint8_t state, vcpu, virq;
};
_Static_assert(sizeof(struct evtchn) == 16, "256 of them in a page");

/* Before there is a domain: VIRQ_DOM_EXC tells of those that stop. */
void event_register(void);

/* A channel of d's whose other end is the hypervisor, which serves it. */
enum err event_bind_hypervisor(struct domain *d, event_serve serve,
                               uint16_t *port);
/* The hypervisor raises its end; 0 is nothing. */
void event_notify(struct domain *d, uint16_t port);
/* v's virtual interrupt, if it is bound. */
void event_virq(struct vcpu *v, unsigned virq);
bool event_virq_bound(const struct domain *d, unsigned virq);

bool event_port_pending(const struct domain *d, uint32_t port);
/* Everything d has is closed; the other ends become unbound. */
void event_close_all(struct domain *d);

/* --- for the hypercall --- */

/* NULL: out of range, or never used. */
struct evtchn *event_port(const struct domain *d, uint32_t port);
/* A free one; the caller sets its state. ERR_NOSPC, ERR_NOMEM. */
enum err event_port_get(struct domain *d, uint32_t *port);
/* port is one that event_port() knows and that is not free. */
void event_close(struct domain *d, uint32_t port);
/* ERR_RESTART: not all of what that asks for is done. */
enum err event_send(struct domain *d, uint32_t port);
/* port < EVTCHN_PORTS */
void event_unmask(struct domain *d, uint32_t port);
void event_raise(struct domain *d, uint32_t port);
