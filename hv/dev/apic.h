/* SPDX-License-Identifier: MIT */
/* apic.h: the one-shot timer of this processor's local APIC. */
#pragma once

#include "base.h"

/*
 * The local APIC of the boot CPU, as hv/arch/lapic.h has it, and silences the
 * old PIC.
 */
void apic_init(uint64_t base, bool x2apic_wanted);

/* Raw timer ticks, for calibration: starts a long count, reads what is left. */
void apic_timer_count_start(void);
uint32_t apic_timer_count_left(void);

/* Chooses TSC-deadline where present, else the counter, if it counts. */
void apic_timer_init(bool counts);
/* The same for another CPU, once that is chosen. */
void apic_timer_setup(void);

/*
 * One interrupt at that clock_now_ns() time, at once if it has passed; only
 * the last call counts. 0 disarms.
 */
void apic_timer_set(uint64_t deadline_ns);
