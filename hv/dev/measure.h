/* SPDX-License-Identifier: MIT */
/*
 * measure.h: how fast the TSC and the APIC timer are, by a reference. Three
 * spans have to agree: what fell into system management mode does not count.
 */
#pragma once

#include "hv/dev/reference.h"

/* Ticks in the same span; unsure: so many of the TSC at its ends. */
struct measured {
    uint64_t tsc, apic, ref, unsure;
    bool disturbed; /* no three agreed: the best there was */
};

struct measured measure(const struct reference *r);
/* The best of three spans, each a fifth as long: whether another reference says
 * about the same. */
struct measured measure_roughly(const struct reference *r);

/* Hz of what counted `ticks` in it. */
uint64_t measured_hz(const struct reference *r, const struct measured *m,
                     uint64_t ticks);
/* Do the two differ by a part-th of them at most? */
bool measured_alike(uint64_t a, uint64_t b, uint64_t part);
