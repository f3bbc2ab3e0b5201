/* SPDX-License-Identifier: MIT */
/*
 * store.h: a small xenstore for each domain: what the toolstack would have
 * put below its home, what it has put there itself, watches, transactions.
 * Nobody else's home can be seen.
 *
 * Invariant: all of it is in hypervisor frames of the domain's, and every
 * bound is a fixed one: a guest that fills its store has a full store.
 */
#pragma once

#include "hv/domain.h"

/* Its own, with what a guest finds at birth. ERR_NOMEM. */
must_check enum err store_create(struct domain *d);
void store_free(struct domain *d);
/* It was suspended: watches and what was under way are gone, values stay. */
void store_reset(struct domain *d);

/* d has raised its channel, or something has changed. */
void store_serve(struct domain *d);

/*
 * control/shutdown: "suspend", "poweroff" or "reboot", when it likes.
 * ERR_NOSPC: the guest has filled its store to the last byte.
 */
must_check enum err store_ask(struct domain *d, const char *what);
/* memory/target. */
must_check enum err store_set_target(struct domain *d, uint64_t pages);
