/* SPDX-License-Identifier: MIT */
/*
 * log.h: what the hypervisor has to say, in whole lines. Where they are shown
 * is the console's business; anybody may log, from the first lines of boot to
 * a panic.
 */
#pragma once

#include "base.h"

/* Where lines go, until the machine ends. */
struct log_sink {
    /* prefix, then n bytes of printable ASCII, then the end of the line. */
    void (*line)(const char *prefix, const char *line, size_t n);
    /* Everything out, now. */
    void (*flush)(void);
    /* From here on nothing is held back: a panic. */
    void (*urgent)(void);
};
/* Before the first line; what was logged earlier is lost. */
void log_open(const struct log_sink *sink);

/* One line: "(hv) " is put before, '\n' behind. */
printf_like(1, 2) void log_say(const char *fmt, ...);
/* The same, only with `debug` on the command line. */
printf_like(1, 2) void log_debug(const char *fmt, ...);
/* A line of measurements: '@' and a JSON object, nothing before it. */
printf_like(1, 2) void log_json(const char *fmt, ...);

/*
 * The last LOG_KEPT bytes of what was said ("(hv) ..." lines, no measurements)
 * are kept. Copies what there is from the byte *from of all that was ever said
 * on, n of it at most; *from becomes where that begins, which is later if it is
 * no longer kept. Returns how much it was.
 */
#define LOG_KEPT 16384u
size_t log_read(uint64_t *from, char *out, size_t n);

void log_flush(void);
void log_urgent(void);
