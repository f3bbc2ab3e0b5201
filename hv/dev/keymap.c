/* SPDX-License-Identifier: MIT */
/*
 * keymap.c: layouts are rows of characters as they lie on the keyboard. Accents
 * that wait for a letter on other systems are characters of their own here.
 *
 * Invariant: only what is held down at the moment changes what a key is; a key
 * that comes up types nothing.
 */
#include "hv/dev/keymap.h"

#include "hv/base/string.h"
#include "hv/dev/scancode.h"

enum held {
    SHIFT_LEFT = 1,
    SHIFT_RIGHT = 2,
    SHIFT = SHIFT_LEFT | SHIFT_RIGHT,
    CTRL_LEFT = 4,
    CTRL_RIGHT = 8,
    CTRL = CTRL_LEFT | CTRL_RIGHT,
    ALT = 16,
    ALTGR = 32,
};

enum { KEY_CAPS = 0x3a, KEY_NUM = 0x45, KEY_PAD = 0x47, KEY_PAD_LAST = 0x53 };

#define ESC "\033"

/* --- layouts ------------------------------------------------------------- */

enum { ROWS = 5, LEVELS = 3 }; /* plain, with shift, with AltGr */

/* Where a row of keys begins, and how many it has. */
static const struct {
    uint8_t first, n;
} rows[ROWS] = {{0x02, 12}, {0x10, 12}, {0x1e, 12}, {0x2b, 11}, {0x56, 1}};

/* A blank on the third level: there is nothing. */
static const uint16_t *const layouts[KEYS_LAYOUTS][LEVELS][ROWS] = {
    [KEYS_US] =
        {
            {u"1234567890-=", u"qwertyuiop[]", u"asdfghjkl;'`", u"\\zxcvbnm,./",
             u"<"},
            {u"!@#$%^&*()_+", u"QWERTYUIOP{}", u"ASDFGHJKL:\"~", u"|ZXCVBNM<>?",
             u">"},
            {u"            ", u"            ", u"            ", u"           ",
             u" "},
        },
    [KEYS_DE] =
        {
            {u"1234567890\u00df\u00b4", u"qwertzuiop\u00fc+",
             u"asdfghjkl\u00f6\u00e4^", u"#yxcvbnm,.-", u"<"},
            {u"!\"\u00a7$%&/()=?`", u"QWERTZUIOP\u00dc*",
             u"ASDFGHJKL\u00d6\u00c4\u00b0", u"'YXCVBNM;:_", u">"},
            {u" \u00b2\u00b3   {[]}\\ ", u"@ \u20ac        ~", u"            ",
             u"       \u00b5   ", u"|"},
        },
    [KEYS_FR] =
        {
            {u"&\u00e9\"'(-\u00e8_\u00e7\u00e0)=", u"azertyuiop^$",
             u"qsdfghjklm\u00f9\u00b2", u"*wxcvbn,;:!", u"<"},
            {u"1234567890\u00b0+", u"AZERTYUIOP\u00a8\u00a3", u"QSDFGHJKLM%~",
             u"\u00b5WXCVBN?./\u00a7", u">"},
            {u" ~#{[|`\\^@]}", u"  \u20ac        \u00a4", u"            ",
             u"           ", u" "},
        },
};

static uint16_t character_at(enum option_keys layout, unsigned level,
                             unsigned key)
{
    for (unsigned r = 0; r < ROWS; r++)
        if (key >= rows[r].first && key < rows[r].first + (unsigned)rows[r].n)
            return layouts[layout][level][r][key - rows[r].first];
    return 0;
}

/* Of ISO 8859-1: small letters lie 32 above capital ones. */
static bool is_capital_of(uint16_t capital, uint16_t small)
{
    return capital + 32 == small &&
           ((small >= 'a' && small <= 'z') || (small >= 0xe0 && small <= 0xfe));
}

/* Caps lock is for letters alone. */
static uint16_t character_of(const struct keymap *m, unsigned key)
{
    const uint16_t plain = character_at(m->layout, 0, key);
    const uint16_t shifted = character_at(m->layout, 1, key);
    const uint16_t third = character_at(m->layout, 2, key);
    bool shift = m->held & SHIFT;

    if (m->held & ALTGR && third != ' ')
        return third;
    if (m->caps && is_capital_of(shifted, plain))
        shift = !shift;
    return shift ? shifted : plain;
}

/* --- keys that are the same everywhere ----------------------------------- */

struct named {
    uint8_t key;
    const char *text;
};

static const struct named fixed[] = {
    {0x01, ESC},        {0x1c, "\r"},       {0x37, "*"},
    {0x4a, "-"},        {0x4e, "+"},        {0x9c, "\r"},
    {0xb5, "/"},        {0x3b, ESC "OP"},   {0x3c, ESC "OQ"},
    {0x3d, ESC "OR"},   {0x3e, ESC "OS"},   {0x3f, ESC "[15~"},
    {0x40, ESC "[17~"}, {0x41, ESC "[18~"}, {0x42, ESC "[19~"},
    {0x43, ESC "[20~"}, {0x44, ESC "[21~"}, {0x57, ESC "[23~"},
    {0x58, ESC "[24~"},
};

/* Of the keys that move; without KEY_EXTENDED they are the number pad's. */
static const struct named moving[] = {
    {0x47, ESC "[H"}, {0x48, ESC "[A"}, {0x4b, ESC "[D"},  {0x4d, ESC "[C"},
    {0x4f, ESC "[F"}, {0x50, ESC "[B"}, {0x52, ESC "[2~"}, {0x53, ESC "[3~"},
};

static const char *find(const struct named *names, unsigned n, unsigned key)
{
    for (unsigned i = 0; i < n; i++)
        if (names[i].key == key)
            return names[i].text;
    return NULL;
}

static struct keymap_got kind(enum keymap_kind k)
{
    return (struct keymap_got){.kind = k};
}

static struct keymap_got bytes(const char *text, unsigned n)
{
    struct keymap_got got = {.kind = n ? KEYMAP_TEXT : KEYMAP_NOTHING, .n = n};

    memcpy(got.text, text, n);
    return got;
}

static struct keymap_got text(const char *s)
{
    return s ? bytes(s, (unsigned)strlen(s)) : kind(KEYMAP_NOTHING);
}

static struct keymap_got move(unsigned key)
{
    if (key == 0x49)
        return kind(KEYMAP_PAGE_UP);
    if (key == 0x51)
        return kind(KEYMAP_PAGE_DOWN);
    return text(find(moving, ARRAY_SIZE(moving), key));
}

/* Num lock and shift each turn the other round. */
static struct keymap_got pad(const struct keymap *m, unsigned key)
{
    static const char digits[] = "789-456+1230.";

    if (m->num == !(m->held & SHIFT))
        return bytes(&digits[key - KEY_PAD], 1);
    return move(key);
}

/* --- characters ---------------------------------------------------------- */

static unsigned put_utf8(char *out, unsigned c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
}

static unsigned with_ctrl(unsigned c)
{
    if (c == ' ')
        return 0;
    if (c == '?')
        return 0x7f;
    if (c == '/')
        return 0x1f;
    return c >= '@' && c <= '~' ? c & 0x1f : c;
}

static struct keymap_got character(const struct keymap *m, unsigned c)
{
    char out[KEYMAP_BYTES];
    unsigned n = 0;

    if (!c)
        return kind(KEYMAP_NOTHING);
    if (m->held & CTRL)
        c = with_ctrl(c);
    if (m->held & ALT)
        out[n++] = ESC[0];
    n += put_utf8(out + n, c);
    return bytes(out, n);
}

/* --- keys ---------------------------------------------------------------- */

static unsigned held_by(const struct keymap *m, unsigned key)
{
    switch (key) {
    case 0x2a:
        return SHIFT_LEFT;
    case 0x36:
        return SHIFT_RIGHT;
    case 0x1d:
        return CTRL_LEFT;
    case 0x1d | KEY_EXTENDED:
        return CTRL_RIGHT;
    case 0x38:
        return ALT;
    case 0x38 | KEY_EXTENDED:
        return m->layout == KEYS_US ? ALT : ALTGR;
    default:
        return 0;
    }
}

static struct keymap_got edit(const struct keymap *m, unsigned key)
{
    if (key == 0x0e) /* backspace */
        return character(m, m->held & CTRL ? '\b' : 0x7f);
    if (key == 0x0f) /* tab */
        return text(m->held & SHIFT ? ESC "[Z" : "\t");
    if (key == 0x39)
        return character(m, ' ');
    return text(find(fixed, ARRAY_SIZE(fixed), key));
}

static struct keymap_got lock(struct keymap *m, unsigned key)
{
    if (m->lock == key)
        return kind(KEYMAP_NOTHING);
    m->lock = key;
    *(key == KEY_CAPS ? &m->caps : &m->num) ^= true;
    return kind(KEYMAP_LOCK);
}

static struct keymap_got press(struct keymap *m, unsigned key)
{
    struct keymap_got got;

    if (key == KEY_CAPS || key == KEY_NUM)
        return lock(m, key);
    got = edit(m, key);
    if (got.kind != KEYMAP_NOTHING)
        return got;
    if (key & KEY_EXTENDED)
        return move(key & ~(unsigned)KEY_EXTENDED);
    if (key >= KEY_PAD && key <= KEY_PAD_LAST)
        return pad(m, key);
    return character(m, character_of(m, key));
}

struct keymap_got keymap_take(struct keymap *m, unsigned key)
{
    const bool up = key & KEY_UP;
    unsigned held;

    key &= ~(unsigned)KEY_UP;
    held = held_by(m, key);
    if (up && key == m->lock)
        m->lock = KEY_NONE;
    if (up)
        m->held &= ~held;
    else
        m->held |= held;
    return up || held ? kind(KEYMAP_NOTHING) : press(m, key);
}

uint8_t keymap_lights(const struct keymap *m)
{
    return (uint8_t)((m->num ? 2 : 0) | (m->caps ? 4 : 0));
}
