/* SPDX-License-Identifier: MIT */
/*
 * terminal.c: controls and sequences are looked up in a table of what xterm
 * and VT220 agree on; what is not there does nothing. Scrolling moves no text.
 */
#include "hv/dev/terminal.h"

#include "hv/base/string.h"

enum { TAB = 8, GREY = 7, BRIGHT = 8 };

static terminal_cell_t *line_at(struct terminal *t, uint64_t line)
{
    return t->cells + (line % t->lines) * t->cols;
}

static terminal_cell_t *written_row(struct terminal *t, unsigned row)
{
    return line_at(t, t->top + row);
}

/* The colours of what is put now. */
static terminal_cell_t colours(const struct terminal *t)
{
    unsigned ink = t->ink | (t->bold ? BRIGHT : 0u), paper = t->paper;

    if (t->inverse) {
        ink = t->paper;
        paper = t->ink & GREY;
    }
    return (terminal_cell_t)(ink << 8 | paper << 12);
}

/* Erased cells keep the paper, as terminals with colours do. */
static void erase(struct terminal *t, unsigned row, unsigned from, unsigned to)
{
    const terminal_cell_t blank =
        (terminal_cell_t)(' ' | GREY << 8 | t->paper << 12);
    terminal_cell_t *cells = written_row(t, row);

    to = MIN(to, t->cols);
    for (unsigned c = from; c < to; c++)
        cells[c] = blank;
    t->work += to > from ? to - from : 0;
}

void terminal_init(struct terminal *t, unsigned cols, unsigned rows)
{
    memset(t, 0, sizeof(*t));
    t->cols = MAX(MIN(cols, (unsigned)TERMINAL_COLS), 1u);
    t->rows = MAX(MIN(rows, (unsigned)TERMINAL_ROWS), 1u);
    t->lines = TERMINAL_CELLS / t->cols;
    t->ink = GREY;
    t->straight = true;
    for (unsigned r = 0; r < t->rows; r++)
        erase(t, r, 0, t->cols);
}

/* --- moving about -------------------------------------------------------- */

/* A line appears below; the oldest is lost once there is no slot for it. */
static void scroll(struct terminal *t)
{
    t->top++;
    if (t->top + t->rows - t->oldest > t->lines)
        t->oldest++;
    if (t->back)
        t->back = (unsigned)MIN((uint64_t)t->back + 1, t->top - t->oldest);
    erase(t, t->rows - 1, 0, t->cols);
}

static void new_line(struct terminal *t)
{
    t->col = 0;
    if (t->row + 1 < t->rows)
        t->row++;
    else
        scroll(t);
}

static void go(struct terminal *t, unsigned row, unsigned col)
{
    t->row = MIN(row, t->rows - 1);
    t->col = MIN(col, t->cols - 1);
}

static void go_by(struct terminal *t, int rows, int cols)
{
    int row = (int)t->row + rows, col = (int)MIN(t->col, t->cols - 1) + cols;

    go(t, (unsigned)MAX(row, 0), (unsigned)MAX(col, 0));
}

/* How many cells of the word that the full row ends with; 0: it stays there. */
static unsigned word_length(struct terminal *t)
{
    const terminal_cell_t *end = written_row(t, t->row) + t->cols;
    unsigned n = 0;

    while (n < t->cols / 2 && (end[-1 - (int)n] & 0xff) != ' ')
        n++;
    return n < t->cols / 2 ? n : 0;
}

/* A word that does not fit goes on to the next row, as far as it is there. */
static void break_row(struct terminal *t)
{
    const unsigned n = word_length(t);
    terminal_cell_t word[TERMINAL_COLS / 2];

    memcpy(word, written_row(t, t->row) + t->cols - n, n * sizeof(*word));
    erase(t, t->row, t->cols - n, t->cols);
    new_line(t);
    memcpy(written_row(t, t->row), word, n * sizeof(*word));
    t->col = n;
    t->work += n;
}

static void put_text(struct terminal *t, uint32_t c)
{
    if (c > 0xff || (c >= 0x7f && c < 0xa0))
        c = '?';
    if (t->col == t->cols && t->prose && t->straight && c == ' ') {
        new_line(t); /* instead of the blank */
        return;
    }
    if (t->col == t->cols && t->prose && t->straight)
        break_row(t);
    else if (t->col == t->cols)
        new_line(t);
    written_row(t, t->row)[t->col++] = (terminal_cell_t)(c | colours(t));
}

static void put_control(struct terminal *t, uint32_t c)
{
    t->straight = c == '\n';
    if (c == '\n')
        new_line(t);
    else if (c == '\r')
        t->col = 0;
    else if (c == '\b')
        go_by(t, 0, -1);
    else if (c == '\t')
        go(t, t->row, (t->col + TAB) & ~(TAB - 1u));
}

/* --- erasing ------------------------------------------------------------- */

/* 0: from the cursor on; 1: up to it; 2: all. */
static void erase_line(struct terminal *t, unsigned what)
{
    const unsigned at = MIN(t->col, t->cols - 1);

    erase(t, t->row, what ? 0 : at, what == 1 ? at + 1 : t->cols);
}

static void erase_rows(struct terminal *t, unsigned from, unsigned to)
{
    for (unsigned r = from; r < to; r++)
        erase(t, r, 0, t->cols);
}

static void erase_screen(struct terminal *t, unsigned what)
{
    if (what >= 2) {
        erase_rows(t, 0, t->rows);
        return;
    }
    erase_line(t, what);
    if (what == 0)
        erase_rows(t, t->row + 1, t->rows);
    else
        erase_rows(t, 0, t->row);
}

/* The rest of the row goes left by n, or right. */
static void delete_cells(struct terminal *t, unsigned n)
{
    const unsigned at = MIN(t->col, t->cols - 1), left = t->cols - at;
    terminal_cell_t *cells = written_row(t, t->row) + at;

    n = MIN(n, left);
    memmove(cells, cells + n, (left - n) * sizeof(*cells));
    t->work += left - n;
    erase(t, t->row, t->cols - n, t->cols);
}

static void insert_cells(struct terminal *t, unsigned n)
{
    const unsigned at = MIN(t->col, t->cols - 1), left = t->cols - at;
    terminal_cell_t *cells = written_row(t, t->row) + at;

    n = MIN(n, left);
    memmove(cells + n, cells, (left - n) * sizeof(*cells));
    t->work += left - n;
    erase(t, t->row, at, at + n);
}

/* --- colours ------------------------------------------------------------- */

/* ANSI counts red, green, blue; VGA blue, green, red. */
static uint8_t vga_colour(unsigned ansi)
{
    return (uint8_t)((ansi & 2) | (ansi & 1) << 2 | (ansi & 4) >> 2);
}

/*
 * 38 and 48 have parameters of their own: 5 and a number, of which 16 are
 * known, or 2 and three values. Returns how many those are.
 */
static unsigned extended(struct terminal *t, unsigned i)
{
    const unsigned which = t->escape.param[i];
    const unsigned kind = escape_param(&t->escape, i + 1, 0);
    const unsigned n = escape_param(&t->escape, i + 2, 0);

    if (kind == 5 && n < 16 && which == 38)
        t->ink = (uint8_t)(vga_colour(n) | (n & BRIGHT));
    else if (kind == 5 && n < 16)
        t->paper = vga_colour(n);
    return kind == 5 ? 2 : kind == 2 ? 4 : 0;
}

static void plain(struct terminal *t)
{
    t->ink = GREY;
    t->paper = 0;
    t->bold = t->inverse = false;
}

static void set_colour(struct terminal *t, unsigned p)
{
    if (p >= 30 && p <= 37)
        t->ink = vga_colour(p - 30);
    else if (p >= 90 && p <= 97)
        t->ink = vga_colour(p - 90) | BRIGHT;
    else if (p >= 40 && p <= 47)
        t->paper = vga_colour(p - 40);
    else if (p >= 100 && p <= 107)
        t->paper = vga_colour(p - 100);
}

static void set_rendition(struct terminal *t, unsigned p)
{
    switch (p) {
    case 0:
        plain(t);
        break;
    case 1:
    case 22:
        t->bold = p == 1;
        break;
    case 7:
    case 27:
        t->inverse = p == 7;
        break;
    case 39:
        t->ink = GREY;
        break;
    case 49:
        t->paper = 0;
        break;
    default:
        set_colour(t, p);
    }
}

static void select_rendition(struct terminal *t)
{
    if (!t->escape.n)
        plain(t);
    for (unsigned i = 0; i < t->escape.n; i++) {
        const unsigned p = t->escape.param[i];

        if (p == 38 || p == 48)
            i += extended(t, i);
        else
            set_rendition(t, p);
    }
}

/* --- sequences ----------------------------------------------------------- */

static void save(struct terminal *t)
{
    t->saved_row = t->row;
    t->saved_col = t->col;
}

static void restore(struct terminal *t)
{
    go(t, t->saved_row, t->saved_col);
}

/* ESC [ ? 25 h and l: is there a cursor? */
static void set_mode(struct terminal *t, bool on)
{
    if (t->escape.is_private && escape_param(&t->escape, 0, 0) == 25)
        t->no_cursor = !on;
}

static void move(struct terminal *t, uint32_t c, unsigned n)
{
    const int by = (int)n;

    switch (c) {
    case 'A':
        go_by(t, -by, 0);
        break;
    case 'B':
        go_by(t, by, 0);
        break;
    case 'C':
        go_by(t, 0, by);
        break;
    case 'D':
        go_by(t, 0, -by);
        break;
    case 'E':
        go(t, t->row + n, 0);
        break;
    case 'F':
        go_by(t, -by, -(int)t->cols);
        break;
    case 'G':
        go(t, t->row, n - 1);
        break;
    case 'd':
        go(t, n - 1, t->col);
        break;
    case 'H':
    case 'f':
        go(t, n - 1, escape_param(&t->escape, 1, 1) - 1);
        break;
    default:
        break;
    }
}

static void change(struct terminal *t, uint32_t c, unsigned n)
{
    switch (c) {
    case 'J':
        erase_screen(t, escape_param(&t->escape, 0, 0));
        break;
    case 'K':
        erase_line(t, escape_param(&t->escape, 0, 0));
        break;
    case 'P':
        delete_cells(t, n);
        break;
    case '@':
        insert_cells(t, n);
        break;
    case 'X':
        erase(t, t->row, t->col, t->col + n);
        break;
    case 's':
        save(t);
        break;
    case 'u':
        restore(t);
        break;
    case 'm':
        select_rendition(t);
        break;
    default:
        move(t, c, n);
    }
}

static void put_csi(struct terminal *t, uint32_t c)
{
    if (c == 'h' || c == 'l')
        set_mode(t, c == 'h');
    else if (!t->escape.is_private)
        change(t, c, escape_param(&t->escape, 0, 1));
}

static void put_short(struct terminal *t, uint32_t c)
{
    if (c == '7') {
        save(t);
    } else if (c == '8') {
        restore(t);
    } else if (c == 'c') { /* as it was switched on */
        plain(t);
        t->no_cursor = false;
        erase_rows(t, 0, t->rows);
        go(t, 0, 0);
    }
}

void terminal_put(struct terminal *t, uint8_t byte)
{
    const struct escape_got g = escape_take(&t->escape, byte);

    switch (g.kind) {
    case ESCAPE_TEXT:
        put_text(t, g.c);
        break;
    case ESCAPE_CONTROL:
        put_control(t, g.c);
        break;
    case ESCAPE_SHORT:
        t->straight = false;
        put_short(t, g.c);
        break;
    case ESCAPE_CSI:
        t->straight = false;
        put_csi(t, g.c);
        break;
    case ESCAPE_NONE:
        break;
    }
}

void terminal_put_prose(struct terminal *t, uint8_t byte)
{
    t->prose = true;
    terminal_put(t, byte);
    t->prose = false;
}

/* --- looking ------------------------------------------------------------- */

static terminal_cell_t inverted(terminal_cell_t cell)
{
    const unsigned ink = cell >> 8 & GREY, paper = cell >> 12 & GREY;

    return (terminal_cell_t)((cell & 0xff) | paper << 8 | ink << 12);
}

void terminal_row(const struct terminal *t, unsigned row,
                  terminal_cell_t out[TERMINAL_COLS])
{
    const uint64_t line = t->top - t->back + row;
    const unsigned at = MIN(t->col, t->cols - 1);

    memcpy(out, t->cells + (line % t->lines) * t->cols, t->cols * sizeof(*out));
    if (!t->back && !t->no_cursor && row == t->row)
        out[at] = inverted(out[at]);
}

void terminal_look_back(struct terminal *t, int lines)
{
    const int64_t most = (int64_t)(t->top - t->oldest);
    const int64_t back = (int64_t)t->back + lines;

    t->back = (unsigned)MIN(MAX(back, INT64_C(0)), most);
}

void terminal_look_here(struct terminal *t)
{
    t->back = 0;
}
