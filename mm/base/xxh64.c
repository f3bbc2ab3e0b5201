/* SPDX-License-Identifier: MIT */
/* xxh64.c: see xxh64.h. */
#include "mm/base/xxh64.h"

#include <string.h>

#define PRIME_1 UINT64_C(0x9e3779b185ebca87)
#define PRIME_2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define PRIME_3 UINT64_C(0x165667b19e3779f9)
#define PRIME_4 UINT64_C(0x85ebca77c2b2ae63)
#define PRIME_5 UINT64_C(0x27d4eb2f165667c5)

static inline uint64_t rotl(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

static inline uint64_t read64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t read32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t mix(uint64_t lane, uint64_t input)
{
    return rotl(lane + input * PRIME_2, 31) * PRIME_1;
}

void xxh64_begin(struct xxh64 *h)
{
    *h = (struct xxh64){
        .v = {PRIME_1 + PRIME_2, PRIME_2, 0, UINT64_C(0) - PRIME_1}};
}

void xxh64_stripes(struct xxh64 *h, const void *data, size_t n)
{
    const uint8_t *p = data, *end = p + n;
    uint64_t a = h->v[0], b = h->v[1], c = h->v[2], d = h->v[3];

    ASSERT(n % XXH64_STRIPE == 0);
    for (; p < end; p += XXH64_STRIPE) {
        a = mix(a, read64(p));
        b = mix(b, read64(p + 8));
        c = mix(c, read64(p + 16));
        d = mix(d, read64(p + 24));
    }
    h->v[0] = a;
    h->v[1] = b;
    h->v[2] = c;
    h->v[3] = d;
    h->bytes += n;
}

/* The lanes as one word; without a full stripe they say nothing. */
static uint64_t join_lanes(const struct xxh64 *h)
{
    uint64_t acc;

    if (h->bytes == 0)
        return PRIME_5;
    acc = rotl(h->v[0], 1) + rotl(h->v[1], 7) + rotl(h->v[2], 12) +
          rotl(h->v[3], 18);
    for (unsigned i = 0; i < 4; i++)
        acc = (acc ^ mix(0, h->v[i])) * PRIME_1 + PRIME_4;
    return acc;
}

static uint64_t take_tail(uint64_t acc, const uint8_t *p, size_t n)
{
    for (; n >= 8; n -= 8, p += 8)
        acc = rotl(acc ^ mix(0, read64(p)), 27) * PRIME_1 + PRIME_4;
    if (n >= 4) {
        acc = rotl(acc ^ read32(p) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        n -= 4;
        p += 4;
    }
    for (; n > 0; n--, p++)
        acc = rotl(acc ^ *p * PRIME_5, 11) * PRIME_1;
    return acc;
}

uint64_t xxh64_end(struct xxh64 *h, const void *tail, size_t n)
{
    uint64_t acc = join_lanes(h) + h->bytes + n;

    ASSERT(n < XXH64_STRIPE);
    acc = take_tail(acc, tail, n);
    acc = (acc ^ acc >> 33) * PRIME_2;
    acc = (acc ^ acc >> 29) * PRIME_3;
    return acc ^ acc >> 32;
}

uint64_t xxh64(const void *data, size_t n)
{
    size_t stripes = n / XXH64_STRIPE * XXH64_STRIPE;
    struct xxh64 h;

    xxh64_begin(&h);
    xxh64_stripes(&h, data, stripes);
    return xxh64_end(&h, (const uint8_t *)data + stripes, n - stripes);
}
