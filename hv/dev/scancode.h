/* SPDX-License-Identifier: MIT */
/*
 * scancode.h: which key went down or up, from what a PS/2 keyboard sends: scan
 * code set 1, as the controller translates, or set 2, as it comes. Pure.
 *
 * Invariant: whatever comes, each byte is at most one key, and no sequence
 * swallows more than two bytes behind it.
 */
#pragma once

#include "base.h"

/* A key's number is its code in set 1; those behind E0 have KEY_EXTENDED. */
enum {
    KEY_NONE = 0,
    KEY_EXTENDED = 0x80,
    KEY_UP = 0x100, /* it was let go */
};

struct scancode {
    bool set2;
    bool extended, release; /* E0, F0 came before */
    unsigned skip;          /* bytes of the one key that is behind E1 */
};

unsigned scancode_take(struct scancode *s, uint8_t byte);
