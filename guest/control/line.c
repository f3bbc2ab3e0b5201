/* SPDX-License-Identifier: MIT */
/*
 * line.c: keys are looked up in two tables: single bytes, and the final byte
 * of an escape sequence (ECMA-48, as VT220 and xterm send them).
 */
#include "guest/control/line.h"

#include "guest/lib/print.h"
#include "guest/lib/string.h"

#define CTRL(c) ((c)&31)

enum escape {
    ESC_NO,
    ESC_SEEN,    /* ESC */
    ESC_BRACKET, /* ESC [ */
    ESC_LETTER,  /* ESC O */
    ESC_PARAMS,  /* ESC [ with a parameter nobody knows */
    ESC_NUMBER0, /* ESC [ and a digit: ESC_NUMBER0 + it */
};

void line_init(struct line *l)
{
    memset(l, 0, sizeof(*l));
}

static bool printable(char c)
{
    return c >= ' ' && c <= '~';
}

/* Of UTF-8: not the first byte of a character. */
static bool follows(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static void set_text(struct line *l, const char *text)
{
    l->len = l->cursor = (unsigned)strlen(text);
    memcpy(l->text, text, l->len + 1);
}

static const char *past(const struct line *l, unsigned back)
{
    return l->history[(l->newest + LINE_HISTORY + 1 - back) % LINE_HISTORY];
}

static void remember(struct line *l)
{
    if (!l->len || (l->used && !strcmp(past(l, 1), l->text)))
        return;
    l->newest = (l->newest + 1) % LINE_HISTORY;
    l->used = MIN(l->used + 1, LINE_HISTORY);
    memcpy(l->history[l->newest], l->text, l->len + 1);
}

static void empty(struct line *l)
{
    l->text[0] = '\0';
    l->len = l->cursor = l->back = 0;
    l->escape = ESC_NO;
    l->over = false;
    l->want = 0;
}

void line_start(struct line *l)
{
    remember(l);
    empty(l);
}

/* Takes out n bytes at `at`. */
static enum line_event take_out(struct line *l, unsigned at, unsigned n)
{
    if (!n)
        return LINE_NONE;
    memmove(l->text + at, l->text + at + n, l->len - at - n + 1);
    l->len -= n;
    l->cursor = at;
    l->over &= l->len != 0;
    return LINE_CHANGED;
}

/* One character, of n bytes. */
static void put_in(struct line *l, const char *c, unsigned n)
{
    if (l->len + n >= LINE_SIZE) {
        l->over = true;
        return;
    }
    memmove(l->text + l->cursor + n, l->text + l->cursor,
            l->len - l->cursor + 1);
    memcpy(l->text + l->cursor, c, n);
    l->cursor += n;
    l->len += n;
}

void line_insert(struct line *l, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (printable(text[i]))
            put_in(l, text + i, 1);
}

/* --- characters of UTF-8 (RFC 3629, section 4) --------------------------- */

/* Bytes that a character has which begins so; 0: none does. */
static unsigned length_of(unsigned char first)
{
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Neither a control character, nor too long a form, a surrogate, or beyond the
 * last: told by the first two bytes. */
static bool second_fits(unsigned char first, unsigned char second)
{
    static const struct {
        unsigned char first, from, to;
    } bounds[] = {{0xc2, 0xa0, 0xbf},
                  {0xe0, 0xa0, 0xbf},
                  {0xed, 0x80, 0x9f},
                  {0xf0, 0x90, 0xbf},
                  {0xf4, 0x80, 0x8f}};

    for (unsigned i = 0; i < ARRAY_SIZE(bounds); i++)
        if (bounds[i].first == first)
            return second >= bounds[i].from && second <= bounds[i].to;
    return follows((char)second);
}

/* A byte of one, in order; what is none is left, up to where one begins. */
static enum line_event take_byte(struct line *l, unsigned char c)
{
    const bool fits =
        l->want && follows((char)c) &&
        (l->have > 1 || second_fits((unsigned char)l->part[0], c));

    if (!fits) {
        l->have = 0;
        l->want = length_of(c);
        if (!l->want)
            return LINE_NONE;
    }
    l->part[l->have++] = (char)c;
    if (l->have < l->want)
        return LINE_NONE;
    put_in(l, l->part, l->want);
    l->want = 0;
    return LINE_CHANGED;
}

/* Where the character before `at` begins, and where the one at it ends. */
static unsigned before(const struct line *l, unsigned at)
{
    do
        at--;
    while (at && follows(l->text[at]));
    return at;
}

static unsigned behind(const struct line *l, unsigned at)
{
    do
        at++;
    while (follows(l->text[at]));
    return at;
}

/* --- what keys do -------------------------------------------------------- */

static enum line_event move_to(struct line *l, unsigned at)
{
    if (at == l->cursor || at > l->len)
        return LINE_NONE;
    l->cursor = at;
    return LINE_CHANGED;
}

static enum line_event left(struct line *l)
{
    return l->cursor ? move_to(l, before(l, l->cursor)) : LINE_NONE;
}

static enum line_event right(struct line *l)
{
    return l->cursor < l->len ? move_to(l, behind(l, l->cursor)) : LINE_NONE;
}

static enum line_event home(struct line *l)
{
    return move_to(l, 0);
}

static enum line_event end(struct line *l)
{
    return move_to(l, l->len);
}

static enum line_event backspace(struct line *l)
{
    const unsigned at = l->cursor ? before(l, l->cursor) : 0;

    return take_out(l, at, l->cursor - at);
}

static enum line_event erase(struct line *l)
{
    if (l->cursor == l->len)
        return LINE_NONE;
    return take_out(l, l->cursor, behind(l, l->cursor) - l->cursor);
}

static enum line_event erase_or_end(struct line *l)
{
    return l->len ? erase(l) : LINE_END;
}

static enum line_event kill_behind(struct line *l)
{
    return take_out(l, l->cursor, l->len - l->cursor);
}

static enum line_event kill_before(struct line *l)
{
    return take_out(l, 0, l->cursor);
}

static enum line_event kill_word(struct line *l)
{
    unsigned at = l->cursor;

    while (at && l->text[at - 1] == ' ')
        at--;
    while (at && l->text[at - 1] != ' ')
        at--;
    return take_out(l, at, l->cursor - at);
}

static enum line_event older(struct line *l)
{
    if (l->back == l->used)
        return LINE_NONE;
    if (!l->back)
        memcpy(l->kept, l->text, l->len + 1);
    set_text(l, past(l, ++l->back));
    l->over = false;
    return LINE_CHANGED;
}

static enum line_event newer(struct line *l)
{
    if (!l->back)
        return LINE_NONE;
    l->back--;
    set_text(l, l->back ? past(l, l->back) : l->kept);
    return LINE_CHANGED;
}

static enum line_event cancel(struct line *l)
{
    empty(l);
    return LINE_CANCEL;
}

static enum line_event clear(struct line *l)
{
    (void)l;
    return LINE_CLEAR;
}

static enum line_event complete(struct line *l)
{
    (void)l;
    return LINE_COMPLETE;
}

/* What is cut is not run: it may well mean something else. */
static enum line_event done(struct line *l)
{
    if (!l->over)
        return LINE_DONE;
    empty(l);
    return LINE_TOO_LONG;
}

static enum line_event leave(struct line *l)
{
    (void)l;
    return LINE_LEAVE;
}

static enum line_event escape(struct line *l)
{
    l->escape = ESC_SEEN;
    return LINE_NONE;
}

struct key {
    unsigned char byte;
    enum line_event (*does)(struct line *l);
};

static const struct key plain_keys[] = {
    {CTRL('a'), home},
    {CTRL('b'), left},
    {CTRL('c'), cancel},
    {CTRL('d'), erase_or_end},
    {CTRL('e'), end},
    {CTRL('f'), right},
    {CTRL('h'), backspace},
    {'\t', complete},
    {'\n', done},
    {'\r', done},
    {CTRL('k'), kill_behind},
    {CTRL('l'), clear},
    {CTRL('n'), newer},
    {CTRL('p'), older},
    {CTRL('u'), kill_before},
    {CTRL('w'), kill_word},
    {27, escape},
    {CTRL(']'), leave},
    {127, backspace},
};
/* ESC [ x and ESC O x */
static const struct key letter_keys[] = {
    {'A', older}, {'B', newer}, {'C', right},
    {'D', left},  {'F', end},   {'H', home},
};
/* ESC [ x ~ */
static const struct key number_keys[] = {
    {1, home}, {3, erase}, {4, end}, {7, home}, {8, end},
};

static enum line_event press(struct line *l, const struct key *k, unsigned n,
                             unsigned byte)
{
    for (unsigned i = 0; i < n; i++)
        if (k[i].byte == byte)
            return k[i].does(l);
    return LINE_NONE;
}

/* Inside an escape sequence; what is not known is swallowed whole. */
static enum line_event escape_key(struct line *l, unsigned char c)
{
    unsigned state = l->escape;

    l->escape = ESC_NO;
    if (state == ESC_SEEN) {
        l->escape = c == '[' ? ESC_BRACKET : c == 'O' ? ESC_LETTER : ESC_NO;
        return LINE_NONE;
    }
    if (c >= '0' && c <= '?' && state != ESC_LETTER) {
        l->escape = state == ESC_BRACKET && c <= '9'
                        ? ESC_NUMBER0 + (unsigned)(c - '0')
                        : ESC_PARAMS;
        return LINE_NONE;
    }
    if (state >= ESC_NUMBER0)
        return c == '~' ? press(l, number_keys, ARRAY_SIZE(number_keys),
                                state - ESC_NUMBER0)
                        : LINE_NONE;
    if (state == ESC_PARAMS)
        return LINE_NONE;
    return press(l, letter_keys, ARRAY_SIZE(letter_keys), c);
}

enum line_event line_key(struct line *l, unsigned char c)
{
    bool after_cr = l->after_cr;

    l->after_cr = c == '\r';
    if (c == '\n' && after_cr)
        return LINE_NONE;
    if (l->escape != ESC_NO && c >= ' ')
        return escape_key(l, c);
    l->escape = ESC_NO;
    if (c >= 0x80)
        return take_byte(l, c);
    l->want = 0;
    if (!printable((char)c))
        return press(l, plain_keys, ARRAY_SIZE(plain_keys), c);
    line_insert(l, (const char *)&c, 1);
    return LINE_CHANGED;
}

/* --- drawing ------------------------------------------------------------- */

struct drawing {
    char *out;
    size_t size, used;
};

static void put(struct drawing *d, const char *s, size_t n)
{
    n = MIN(n, d->size - d->used);
    memcpy(d->out + d->used, s, n);
    d->used += n;
}

static void put_string(struct drawing *d, const char *s)
{
    put(d, s, strlen(s));
}

/* A character has a column. */
static unsigned columns_of(const struct line *l, unsigned from, unsigned to)
{
    unsigned n = 0;

    for (; from < to; from = behind(l, from))
        n++;
    return n;
}

size_t line_draw(const struct line *l, const char *prompt, unsigned columns,
                 char *out, size_t size)
{
    struct drawing d = {out, size, 0};
    unsigned used = (unsigned)strlen(prompt), from = 0, to, at;
    unsigned room = columns > used + 1 ? columns - used - 1 : 1;
    char move[16];

    for (at = columns_of(l, 0, l->cursor); at > room; at--)
        from = behind(l, from);
    for (to = from; to < l->len && columns_of(l, from, to) < room;)
        to = behind(l, to);
    put_string(&d, "\r");
    put_string(&d, prompt);
    put(&d, l->text + from, to - from);
    put_string(&d, "\x1b[K\r");
    format(move, sizeof(move), "\x1b[%uC", used + at);
    if (used + at)
        put_string(&d, move);
    return d.used;
}
