/* SPDX-License-Identifier: MIT */
/*
 * scancode.c: IBM PS/2 technical reference, keyboards: in set 1 bit 7 says that
 * a key is let go, in set 2 F0 before its code does. The Pause key, E1 and two
 * codes, is read over; so are the shifts of set 1 that no finger presses.
 */
#include "hv/dev/scancode.h"

#define EXTENDED 0xe0
#define PAUSE    0xe1
#define RELEASE  0xf0
#define UP       0x80

/* Of set 2, by set 1: 0 where there is no such key. */
static const uint8_t set2_of[] = {
    0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45,
    0x4e, 0x55, 0x66, 0x0d, 0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43,
    0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b, 0x23, 0x2b, 0x34, 0x33,
    0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a,
    0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05,
    0x06, 0x04, 0x0c, 0x03, 0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c,
    0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69, 0x72, 0x7a, 0x70, 0x71,
    0x00, 0x00, 0x61, 0x78, 0x07,
};

static unsigned key_of_set2(uint8_t code)
{
    for (unsigned i = 1; i < ARRAY_SIZE(set2_of); i++)
        if (set2_of[i] == code)
            return i;
    return KEY_NONE;
}

/* Shift keys behind E0 are made up around others, for old programs. */
static unsigned key(struct scancode *s, unsigned code, bool up)
{
    const bool extended = s->extended;

    s->extended = s->release = false;
    if (!code || code >= ARRAY_SIZE(set2_of) || !set2_of[code])
        return KEY_NONE;
    if (extended && (code == 0x2a || code == 0x36))
        return KEY_NONE;
    return code | (extended ? KEY_EXTENDED : 0u) | (up ? KEY_UP : 0u);
}

static bool prefix(struct scancode *s, uint8_t byte)
{
    if (byte == EXTENDED)
        s->extended = true;
    else if (byte == PAUSE)
        s->skip = 2;
    else if (byte == RELEASE && s->set2)
        s->release = true;
    else
        return false;
    return true;
}

unsigned scancode_take(struct scancode *s, uint8_t byte)
{
    if (prefix(s, byte))
        return KEY_NONE;
    if (s->skip) {
        s->skip--;
        s->release = s->extended = false;
        return KEY_NONE;
    }
    if (s->set2)
        return key(s, key_of_set2(byte), s->release);
    return key(s, byte & ~(unsigned)UP, byte & UP);
}
