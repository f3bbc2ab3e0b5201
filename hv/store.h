/* SPDX-License-Identifier: MIT */
/*
 * store.h: an empty xenstore: every question is answered, so that a guest
 * that asks for its devices learns that it has none instead of waiting.
 */
#pragma once

#include "hv/domain.h"

void store_serve(struct domain *d);

/* control/shutdown: "suspend", "poweroff" or "reboot", when it likes. */
void store_ask(struct domain *d, const char *what);
/* memory/target. */
void store_set_target(struct domain *d, uint64_t pages);
