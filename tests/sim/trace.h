/* SPDX-License-Identifier: MIT */
/*
 * trace.h: who arrives, how large, for how long: virtual machines as the
 * public Azure traces of 2019 have them, divided by 8, from a seed.
 */
#pragma once

#include "base.h"

struct trace {
    uint64_t dice; /* xorshift64* */
};

uint64_t trace_upto(struct trace *t, uint64_t n);
double trace_unit(struct trace *t);     /* [0, 1) */
double trace_hours(struct trace *t);    /* a lifetime */
uint64_t trace_blocks(struct trace *t); /* a size, in blocks of 2 MiB */
