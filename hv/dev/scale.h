/* SPDX-License-Identifier: MIT */
/*
 * scale.h: from a TSC to nanoseconds, in the form in which guests get it
 * (vcpu_time_info). Pure.
 */
#pragma once

#include "base.h"

/* ns = ns_base + ((tsc - tsc_base) shifted left by shift, or right if negative)
 * * mul >> 32. */
struct clock_scale {
    uint64_t tsc_base, ns_base;
    uint32_t mul; /* its top bit is set; shift makes up for it */
    int8_t shift;
};

/* Of a TSC at khz, from 0 on at tsc_base 0. */
struct clock_scale scale_of_khz(uint64_t khz);
/* What was before the base is at the base. */
uint64_t scale_ns(const struct clock_scale *s, uint64_t tsc);
/* a * b / c, of all 128 bits in between; the most there is if it is more. */
uint64_t scale_mul_div(uint64_t a, uint64_t b, uint64_t c);
