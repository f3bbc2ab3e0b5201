/* SPDX-License-Identifier: MIT */
/*
 * store.h: a small xenstore for each domain: what the toolstack would have
 * put below its home, what it has put there itself, watches, transactions.
 * Nobody else's home can be seen.
 *
 * Invariants: all of it is in hypervisor frames of the domain's, no more than
 * STORE_FRAMES and a few: a guest that fills its store has a full store, in
 * which the hypervisor can write all the same. What a guest asks for is done in
 * its own time, in steps of bounded work, and stops for whoever else is to run.
 */
#pragma once

#include "hv/domain/domain.h"

/* Before there is a domain: each has a store. */
void store_register(void);

/* Its own, with what a guest finds at birth. ERR_NOMEM. */
enum err store_create(struct domain *d);
void store_free(struct domain *d);
/* It was suspended: watches and what was under way are gone, values stay. */
void store_reset(struct domain *d);

/* d gets the channel of its store. ERR_NOMEM, ERR_NOSPC. */
enum err store_bind(struct domain *d);
/* d has raised it. ERR_RESTART: there is more to do, let it again. */
enum err store_serve(struct domain *d);

/*
 * control/shutdown: "suspend", "poweroff" or "reboot", when it likes. `what`
 * is a constant. At once, or when the request under way is done.
 */
void store_ask(struct domain *d, const char *what);
/* memory/target. */
void store_set_target(struct domain *d, uint64_t pages);
/* memory/static-max, which is what d's max_pages says now. */
void store_tell_max(struct domain *d);
/*
 * cpu/N/availability: the first so many of d's vCPUs are online, the others
 * offline. A watch above them hears of each, one after the other.
 */
void store_set_vcpus(struct domain *d, unsigned online);
