/* SPDX-License-Identifier: MIT */
/*
 * escape.h: what a stream of bytes means to a terminal: characters of UTF-8,
 * controls, and the sequences of ECMA-48 that begin with ESC. Pure.
 *
 * Invariants: n <= ESCAPE_PARAMS; a sequence, however long or wrong, ends with
 * its final byte, with ESC or with '\n'; another control inside is obeyed, but
 * in a string.
 */
#pragma once

#include "base.h"

enum { ESCAPE_PARAMS = 16 };

enum escape_kind {
    ESCAPE_NONE,    /* nothing yet */
    ESCAPE_TEXT,    /* a character, by its code point */
    ESCAPE_CONTROL, /* below U+0020 */
    ESCAPE_SHORT,   /* ESC and this byte */
    ESCAPE_CSI,     /* ESC [ parameters, ended by this byte */
};

struct escape {
    unsigned state;
    unsigned n;                    /* parameters; one that is left out is 0 */
    uint16_t param[ESCAPE_PARAMS]; /* at most 9999 */
    bool is_private;               /* '?' stood before them */
    uint32_t code;                 /* of a character that has begun, */
    unsigned more;                 /* and how many bytes it still wants */
};

struct escape_got {
    enum escape_kind kind;
    uint32_t c;
};

#define ESCAPE_BAD_CHARACTER 0xfffdu

struct escape_got escape_take(struct escape *e, uint8_t byte);
/* Parameter i, or `unset` where it is left out or 0. */
unsigned escape_param(const struct escape *e, unsigned i, unsigned unset);
