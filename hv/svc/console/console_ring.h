/* SPDX-License-Identifier: MIT */
/*
 * console_ring.h: guests' consoles: the ring page that is in their own
 * memory, and what is typed.
 */
#pragma once

#include "hv/domain/domain.h"

/* What is typed interrupts from here on. */
void console_ring_init(void);
/*
 * d stops running: shows what is in its ring, as far as there is room. The rest
 * stays there, and is shown when d has gone on, here or wherever it is then.
 */
void console_ring_suspend(struct domain *d);
void console_ring_resume(struct domain *d);
/*
 * d runs no more: shows some of the last of its ring; true: that was all, and
 * there is room for what is said of it. Others may be through before.
 */
must_check bool console_ring_end(struct domain *d);
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
