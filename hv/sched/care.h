/* SPDX-License-Identifier: MIT */
/*
 * care.h: what the machine is looked after for by the timer, whoever runs: what
 * hardware tells of itself only when it is asked, or has told an interrupt that
 * may say nothing.
 */
#pragma once

#include "base.h"

#define CARE_ROUND UINT64_C(1000000000) /* ns */

/* On each CPU, once in such a time; no lock is held. */
void care_round(void);
/* On the boot CPU, at each tick, with hv_lock held: what there is to say. */
void care_tick(uint64_t now);
