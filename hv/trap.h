/* SPDX-License-Identifier: MIT */
/* trap.h: what entry.asm calls, and the exception table. */
#pragma once

#include "base.h"
#include "hv/regs.h"

void trap_dispatch(struct regs *regs);

/*
 * Goes on at the fixup of a risky instruction that faulted. In asm or C:
 * .pushsection .extable,"a"; .long fault - ., fixup - .; .popsection
 */
bool trap_fixup(struct regs *regs);
