/* SPDX-License-Identifier: MIT */
/* fail.h: an error and the one line that says what it was. */
#pragma once

#include "base.h"

/*
 * Writes FLAGSTONE_TEXT bytes at most, printable ones, whatever strings are in
 * them, and returns rc. (void) where only the text is wanted.
 */
printf_like(3, 4) enum err fail(char *text, enum err rc, const char *fmt, ...);
