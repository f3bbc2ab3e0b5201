/* SPDX-License-Identifier: MIT */
/* clock.h: system time, which starts near 0 at boot, and the time of day. */
#pragma once

#include "base.h"
#include "hv/arch/acpi.h"
#include "hv/dev/scale.h"

/* Frequency of the time-stamp counter. */
extern uint64_t clock_tsc_khz;

/* The scale in use: read once, it is whole, and good for a second. */
extern const struct clock_scale *clock_scale;
/* Changes with it. */
extern unsigned clock_generation;

/* Measures the TSC and the APIC timer against it; after apic_init(). */
void clock_init(const struct acpi_info *acpi);

/*
 * Once a second, on the boot CPU, with no lock: is the TSC what it was? True:
 * there is another scale.
 */
must_check bool clock_resync(void);
/* On the boot CPU, with hv_lock, now and then: tells of that. */
void clock_say(uint64_t now);

/* 0 until clock_init(), never 0 after. */
uint64_t clock_now_ns(void);
/* The conversion; the other way is its inverse, worked out from it. */
uint64_t clock_ns_of_tsc(uint64_t tsc);
/*
 * The first TSC at which it is ns or later: a timer set to it never comes
 * early, however long the machine runs. The last there is if it is never.
 */
uint64_t clock_tsc_of_ns(uint64_t ns);
/* As many ticks of the APIC timer as from TSC `now` to TSC `due`: 1 or more. */
uint32_t clock_apic_ticks(uint64_t due, uint64_t now);

/* Seconds since 1970 (UTC assumed) when system time was 0. */
uint64_t clock_wall_base(void);
