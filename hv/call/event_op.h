/* SPDX-License-Identifier: MIT */
/* event_op.h: what event.c has for the hypercall alone. */
#pragma once

#include "hv/sched/event.h"

/* NULL: out of range, or never used. */
struct evtchn *event_port(const struct domain *d, uint32_t port);
/* A free one; the caller sets its state. ERR_NOSPC, ERR_NOMEM. */
must_check enum err event_port_get(struct domain *d, uint32_t *port);
/* port is one that event_port() knows and that is not free. */
void event_close(struct domain *d, uint32_t port);
/* ERR_RESTART: not all of what that asks for is done. */
must_check enum err event_send(struct domain *d, uint32_t port);
/* port < EVTCHN_PORTS */
void event_unmask(struct domain *d, uint32_t port);
void event_raise(struct domain *d, uint32_t port);
