/* SPDX-License-Identifier: MIT */
/* watchdog.h: timers that end a guest which has stopped to look after them. */
#pragma once

#include "hv/domain/domain.h"

/* SCHEDOP_watchdog: the number of a new one, 0, or a negated errno. */
long watchdog_set(struct domain *d, uint32_t id, uint32_t seconds);
/* From the timer, now and then: ends whoever is overdue. */
void watchdog_tick(uint64_t now);
/* d could not reset its own for so long: they are later. */
void watchdog_delay(struct domain *d, uint64_t ns);
