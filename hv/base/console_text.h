/* SPDX-License-Identifier: MIT */
/*
 * console_text.h: which of a guest's bytes are text. What is left can neither
 * end a line nor move about in it, whatever terminal or script reads it.
 */
#pragma once

#include "base.h"

enum { CONSOLE_TEXT_UNIT = 4 }; /* bytes of a character, at most */

/* The beginning of a character; zero: none. */
struct console_text {
    uint8_t byte[CONSOLE_TEXT_UNIT];
    uint8_t have, want;
};

/*
 * Takes the next byte of a stream. Returns how many bytes of `out` are a
 * character that may be shown; 0: none yet, or none.
 */
unsigned console_text_take(struct console_text *t, uint8_t byte,
                           char out[CONSOLE_TEXT_UNIT]);
