/* SPDX-License-Identifier: MIT */
/*
 * console_text.c: tab, printable ASCII, and whole characters of UTF-8 (RFC
 * 3629, 4) other than controls. Everything else is dropped.
 *
 * Invariant: a byte of 0x80 or more is shown only as part of a whole, shortest
 * encoding of an allowed character, however the stream was cut into pieces.
 */
#include "hv/base/console_text.h"

/*
 * Controls (ECMA-48, 5.3: C1 is U+0080 to U+009F) and what ends a line, turns
 * its direction round or cannot be seen (Unicode 15, 23.2 to 23.4, 23.8).
 */
static const struct {
    uint32_t first, last;
} denied[] = {
    {0x80, 0x9f},     {0xad, 0xad},       {0x61c, 0x61c},   {0x200b, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f},   {0xd800, 0xdfff}, {0xfeff, 0xfeff},
    {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
};

/* The least that so many bytes are needed for: what is longer is a disguise. */
static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

static uint32_t code_of(const struct console_text *t)
{
    uint32_t c = t->byte[0] & (0x7fu >> t->want);

    for (unsigned i = 1; i < t->want; i++)
        c = c << 6 | (t->byte[i] & 0x3f);
    return c;
}

static bool allowed(const struct console_text *t)
{
    uint32_t c = code_of(t);

    if (c < least[t->want] || c > 0x10ffff)
        return false;
    for (unsigned i = 0; i < ARRAY_SIZE(denied); i++)
        if (c >= denied[i].first && c <= denied[i].last)
            return false;
    return true;
}

static uint8_t length_by_first(uint8_t byte)
{
    if (byte >= 0xf0)
        return byte < 0xf8 ? 4 : 0;
    if (byte >= 0xe0)
        return 3;
    return byte >= 0xc0 ? 2 : 0;
}

/* Of 0x80 or more: begins a character, goes on with one, or is lost. */
static unsigned take_high(struct console_text *t, uint8_t byte, char *out)
{
    if (byte >= 0xc0 || !t->have) {
        t->want = length_by_first(byte);
        t->have = 0;
    }
    if (!t->want)
        return 0;
    t->byte[t->have++] = byte;
    if (t->have < t->want)
        return 0;
    t->have = 0;
    if (!allowed(t))
        return 0;
    for (unsigned i = 0; i < t->want; i++)
        out[i] = (char)t->byte[i];
    return t->want;
}

unsigned console_text_take(struct console_text *t, uint8_t byte,
                           char out[CONSOLE_TEXT_UNIT])
{
    if (byte >= 0x80)
        return take_high(t, byte, out);
    t->have = 0;
    if ((byte < ' ' && byte != '\t') || byte == 0x7f)
        return 0;
    out[0] = (char)byte;
    return 1;
}
