/* SPDX-License-Identifier: MIT */
/*
 * log.c: lines to the one sink. Invariant: what is passed on is a whole line of
 * printable ASCII, whatever strings are in it, cut where it is too long.
 */
#include "hv/base/log.h"

#include "hv/base/cmdline.h"
#include "hv/base/print.h"

static const struct log_sink *sink;

void log_open(const struct log_sink *s)
{
    sink = s;
}

printf_like(2, 0) static void put_line(const char *prefix, const char *fmt,
                                       va_list ap)
{
    char line[512];
    size_t n = print_vformat(line, sizeof(line), fmt, ap);

    n = MIN(n, sizeof(line) - 1);
    print_plain(line, n);
    if (sink)
        sink->line(prefix, line, n);
}

void log_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put_line("(hv) ", fmt, ap);
    va_end(ap);
}

void log_debug(const char *fmt, ...)
{
    va_list ap;

    if (options.loglevel < LOG_DEBUG)
        return;
    va_start(ap, fmt);
    put_line("(hv) ", fmt, ap);
    va_end(ap);
}

void log_json(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put_line("@", fmt, ap);
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
