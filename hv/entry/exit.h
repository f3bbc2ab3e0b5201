/* SPDX-License-Identifier: MIT */
/*
 * exit.h: what is seen to before the hypervisor is left for a guest.
 *
 * Called by entry.asm with interrupts off whenever the fast path is not open:
 * something in this_cpu()->work, an event to deliver, or an interrupt.
 */
#pragma once

#include "base.h"

/* On return this_cpu()->vcpu's registers are to be loaded. */
void exit_work(void);
/* Leaves for current_vcpu() from anywhere (the first time): entry.asm. */
noreturn_fn void exit_to_guest(void);
