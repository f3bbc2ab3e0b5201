/* SPDX-License-Identifier: MIT */
/*
 * line.h: editing one line, a byte from the terminal at a time. Pure: what to
 * show is asked for afterwards, whole, so that it is right whatever else has
 * been printed meanwhile.
 *
 * Invariants: cursor <= len < LINE_SIZE; the text is whole characters,
 * printable ASCII or of UTF-8, and the cursor is before one of them or at its
 * end; history holds no empty line and no line twice in a row.
 */
#pragma once

#include "base.h"

#define LINE_SIZE    256 /* with the 0 at its end */
#define LINE_HISTORY 32u

enum line_event {
    LINE_NONE,     /* nothing to see */
    LINE_CHANGED,  /* draw it */
    LINE_DONE,     /* text is a line; line_start() for the next one */
    LINE_TOO_LONG, /* more was typed than a line can have: given up, empty */
    LINE_LEAVE,    /* ctrl-] */
    LINE_CANCEL,   /* ctrl-c: given up, and empty now */
    LINE_END,      /* ctrl-d on an empty line */
    LINE_CLEAR,    /* ctrl-l: clear the screen, draw it */
    LINE_COMPLETE, /* tab: line_insert() what could follow the cursor */
};

struct line {
    char text[LINE_SIZE];
    unsigned len, cursor;
    unsigned escape;       /* how far into an escape sequence, and which */
    bool after_cr;         /* a '\n' now belongs to the '\r' before it */
    bool over;             /* some of what was typed had no room */
    char part[4];          /* a character of UTF-8 that is not whole yet: */
    unsigned have, want;   /* bytes */
    char kept[LINE_SIZE];  /* what was typed, while history is shown */
    unsigned back;         /* how far back in history; 0: not */
    unsigned used, newest; /* lines in history; where the newest is */
    char history[LINE_HISTORY][LINE_SIZE];
};

void line_init(struct line *l);
/* An empty line; what was there goes into history. */
void line_start(struct line *l);
enum line_event line_key(struct line *l, unsigned char c);
/* At the cursor, as if typed: what is not printable is left, and so is what
 * does not fit. */
void line_insert(struct line *l, const char *text, size_t n);

/* Bytes that it takes to draw one: characters, prompt and two moves. */
#define LINE_DRAW(columns) (4 * (columns) + 64)
/*
 * What draws prompt and line over whatever stands in the terminal's row, in a
 * row of `columns`: a long line is shown around its cursor. Returns the number
 * of bytes; never more than size.
 */
size_t line_draw(const struct line *l, const char *prompt, unsigned columns,
                 char *out, size_t size);
