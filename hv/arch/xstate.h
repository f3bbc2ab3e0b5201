/* SPDX-License-Identifier: MIT */
/*
 * xstate.h: areas of extended state (SDM vol. 1, 10.5.1 and 13.4), as FXSAVE
 * and as XSAVE in its standard form lay them out, and from one to the other.
 * Pure: the host tests it.
 */
#pragma once

#include "base.h"

#define XCR0_X87    BIT(0)
#define XCR0_SSE    BIT(1)
#define XCR0_AVX    BIT(2)
#define XCR0_AVX512 BITS(7, 5)

#define XSTATE_N      8u   /* parts that are known, by their bits in XCR0 */
#define XSTATE_LEGACY 512u /* what FXSAVE writes */
#define XSTATE_HEADER 64u
#define XSTATE_MAX    2688u /* of the parts above, wherever they are */

struct xstate_layout {
    uint64_t mask; /* of XCR0; 0: there is only FXSAVE */
    uint16_t offset[XSTATE_N];
};

/* How long part i is: 0 where it is not one of those behind the header. */
unsigned xstate_bytes(unsigned i);
/* Behind the header, within XSTATE_MAX, and no two in one place? */
bool xstate_sane(const struct xstate_layout *l);
/* What XSAVE, or FXSAVE, takes. */
unsigned xstate_size(const struct xstate_layout *l);

/*
 * Into an area of `there`, xstate_size() of it, from `bytes` of one of `here`:
 * what there is, and the state after reset where there is nothing. ERR_INVAL:
 * it is not such an area, or has more than `there` takes; MXCSR is not looked
 * at.
 */
enum err xstate_move(uint8_t *to, const struct xstate_layout *there,
                     const uint8_t *from, unsigned bytes,
                     const struct xstate_layout *here);
