/* SPDX-License-Identifier: MIT */
/*
 * cmdline.c: looks words up in start_info.cmd_line each time; nothing is kept.
 */
#include "guest/lib/cmdline.h"

#include "guest/lib/guest.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"

static const char *skip_spaces(const char *s)
{
    while (*s == ' ')
        s++;
    return s;
}

static size_t word_len(const char *s)
{
    size_t n = 0;
    while (s[n] && s[n] != ' ')
        n++;
    return n;
}

static const char *find(const char *name)
{
    size_t len = strlen(name);
    const char *s = skip_spaces(guest_start_info->cmd_line);
    for (; *s; s = skip_spaces(s + word_len(s)))
        if (!strncmp(s, name, len) &&
            (s[len] == '=' || s[len] == ' ' || !s[len]))
            return s + len;
    return NULL;
}

const char *cmdline_get(const char *name, char *buf, size_t size)
{
    const char *s = find(name);
    if (!s)
        return NULL;
    size_t n = 0;
    if (*s == '=')
        n = MIN(word_len(s + 1), size - 1);
    memcpy(buf, s + 1, n);
    buf[n] = '\0';
    return buf;
}

bool cmdline_has(const char *name)
{
    return find(name);
}

bool cmdline_is(const char *name, const char *value)
{
    char buf[64];
    const char *s = cmdline_get(name, buf, sizeof(buf));
    return s && !strcmp(s, value);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return 99;
}

uint64_t cmdline_number(const char *name, uint64_t fallback)
{
    char buf[64];
    const char *s = cmdline_get(name, buf, sizeof(buf));
    if (!s || !*s)
        return fallback;
    unsigned base = 10;
    if (s[0] == '0' && s[1] == 'x') {
        base = 16;
        s += 2;
    }
    uint64_t v = 0;
    for (; *s; s++) {
        if (digit(*s) >= (int)base) {
            printk("%s: not a number, using %lu\n", name, fallback);
            return fallback;
        }
        v = v * base + (unsigned)digit(*s);
    }
    return v;
}
