/* SPDX-License-Identifier: MIT */
/*
 * console_ring.h: guests' consoles: the ring page that is in their own
 * memory, and what is typed.
 */
#pragma once

#include "hv/domain.h"

/* What is typed interrupts from here on. */
void console_ring_init(void);
/*
 * Shows what d, which does not run any more, has put into its ring, as far as
 * there is room; true: that is all, and there is room for what is said of it.
 */
bool console_ring_drain(struct domain *d);
/* d has raised one of its channels to the hypervisor. */
void console_ring_event(struct domain *d, uint16_t port);
/*
 * Now and then: takes what was typed to where it belongs, and shows what there
 * was no time for; true: there still is some of that.
 */
bool console_ring_tick(void);
/* console_due() is over. */
void console_ring_room(void);
/* A typed character for console_io, or -1; d must be the one they go to. */
int console_ring_getc(const struct domain *d);
