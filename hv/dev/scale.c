/* SPDX-License-Identifier: MIT */
/* scale.c: see scale.h. */
#include "hv/dev/scale.h"

struct clock_scale scale_of_khz(uint64_t khz)
{
    struct clock_scale s = {0};
    uint64_t scaled = UINT64_C(1000000);
    int shift = 0;

    for (; scaled > khz; khz <<= 1)
        shift++;
    for (; scaled * 2 <= khz; scaled <<= 1)
        shift--;
    /* Now khz / 2 < scaled <= khz: the quotient fits 32 bits, full. */
    s.mul = (uint32_t)MIN((scaled << 32) / khz, (uint64_t)UINT32_MAX);
    s.shift = (int8_t)shift;
    return s;
}

uint64_t scale_ns(const struct clock_scale *s, uint64_t tsc)
{
    uint64_t delta = tsc > s->tsc_base ? tsc - s->tsc_base : 0;

    if (s->shift >= 0)
        delta <<= s->shift;
    else
        delta >>= -s->shift;
    return s->ns_base + (uint64_t)((unsigned __int128)delta * s->mul >> 32);
}

/* Bit by bit: there is no library to divide so much, and it is rare. */
uint64_t scale_mul_div(uint64_t a, uint64_t b, uint64_t c)
{
    const unsigned __int128 product = (unsigned __int128)a * b;
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;

    if (high >= c)
        return UINT64_MAX;
    for (int i = 0; i < 64; i++) {
        const bool carry = high >> 63;

        high = high << 1 | low >> 63;
        low <<= 1;
        if (carry || high >= c) {
            high -= c;
            low |= 1;
        }
    }
    return low;
}
