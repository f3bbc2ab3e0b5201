/* SPDX-License-Identifier: MIT */
/* nmi.h: the interrupt that nothing holds up: why it came, and what then. */
#pragma once

#include "base.h"
#include "hv/arch/regs.h"

/* A panic; with nmi=report it is counted, and nothing else is done. */
void nmi_handle(const struct regs *regs);

/* From the timer: says what has been counted. */
void nmi_tick(void);
