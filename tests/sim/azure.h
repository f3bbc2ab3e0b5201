/* SPDX-License-Identifier: MIT */
/*
 * azure.h: who arrives, how large, for how long: virtual machines as the
 * public Azure traces of 2019 have them, from a seed. One seed, one sequence:
 * nothing here looks at anything but the dice.
 */
#pragma once

#include "base.h"

struct dice {
    uint64_t state; /* xorshift64*; never 0 */
};

struct dice dice_of(uint64_t seed);
uint64_t dice_upto(struct dice *d, uint64_t n); /* 0..n-1 */
double dice_unit(struct dice *d);               /* [0, 1) */
double dice_exp(struct dice *d, double mean);

double azure_hours(struct dice *d); /* a lifetime */
/* A size in blocks of 2 MiB: an eighth of the trace's, as W1 to W5 have it. */
uint64_t azure_blocks_eighth(struct dice *d);
/* Full size up to 512 GiB, and 2 % of 1 to 4 TiB: W7. */
uint64_t azure_blocks_big(struct dice *d);
