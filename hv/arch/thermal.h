/* SPDX-License-Identifier: MIT */
/*
 * thermal.h: a processor that is too hot, or is slowed down from outside, says
 * so: by an interrupt, and to who looks. It is told of once for each change.
 */
#pragma once

#include "base.h"

/* On each CPU, after lapic_setup(). */
void thermal_init(void);
/* On each CPU now and then, and by its interrupt. */
void thermal_look(void);
/* From the timer: says what has changed. */
void thermal_tick(void);

/* What IA32_THERM_STATUS says that was not said before. Pure. */
struct thermal {
    uint32_t now;  /* THERMAL_*, as it is */
    uint32_t been; /* and was, meanwhile or still */
};
#define THERMAL_HOT      1u
#define THERMAL_FORCED   2u
#define THERMAL_CRITICAL 4u
struct thermal thermal_of(uint64_t status);
/* Text for these, "" if there is none: at most THERMAL_TEXT with its zero. */
enum { THERMAL_TEXT = 96 };
void thermal_text(char text[THERMAL_TEXT], uint32_t what);
