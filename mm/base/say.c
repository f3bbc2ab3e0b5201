/* SPDX-License-Identifier: MIT */
/* say.c: see say.h. The text always ends, cut where it does not fit. */
#include "mm/base/say.h"

#include <stdarg.h>

struct text {
    char *at, *end; /* end: the last byte, kept for the terminator */
};

static void put(struct text *t, char c)
{
    if (t->at < t->end)
        *t->at++ = c;
}

static void put_string(struct text *t, const char *s)
{
    while (*s)
        put(t, *s++);
}

static void put_number(struct text *t, uint64_t v, unsigned base)
{
    char digits[24];
    unsigned n = 0;

    do
        digits[n++] = "0123456789abcdef"[v % base];
    while (v /= base);
    while (n > 0)
        put(t, digits[--n]);
}

void say(char *out, size_t size, const char *format, ...)
{
    struct text t = {.at = out, .end = out + size - 1};
    va_list args;

    va_start(args, format);
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            put(&t, *p);
        } else if (*++p == 's') {
            put_string(&t, va_arg(args, const char *));
        } else { /* %lx, %lu */
            p++;
            put_number(&t, va_arg(args, uint64_t), *p == 'x' ? 16 : 10);
        }
    }
    va_end(args);
    *t.at = '\0';
}
