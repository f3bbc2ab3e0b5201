/* SPDX-License-Identifier: MIT */
/*
 * vendor.h: where Intel's and AMD's processors differ, and firmware leaves
 * something on that must be off. What concerns speculation is spec_cpu.h's.
 */
#pragma once

#include "boot/bootinfo.h"

/* On each CPU, with an IDT; the boot CPU first. */
void vendor_init(void);

/*
 * SYSRET of AMD's leaves SS's hidden part as it is (APM vol. 3, SYSRET), and an
 * exception has made that a null selector's: the guest would have a stack
 * segment by name that 32-bit code may not use. Is this one of those?
 */
bool vendor_sysret_keeps_ss(void);

/* On the boot CPU: is all RAM of bi cached? A line if not. */
void vendor_check_memory(const struct bootinfo *bi);
/* Once all are up: one whose MTRRs differ has a line. */
void vendor_say_unlike(void);
