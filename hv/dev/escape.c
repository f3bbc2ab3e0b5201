/* SPDX-License-Identifier: MIT */
/*
 * escape.c: ECMA-48, 5.4: ESC [, parameter bytes 30-3F, intermediate bytes
 * 20-2F, a final byte 40-7E. What is between ESC and a final byte of 30-7E, and
 * strings (ESC ], ESC P and others, up to BEL or ESC \), is read over.
 */
#include "hv/dev/escape.h"

enum state { PLAIN, SEEN_ESC, SHORT_REST, PARAMS, CSI_REST, STRING };

#define ESC       0x1b
#define BEL       0x07
#define MAX_PARAM 9999u

static struct escape_got got(enum escape_kind kind, uint32_t c)
{
    return (struct escape_got){kind, c};
}

/* --- UTF-8 --------------------------------------------------------------- */

/* How many bytes follow; what cannot begin a character wants none. */
static unsigned length_behind(uint8_t first)
{
    if (first >= 0xf0)
        return first < 0xf5 ? 3 : 0;
    if (first >= 0xe0)
        return 2;
    return first >= 0xc2 ? 1 : 0;
}

static struct escape_got begin_character(struct escape *e, uint8_t byte)
{
    e->more = length_behind(byte);
    e->code = byte & (0x3fu >> e->more);
    return e->more ? got(ESCAPE_NONE, 0)
                   : got(ESCAPE_TEXT, ESCAPE_BAD_CHARACTER);
}

static struct escape_got take_high(struct escape *e, uint8_t byte)
{
    if (byte >= 0xc0 || !e->more)
        return begin_character(e, byte);
    e->code = e->code << 6 | (byte & 0x3f);
    return --e->more ? got(ESCAPE_NONE, 0) : got(ESCAPE_TEXT, e->code);
}

/* --- sequences ----------------------------------------------------------- */

static struct escape_got begin_params(struct escape *e)
{
    e->state = PARAMS;
    e->n = 0;
    e->is_private = false;
    for (unsigned i = 0; i < ESCAPE_PARAMS; i++)
        e->param[i] = 0;
    return got(ESCAPE_NONE, 0);
}

static void take_digit(struct escape *e, unsigned digit)
{
    uint16_t *p;

    if (!e->n)
        e->n = 1;
    p = &e->param[e->n - 1];
    *p = (uint16_t)MIN(*p * 10u + digit, MAX_PARAM);
}

/* With one too many the sequence is none: it would be another. */
static struct escape_got take_param(struct escape *e, uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        take_digit(e, byte - '0');
    } else if (byte == ';' || byte == ':') {
        if (e->n == ESCAPE_PARAMS)
            e->state = CSI_REST;
        else
            e->n = MAX(e->n, 1u) + 1;
    } else if (byte == '?') {
        e->is_private = true;
    } else if (byte >= 0x40) {
        e->state = PLAIN;
        return got(ESCAPE_CSI, byte);
    } else {
        e->state = CSI_REST; /* of a kind nobody knows */
    }
    return got(ESCAPE_NONE, 0);
}

static struct escape_got behind_esc(struct escape *e, uint8_t byte)
{
    if (byte == '[')
        return begin_params(e);
    if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' ||
        byte == '_') {
        e->state = STRING;
    } else if (byte < 0x30) {
        e->state = SHORT_REST;
    } else {
        e->state = PLAIN;
        return got(ESCAPE_SHORT, byte);
    }
    return got(ESCAPE_NONE, 0);
}

/* Of a sequence nobody knows: `last` is the first that can be its end. */
static struct escape_got read_over(struct escape *e, uint8_t byte, uint8_t last)
{
    if (byte >= last)
        e->state = PLAIN;
    return got(ESCAPE_NONE, 0);
}

static struct escape_got take_control(struct escape *e, uint8_t byte)
{
    const bool in_string = e->state == STRING;

    e->more = 0;
    if (byte == '\n') {
        e->state = PLAIN; /* the next line may be another's */
        return got(ESCAPE_CONTROL, byte);
    }
    if (byte == ESC)
        e->state = SEEN_ESC;
    else if (in_string && byte == BEL)
        e->state = PLAIN;
    return byte == ESC || in_string ? got(ESCAPE_NONE, 0)
                                    : got(ESCAPE_CONTROL, byte);
}

struct escape_got escape_take(struct escape *e, uint8_t byte)
{
    if (byte < ' ' || byte == 0x7f)
        return take_control(e, byte);
    switch ((enum state)e->state) {
    case SEEN_ESC:
        return behind_esc(e, byte);
    case SHORT_REST:
        return read_over(e, byte, 0x30);
    case CSI_REST:
        return read_over(e, byte, 0x40);
    case PARAMS:
        return take_param(e, byte);
    case STRING:
        return got(ESCAPE_NONE, 0);
    case PLAIN:
        break;
    }
    if (byte >= 0x80)
        return take_high(e, byte);
    e->more = 0;
    return got(ESCAPE_TEXT, byte);
}

unsigned escape_param(const struct escape *e, unsigned i, unsigned unset)
{
    return i < e->n && e->param[i] ? e->param[i] : unset;
}
