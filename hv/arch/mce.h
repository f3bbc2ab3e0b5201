/* SPDX-License-Identifier: MIT */
/*
 * mce.h: machine checks: what the hardware found wrong with itself. Who has to
 * bear it is hv/sched/damage.h's business.
 */
#pragma once

#include "base.h"
#include "hv/arch/mce_judge.h"
#include "hv/arch/regs.h"

/*
 * On each CPU: says what is left from before the boot, and has #MC raised from
 * here on.
 */
void mce_init(void);

/*
 * #MC: what the banks say is noted, and the banks are emptied; or a panic with
 * all of it. True: the guest that ran must not go on.
 */
must_check bool mce_handle(const struct regs *regs);

/* Now and then on each CPU: notes what came without #MC. */
void mce_poll(void);

/*
 * Takes the oldest of what was noted; false: there is nothing. One caller at a
 * time.
 */
must_check bool mce_take(struct mce_bank *out);
/* How many there was no room to note, so far. */
unsigned mce_unnoted(void);

/* As this processor is to be read. */
const struct mce_rules *mce_how(void);

/* Says what one bank said. */
void mce_say(const struct mce_bank *b);
/* A panic for what was found: the banks have been emptied already. */
noreturn_fn void mce_panic_late(const struct mce_bank *b, const char *why);
