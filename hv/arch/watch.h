/* SPDX-License-Identifier: MIT */
/*
 * watch.h: each processor looks whether the next one still answers
 * (watchdog=N). One that does not for N rounds of a second ends the machine,
 * with its registers, by an NMI.
 */
#pragma once

#include "base.h"
#include "hv/arch/regs.h"

/* On each CPU, once a second. */
void watch_round(void);
/* From the mailbox: this CPU answers. */
void watch_answer(void);
/* From an NMI: does not return if it is this CPU that does not answer. */
void watch_nmi(const struct regs *regs);
