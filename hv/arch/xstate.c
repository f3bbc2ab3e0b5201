/* SPDX-License-Identifier: MIT */
/* xstate.c: see xstate.h. */
#include "hv/arch/xstate.h"

#include "hv/base/string.h"

#define BEGIN (XSTATE_LEGACY + XSTATE_HEADER)

/* Of the legacy area. */
#define FCW_AT    0
#define X87_END   24 /* of control words and pointers */
#define ST_AT     32
#define XMM_AT    160
#define XMM_END   416
#define FCW_RESET 0x37fu

unsigned xstate_bytes(unsigned i)
{
    static const uint16_t bytes[XSTATE_N] = {
        [2] = 256, [5] = 64, [6] = 512, [7] = 1024};

    return i < XSTATE_N ? bytes[i] : 0;
}

static unsigned end_of(const struct xstate_layout *l, unsigned i)
{
    return (l->mask & BIT(i)) && xstate_bytes(i)
               ? l->offset[i] + xstate_bytes(i)
               : 0;
}

unsigned xstate_size(const struct xstate_layout *l)
{
    unsigned size = l->mask ? BEGIN : XSTATE_LEGACY;

    for (unsigned i = 0; i < XSTATE_N; i++)
        size = MAX(size, end_of(l, i));
    return size;
}

static bool apart(const struct xstate_layout *l, unsigned i, unsigned j)
{
    return !end_of(l, i) || !end_of(l, j) || end_of(l, i) <= l->offset[j] ||
           end_of(l, j) <= l->offset[i];
}

bool xstate_sane(const struct xstate_layout *l)
{
    for (unsigned i = 0; i < XSTATE_N; i++) {
        if (end_of(l, i) && l->offset[i] < BEGIN)
            return false;
        for (unsigned j = 0; j < i; j++)
            if (!apart(l, i, j))
                return false;
    }
    return xstate_size(l) <= XSTATE_MAX;
}

/* What is in use; all ones: XRSTOR would fault on it (SDM vol. 1, 13.8). */
static uint64_t in_use(const uint8_t *area, unsigned bytes)
{
    uint64_t header[XSTATE_HEADER / 8];

    if (bytes == XSTATE_LEGACY)
        return XCR0_X87 | XCR0_SSE;
    if (bytes < BEGIN)
        return ~UINT64_C(0);
    memcpy(header, area + XSTATE_LEGACY, sizeof(header));
    for (unsigned i = 1; i < ARRAY_SIZE(header); i++)
        if (header[i])
            return ~UINT64_C(0);
    return header[0];
}

/* FXRSTOR knows of no part that is not in use. */
static void reset_legacy(uint8_t *to, uint64_t used)
{
    const uint16_t fcw = FCW_RESET;

    if (!(used & XCR0_X87)) {
        memset(to, 0, X87_END);
        memcpy(to + FCW_AT, &fcw, sizeof(fcw));
        memset(to + ST_AT, 0, XMM_AT - ST_AT);
    }
    if (!(used & XCR0_SSE))
        memset(to + XMM_AT, 0, XMM_END - XMM_AT);
}

enum err xstate_move(uint8_t *to, const struct xstate_layout *there,
                     const uint8_t *from, unsigned bytes,
                     const struct xstate_layout *here)
{
    const uint64_t legacy = XCR0_X87 | XCR0_SSE;
    const uint64_t used =
        bytes < XSTATE_LEGACY ? ~UINT64_C(0) : in_use(from, bytes);

    if (used & ~(legacy | (here->mask & there->mask)))
        return ERR_INVAL;
    for (unsigned i = 2; i < XSTATE_N; i++)
        if ((used & BIT(i)) && end_of(here, i) > bytes)
            return ERR_INVAL;
    memset(to, 0, xstate_size(there));
    memcpy(to, from, XSTATE_LEGACY);
    reset_legacy(to, used);
    if (!there->mask)
        return ERR_NONE;
    memcpy(to + XSTATE_LEGACY, &used, sizeof(used));
    for (unsigned i = 2; i < XSTATE_N; i++)
        if ((used & BIT(i)) && xstate_bytes(i))
            memcpy(to + there->offset[i], from + here->offset[i],
                   xstate_bytes(i));
    return ERR_NONE;
}
