/* SPDX-License-Identifier: MIT */
/*
 * damage.h: who has to bear what machine checks (hv/arch/mce.h) have found: the
 * domain whose memory is lost ends, and no other; the memory leaves the
 * machine.
 */
#pragma once

#include "hv/arch/regs.h"

/* #MC, whoever ran. */
void damage_machine_check(const struct regs *regs);
/* From the timer, with hv_lock held: what was noted meanwhile. */
void damage_tick(uint64_t now);
