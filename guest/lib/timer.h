/* SPDX-License-Identifier: MIT */
/*
 * timer.h: system time, wall clock, the one-shot timer, the cycle counter.
 */
#pragma once

#include "guest/lib/hypercall.h"

/* Nanoseconds since the hypervisor started, extrapolated by the TSC. */
uint64_t timer_now(void);
/* As the one of that number has it: from there, of itself. */
uint64_t timer_of(unsigned vcpu);
/* Seconds since 1970; *ns gets the rest. */
uint64_t timer_wall_clock(uint32_t *ns);
/*
 * What vCPU 0 has run since it was made, in ticks of the TSC: a difference
 * holds what the hypervisor did for it, not what others did meanwhile.
 */
uint64_t timer_ran(void);
/* Sleep at least ns nanoseconds; 0, or a negated errno. */
int64_t timer_sleep(uint64_t ns);
/* As that, or until an event later than `seen`, a value of event_count. */
int64_t timer_doze(uint64_t ns, unsigned seen);
void timer_resume(void); /* suspend.h */
/* How often VIRQ_TIMER came, once timer_sleep() has bound it. */
extern volatile unsigned timer_fired;

static inline uint64_t tsc_read(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (uint64_t)hi << 32 | lo;
}
