/* SPDX-License-Identifier: MIT */
/*
 * io/console.h: the page of the paravirtual console: two rings with free
 * running indices. The guest produces out and consumes in.
 */
#pragma once

#include "base.h"

typedef uint32_t XENCONS_RING_IDX;
#define MASK_XENCONS_IDX(idx, ring) ((idx) & (sizeof(ring) - 1))

struct xencons_interface {
    char in[1024];
    char out[2048];
    XENCONS_RING_IDX in_cons;
    XENCONS_RING_IDX in_prod;
    XENCONS_RING_IDX out_cons;
    XENCONS_RING_IDX out_prod;
};
_Static_assert(sizeof(struct xencons_interface) == 3088, "public header");
