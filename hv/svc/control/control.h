/* SPDX-License-Identifier: MIT */
/*
 * control.h: FLAGSTONE_OP_control, what the control guest may ask.
 *
 * Invariant: one operation that changes something is under way at a time; it
 * is carried on by its caller executing the hypercall again, and what was
 * asked is the copy made when it began.
 */
#pragma once

#include "boot/bootinfo.h"
#include "hv/domain/domain.h"

long control_op(struct domain *d, uint64_t arg);

/*
 * Before there is a domain. When the control guest has ended nobody carries on
 * what was under way.
 */
void control_register(void);

/* What of the machine only the loader told; and which release this is. */
void control_know(const struct bootinfo *bi, const char *release);
