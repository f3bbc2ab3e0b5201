/* SPDX-License-Identifier: MIT */
/* mce.h: machine checks: what the hardware found wrong with itself. */
#pragma once

#include "base.h"
#include "hv/arch/regs.h"

/*
 * On each CPU: says what is left from before the boot, and has #MC raised from
 * here on.
 */
void mce_init(void);

/* #MC: all that the banks say, and a panic. */
noreturn_fn void mce_panic(const struct regs *regs);
