/* SPDX-License-Identifier: MIT */
/* print.h: formatting into a buffer; no device, so the host tests it too. */
#pragma once

#include "base.h"
#include <stdarg.h>

/*
 * Understands %% %c %s %p and d i u x X with l, ll, z and width, `0`, `-`,
 * and `.*`/`.N` on strings. Always ends the text with a zero if size > 0;
 * returns the length the whole text would have had, as snprintf does.
 */
printf_like(3, 0) size_t
    print_vformat(char *buf, size_t size, const char *fmt, va_list ap);
printf_like(3, 4) size_t
    print_format(char *buf, size_t size, const char *fmt, ...);

/* Of s, n bytes or less: what is not printable ASCII becomes '?'. */
void print_plain(char *s, size_t n);
