/* SPDX-License-Identifier: MIT */
#include "hv/console.h"

#include "hv/print.h"
#include "hv/serial.h"

void console_init(void)
{
    serial_init();
}

static void emit(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        serial_put(s[i]);
}

void console_say(const char *fmt, ...)
{
    char line[512];
    va_list ap;
    size_t n;

    va_start(ap, fmt);
    n = print_vformat(line, sizeof(line), fmt, ap);
    va_end(ap);
    n = MIN(n, sizeof(line) - 1);
    emit("(hv) ", 5);
    emit(line, n);
    emit("\n", 1);
}

void console_flush(void)
{
}

void console_panic_mode(void)
{
}
