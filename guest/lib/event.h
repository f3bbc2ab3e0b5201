/* SPDX-License-Identifier: MIT */
/*
 * event.h: event channels in the two-level layout. Each vCPU takes what is
 * bound to it; handlers are one table.
 */
#pragma once

#include "guest/lib/hypercall.h"

typedef void event_handler_t(evtchn_port_t port);

void event_init(void);
/* For suspend.h. anew: all channels are closed, whoever wants one binds it. */
void event_suspend(void);
void event_resume(bool anew);
/*
 * Counts what has been delivered, and having been away: whoever looks knows
 * whether to look again.
 */
extern volatile unsigned event_count;
struct shared_info *event_shared(void);
/* From the upcall: run the handler of every port that is pending. */
void event_deliver(void);

/* Mask or unmask delivery to this vCPU; unmasking takes what is pending. */
void event_disable(void);
void event_enable(void);
/* Block until an event arrives; events are enabled on return. */
void event_wait(void);

void event_set_handler(evtchn_port_t port, event_handler_t *handler);
void event_unmask(evtchn_port_t port);
void event_mask(evtchn_port_t port);
bool event_pending(evtchn_port_t port);
/* Each returns the port, or a negated errno. */
int64_t event_bind_virq(uint32_t virq, uint32_t vcpu);
int64_t event_bind_ipi(uint32_t vcpu);
int64_t event_close(evtchn_port_t port);
int64_t event_send(evtchn_port_t port);
