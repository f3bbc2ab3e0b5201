/* SPDX-License-Identifier: MIT */
/*
 * console_ring.h: guests' consoles: the ring page that is in their own
 * memory, and what is typed.
 */
#pragma once

#include "hv/domain/domain.h"

/*
 * What is typed interrupts from here on, and is taken to where it belongs; what
 * there was no time to show is shown now and then.
 */
void console_ring_init(void);
/* At the console of one that is up; returns how much it has room for. */
unsigned console_ring_type(struct domain *d, const char *keys, unsigned n);
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
/* Before there is a domain: each has a console. */
void console_ring_register(void);
/* d gets the channel of its console. ERR_NOMEM, ERR_NOSPC. */
enum err console_ring_bind(struct domain *d);
/* A typed character for console_io, or -1; d must be the one they go to. */
int console_ring_getc(const struct domain *d);
