/* SPDX-License-Identifier: MIT */
/*
 * xxh64.h: the hash XXH64 with seed 0, as published by its author (the xxHash
 * specification, "XXH64"): finds damage, defends against nobody.
 */
#pragma once

#include "base.h"

#define XXH64_STRIPE 32u

struct xxh64 {
    uint64_t v[4];
    uint64_t bytes; /* so far */
};
_Static_assert(sizeof(((struct xxh64 *)0)->v) == XXH64_STRIPE,
               "a lane for each word of a stripe");
_Static_assert(PAGE_SIZE % XXH64_STRIPE == 0, "pages are whole stripes");

void xxh64_begin(struct xxh64 *h);
/* n is a multiple of XXH64_STRIPE; data of any alignment. */
void xxh64_stripes(struct xxh64 *h, const void *data, size_t n);
/* The last n bytes, n < XXH64_STRIPE, and the result. */
must_check uint64_t xxh64_end(struct xxh64 *h, const void *tail, size_t n);
/* All at once. */
must_check uint64_t xxh64(const void *data, size_t n);
