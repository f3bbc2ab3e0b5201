/* SPDX-License-Identifier: MIT */
/*
 * terminal.h: what a person at a small terminal would see: rows of cells, a
 * cursor, colours, and the lines that have scrolled away. Pure: it draws
 * nothing, whoever draws compares cells (hv/dev/screen.c).
 *
 * Invariants: row < rows, col <= cols (equal: the next character begins a new
 * row); line i is in slot i % lines, and those from `oldest` on are there;
 * back <= top - oldest.
 */
#pragma once

#include "base.h"
#include "hv/dev/escape.h"

enum {
    TERMINAL_COLS = 240, /* at most */
    TERMINAL_ROWS = 100,
    TERMINAL_CELLS = 128 << 10, /* 256 KiB: 546 lines of 240, 1638 of 80 */
};

/*
 * Low byte: the character in ISO 8859-1. High byte: its colours as VGA's text
 * mode has them, ink in bits 3:0, paper in bits 6:4.
 */
typedef uint16_t terminal_cell_t;

struct terminal {
    struct escape escape;
    unsigned cols, rows, lines;
    uint64_t top, oldest; /* of the rows as written; of all that are kept */
    unsigned row, col, saved_row, saved_col;
    unsigned back; /* so many lines above `top` the reader looks */
    uint8_t ink, paper;
    bool bold, inverse, no_cursor;
    bool prose;    /* what is put now is */
    bool straight; /* since the last new line nothing but text was put */
    uint64_t
        work; /* cells erased or moved, ever: a short sequence can be long */
    terminal_cell_t cells[TERMINAL_CELLS];
};

/* Sizes beyond the limits are cut; neither is 0. */
void terminal_init(struct terminal *t, unsigned cols, unsigned rows);
void terminal_put(struct terminal *t, uint8_t byte);
/*
 * The same of what is prose: a row that is full ends between two words, if it
 * is straight and the word is no longer than half of it. Who counts columns by
 * himself is not to be put so.
 */
void terminal_put_prose(struct terminal *t, uint8_t byte);

/* What is to be seen in that row now, the cursor being inverse. */
void terminal_row(const struct terminal *t, unsigned row,
                  terminal_cell_t out[TERMINAL_COLS]);
/*
 * Looks so many lines further back (or, negative, forward), as far as there
 * are any. New text does not move what the reader sees, while it is kept.
 */
void terminal_look_back(struct terminal *t, int lines);
/* Sees what is written again. */
void terminal_look_here(struct terminal *t);
