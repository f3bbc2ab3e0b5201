/* SPDX-License-Identifier: MIT */
/*
 * wake.h: CPUs that are idle, and what they are told. Who wakes and who sleeps
 * is in sched.h, for everybody.
 */
#pragma once

#include "hv/domain/domain.h"

/*
 * One of d's waits, at home there. To a CPU that has nothing to do and may run
 * it: this one first, then its home. False: there is none.
 */
bool wake_offer(const struct domain *d, unsigned home);
/* Every idle CPU that might run one of those that wait. */
void wake_idle_that_may(void);

/* This CPU is idle, until it ends that, or is told of something. */
void wake_idle_begin(void);
void wake_idle_end(void);
bool wake_is_idle(unsigned cpu);
