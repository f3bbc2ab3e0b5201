/* SPDX-License-Identifier: MIT */
/* apic.h: this processor's local APIC and its one-shot timer. */
#pragma once

#include "base.h"

enum { APIC_TIMER_VECTOR = 0xf0, APIC_SPURIOUS_VECTOR = 0xff };

/* Switches it on, all its sources masked, and silences the old PIC. */
void apic_init(uint64_t base);

void apic_eoi(void);
/* What the old PIC (hv/dev/pic.h) has to say comes through from here on. */
void apic_pass_pic(void);

/* Raw timer ticks, for calibration: starts a long count, reads what is left. */
void apic_timer_count_start(void);
uint32_t apic_timer_count_left(void);

/* Chooses TSC-deadline where present, else the counter at khz. */
void apic_timer_init(bool counts);

/*
 * One interrupt at that clock_now_ns() time, at once if it has passed; only
 * the last call counts. 0 disarms.
 */
void apic_timer_set(uint64_t deadline_ns);
