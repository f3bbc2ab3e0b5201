/* SPDX-License-Identifier: MIT */
/*
 * segment.h: what a segment is to 32-bit code of a guest, taken from its
 * descriptor: where it lies, how far it reaches and what may be done there.
 * Pure, but for segment_get(), so the host tests it.
 *
 * Invariant: an address that segment_linear() gives is below 4 GiB, all of the
 * access lies within the limit, and none of it wraps (SDM vol. 3, 5.3).
 */
#pragma once

#include "base.h"

enum segment_use { SEGMENT_FETCH, SEGMENT_READ, SEGMENT_WRITE };

struct segment {
    uint32_t base, limit; /* in bytes, granularity applied */
    uint16_t rights;      /* bits 40 to 55 of the descriptor */
};

struct vcpu;

struct segment segment_of(uint64_t descriptor);
/* Present, and code or data of the kind? */
bool segment_permits(const struct segment *s, enum segment_use use);
/* Of operands and addresses in a code segment: 4 or 2 bytes. */
unsigned segment_width(const struct segment *s);
/* False: not all of the n bytes at the offset are the segment's. */
bool segment_linear(const struct segment *s, uint32_t offset, unsigned n,
                    uint64_t *va);
/* The same for code, of which n may be cut short; 0: none of it. */
unsigned segment_code(const struct segment *s, uint32_t offset, unsigned n,
                      uint64_t *va);

/* What the selector means to v, which is loaded. False: nothing. */
bool segment_get(const struct vcpu *v, uint16_t sel, struct segment *s);
