/* SPDX-License-Identifier: MIT */
/*
 * console_line.h: what waits for the console's serial line. From line_start()
 * on nobody waits for the line himself: the UART's interrupt takes from a
 * queue what its FIFO has room for.
 */
#pragma once

#include "hv/domain.h"

void line_start(void);
/* Waits until all of it is out. */
void line_flush(void);
/* The opposite of line_start(): the machine ends. */
void line_stop(void);

/* For d; NULL: the hypervisor's own, which finds room or makes some. */
void line_put(char c, const struct domain *d);
/*
 * May a guest put more that waits for it in a hypercall? Behind that there is
 * room for the hypervisor. And a ring, for a turn that comes to no more than
 * LINE_TURN characters? What rings say never fills the room of the others.
 */
bool line_has_room(void);
bool line_has_turn(void);
#define LINE_TURN 1424u

/* From the interrupt, and now and then: gives the UART what it takes. */
void line_send(void);
/* When line_send() is due though nothing interrupts; 0: never. */
uint64_t line_due(void);
