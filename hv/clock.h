/* SPDX-License-Identifier: MIT */
/* clock.h: system time, which starts near 0 at boot, and the time of day. */
#pragma once

#include "base.h"
#include "hv/acpi.h"

/* Frequency of the time-stamp counter. */
extern uint64_t clock_tsc_khz;

/*
 * ns = ((tsc - base) shifted left by shift, or right if negative) * mul
 * >> 32: the form in which guests get it (vcpu_time_info).
 */
struct clock_scale {
    uint64_t tsc_base;
    uint32_t mul;
    int8_t shift;
};
extern struct clock_scale clock_scale;

/* Measures the TSC and the APIC timer; apic_init() must have run. */
void clock_init(const struct acpi_info *acpi);

/* 0 until clock_init(), never 0 after. */
uint64_t clock_now_ns(void);
uint64_t clock_ns_of_tsc(uint64_t tsc);
uint64_t clock_tsc_of_ns(uint64_t ns);

/* Seconds since 1970 (UTC assumed) when system time was 0. */
uint64_t clock_wall_base(void);
