/* SPDX-License-Identifier: MIT */
/*
 * log.c: lines to the one sink. Invariant: what is passed on is a whole line of
 * printable ASCII, whatever strings are in it, cut where it is too long.
 */
#include "hv/base/log.h"

#include "hv/base/cmdline.h"
#include "hv/base/print.h"

static const struct log_sink *sink;

static char kept[LOG_KEPT];
static uint64_t said; /* bytes, ever; the last of them are in kept[] */

static void keep(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        kept[said++ % LOG_KEPT] = s[i];
}

size_t log_read(uint64_t *from, char *out, size_t n)
{
    *from = MIN(*from, said);
    if (said - *from > LOG_KEPT)
        *from = said - LOG_KEPT;
    n = MIN(n, said - *from);
    for (size_t i = 0; i < n; i++)
        out[i] = kept[(*from + i) % LOG_KEPT];
    return n;
}

void log_open(const struct log_sink *s)
{
    sink = s;
}

#define SAID "(hv) "

/* With SAID before it, and kept; or a measurement. */
printf_like(2, 0) static void put_line(bool measured, const char *fmt,
                                       va_list ap)
{
    char line[512];
    size_t n = print_vformat(line, sizeof(line), fmt, ap);

    n = MIN(n, sizeof(line) - 1);
    print_plain(line, n);
    if (!measured) {
        keep(SAID, sizeof(SAID) - 1);
        keep(line, n);
        keep("\n", 1);
    }
    if (sink)
        sink->line(measured ? "@" : SAID, line, n);
}

void log_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put_line(false, fmt, ap);
    va_end(ap);
}

void log_debug(const char *fmt, ...)
{
    va_list ap;

    if (options.loglevel < LOG_DEBUG)
        return;
    va_start(ap, fmt);
    put_line(false, fmt, ap);
    va_end(ap);
}

void log_json(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put_line(true, fmt, ap);
    va_end(ap);
}

void log_flush(void)
{
    if (sink)
        sink->flush();
}

void log_urgent(void)
{
    if (sink)
        sink->urgent();
}
