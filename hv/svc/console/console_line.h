/* SPDX-License-Identifier: MIT */
/*
 * console_line.h: what waits for the console's serial line. From line_start()
 * on nobody waits for the line himself: the UART's interrupt takes from a
 * queue what its FIFO has room for.
 */
#pragma once

#include "hv/domain/domain.h"

void line_start(void);
/* Waits until all of it is out. */
void line_flush(void);
/* The opposite of line_start(): the machine ends. */
void line_stop(void);

/* For d; NULL: the hypervisor's own, which finds room or makes some. */
void line_put(char c, struct domain *d);
/*
 * May d, or the hypervisor, have a turn of up to LINE_TURN characters? Not
 * while what it said last is far from being out, whoever else waits: so all
 * get as much of the line as they want or the same, in whatever way they write
 * and whoever asks first.
 */
bool line_has_room(const struct domain *d);
#define LINE_TURN 544u

/* From the interrupt, and now and then: gives the UART what it takes. */
void line_send(void);
/* When line_send() is due though nothing interrupts; 0: never. */
uint64_t line_due(void);
