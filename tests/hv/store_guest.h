/* SPDX-License-Identifier: MIT */
/*
 * store_guest.h: a domain with a store, for host tests and the fuzzer: what
 * the store wants of the rest of the hypervisor, and a guest at its ring.
 */
#pragma once

#include "hv/svc/store/store.h"
#include "hv/svc/store/store_state.h"

extern struct domain store_domain;
extern struct xenstore_domain_interface store_ring;
extern unsigned store_notified;
extern unsigned store_frames_out; /* that the store has */
extern unsigned store_frames_max; /* that it can get */
extern bool store_no_ring;        /* the guest has no page there */
extern unsigned store_said;       /* lines on the console */
extern char store_last_said[128];
/* cpu_preempt() says so that often before it says yes; 0: never. */
extern unsigned store_patience;
/* Called at each look at the clock. */
extern void (*store_looked)(void);

void store_guest_make(void);
/* The store ends; every frame must be back. */
void store_guest_end(void);
/* As often as it asks for. */
void store_guest_serve(void);
/* Everything that counts is right: else the test fails or the fuzzer stops. */
void store_guest_audit(void);

/* The last message taken out of the ring. */
extern struct xsd_sockmsg store_got;
extern char store_body[XENSTORE_PAYLOAD_MAX + 1];
extern uint32_t store_next_id;

void store_send_bytes(const void *p, size_t n);
void store_send_request(uint32_t type, uint32_t tx, const void *p, size_t n);
/* The next message, which is there. */
void store_take_message(void);
/* Nothing more comes. */
bool store_silent(void);
/* One request and its answer; NULL is an error, whose name is in body. */
const char *store_ask_in(uint32_t tx, uint32_t type, const void *p, size_t n);
