/* SPDX-License-Identifier: MIT */
/*
 * line_check.h: what holds of a line whatever has been typed, and a terminal
 * of one row to draw on, for the test and the fuzzer.
 */
#pragma once

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "guest/control/line.h"

static inline void line_must(bool ok)
{
    if (!ok)
        abort();
}

/* Printable ASCII, and whole characters of UTF-8: as the host's C library has
 * them (mbrtowc in C.UTF-8). */
static inline bool line_is_text(const char *s)
{
    static bool set;
    mbstate_t state;
    wchar_t c;
    size_t n;

    if (!set)
        line_must(setlocale(LC_CTYPE, "C.UTF-8"));
    set = true;
    memset(&state, 0, sizeof(state));
    for (; *s; s += n) {
        n = mbrtowc(&c, s, strlen(s), &state);
        if (n > 4 || c < ' ' || (c > '~' && c < 0xa0))
            return false;
    }
    return true;
}

static inline void line_check(const struct line *l)
{
    line_must(l->len < LINE_SIZE && l->cursor <= l->len);
    line_must(strlen(l->text) == l->len);
    line_must(line_is_text(l->text) && line_is_text(l->text + l->cursor));
    line_must(l->used <= LINE_HISTORY && l->back <= l->used);
    for (unsigned i = 0; i < l->used; i++)
        line_must(
            memchr(l->history[(l->newest + LINE_HISTORY - i) % LINE_HISTORY], 0,
                   LINE_SIZE));
}

#define ROW_COLUMNS 80u

struct row {
    char cell[ROW_COLUMNS + 1];
    unsigned cursor;
};

static inline const char *row_escape(struct row *r, const char *s)
{
    unsigned n = 0;

    line_must(*s++ == '[');
    for (; *s >= '0' && *s <= '9'; s++)
        n = n * 10 + (unsigned)(*s - '0');
    if (*s == 'K')
        memset(r->cell + r->cursor, ' ', ROW_COLUMNS - r->cursor);
    else if (*s == 'C')
        r->cursor += n;
    else
        line_must(false);
    line_must(r->cursor < ROW_COLUMNS);
    return s;
}

/* Draws as a terminal does; a line must not run over its row. */
static inline void row_write(struct row *r, const char *s, size_t n)
{
    const char *end = s + n;

    for (; s < end; s++) {
        if (*s == '\r') {
            r->cursor = 0;
        } else if (*s == '\x1b') {
            s = row_escape(r, s + 1);
        } else if ((*s & 0xc0) != 0x80) { /* a cell has a first byte only */
            line_must(r->cursor + 1 < ROW_COLUMNS);
            r->cell[r->cursor++] = *s;
        }
    }
}
