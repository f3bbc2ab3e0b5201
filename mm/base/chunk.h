/* SPDX-License-Identifier: MIT */
/*
 * chunk.h: aligned chunks of free frames in the map of one block (bit set:
 * free).
 */
#pragma once

#include "base.h"

#define CHUNK_WORDS (BLOCK_FRAMES / 64)
_Static_assert(BLOCK_FRAMES == UINT64_C(64) << 3,
               "order 6 is a word, order 9 the map: chunk_find()");

/* Bits of w that start an aligned chunk of 2^order set bits, order <= 6. */
static inline uint64_t chunk_starts(uint64_t w, unsigned order)
{
    static const uint64_t aligned[] = {
        ~UINT64_C(0),
        0x5555555555555555u,
        0x1111111111111111u,
        0x0101010101010101u,
        0x0001000100010001u,
        0x0000000100000001u,
        1,
    };

    for (unsigned k = 0; k < order; k++)
        w &= w >> (1u << k);
    return w & aligned[order];
}

/* First aligned chunk of 2^order free frames, order <= 8; or BLOCK_FRAMES. */
static inline unsigned chunk_find(const uint64_t map[CHUNK_WORDS],
                                  unsigned order)
{
    unsigned words = order > 6 ? 1u << (order - 6) : 1;

    for (unsigned i = 0; i < CHUNK_WORDS; i += words) {
        uint64_t w = map[i];

        for (unsigned k = 1; k < words; k++)
            w &= map[i + k];
        w = chunk_starts(w, MIN(order, 6));
        if (w)
            return i * 64 + (unsigned)__builtin_ctzll(w);
    }
    return BLOCK_FRAMES;
}

static inline void chunk_clear(uint64_t map[CHUNK_WORDS], unsigned i,
                               unsigned n)
{
    for (unsigned k = i; k < i + n; k++)
        map[k / 64] &= ~BIT(k % 64);
}
