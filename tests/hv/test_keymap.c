/* SPDX-License-Identifier: MIT */
/* What is typed by the bytes of a keyboard, in either set, in each layout. */
#include "tests/hv/check.h"

#include <stdlib.h>
#include <string.h>

#include "hv/dev/keymap.h"
#include "hv/dev/scancode.h"

static struct scancode codes;
static struct keymap map;
static char typed[1024];
static size_t at;
static unsigned pages_up, pages_down, locks;

static void fresh(enum option_keys layout, bool set2)
{
    codes = (struct scancode){.set2 = set2};
    map = (struct keymap){.layout = layout};
    at = pages_up = pages_down = locks = 0;
    typed[0] = '\0';
}

static void take(uint8_t byte)
{
    const unsigned key = scancode_take(&codes, byte);
    const struct keymap_got got = keymap_take(&map, key);

    assert_true(got.n <= KEYMAP_BYTES);
    assert_int_equal(got.kind == KEYMAP_TEXT, got.n > 0);
    pages_up += got.kind == KEYMAP_PAGE_UP;
    pages_down += got.kind == KEYMAP_PAGE_DOWN;
    locks += got.kind == KEYMAP_LOCK;
    memcpy(typed + at, got.text, got.n);
    at = (at + got.n) % (sizeof(typed) - KEYMAP_BYTES);
    typed[at] = '\0';
}

static void send(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        take((uint8_t)bytes[i]);
}

#define SEND(text) send(text, sizeof(text) - 1)

/* A key of set 1 goes down and up. */
static void stroke(unsigned key)
{
    take((uint8_t)key);
    take((uint8_t)(key | 0x80));
}

static void types(const char *expected)
{
    assert_string_equal(typed, expected);
    at = 0;
    typed[0] = '\0';
}

static void strokes(unsigned first, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        stroke(first + i);
}

/* All keys with characters, row by row. */
static void all_rows(const char *expected)
{
    strokes(0x02, 12);
    strokes(0x10, 12);
    strokes(0x1e, 12);
    strokes(0x2b, 11);
    stroke(0x56);
    types(expected);
}

static void us_is_as_printed_on_the_keys(void **state)
{
    (void)state;
    fresh(KEYS_US, false);
    all_rows("1234567890-=qwertyuiop[]asdfghjkl;'`\\zxcvbnm,./<");
    take(0x36);
    all_rows("!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:\"~|ZXCVBNM<>?>");
    take(0xb6);
    strokes(0x10, 1);
    types("q");
}

static void de_is_as_printed_on_the_keys(void **state)
{
    (void)state;
    fresh(KEYS_DE, false);
    all_rows("1234567890ß´qwertzuiopü+asdfghjklöä^#yxcvbnm,.-<");
    take(0x2a);
    all_rows("!\"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄ°'YXCVBNM;:_>");
    take(0xaa);
    SEND("\xe0\x38");
    all_rows("1²³456{[]}\\´@w€rtzuiopü~asdfghjklöä^#yxcvbnµ,.-|");
    SEND("\xe0\xb8");
    stroke(0x10);
    types("q");
}

static void fr_is_as_printed_on_the_keys(void **state)
{
    (void)state;
    fresh(KEYS_FR, false);
    all_rows("&é\"'(-è_çà)=azertyuiop^$qsdfghjklmù²*wxcvbn,;:!<");
    take(0x2a);
    all_rows("1234567890°+AZERTYUIOP¨£QSDFGHJKLM%~µWXCVBN?./§>");
    take(0xaa);
    SEND("\xe0\x38");
    all_rows("&~#{[|`\\^@]}az€rtyuiop^¤qsdfghjklmù²*wxcvbn,;:!<");
}

/* The right Alt key of a US keyboard is another Alt: ESC before the key. */
static void alt_puts_escape_before(void **state)
{
    (void)state;
    fresh(KEYS_US, false);
    SEND("\x38\x21\xa1\xb8\xe0\x38\x30\xe0\xb8\x30");
    types("\x1b"
          "f\x1b"
          "bb");
    fresh(KEYS_DE, false);
    SEND("\x38\x28\xb8"); /* two bytes, and one before */
    types("\x1bä");
}

static void ctrl_goes_by_the_layout(void **state)
{
    (void)state;
    fresh(KEYS_US, false);
    take(0x1d);
    strokes(0x10, 10);
    strokes(0x1e, 9);
    strokes(0x2c, 7);
    types("\x11\x17\x05\x12\x14\x19\x15\x09\x0f\x10\x01\x13\x04\x06\x07\x08"
          "\x0a\x0b\x0c\x1a\x18\x03\x16\x02\x0e\r");
    strokes(0x1a, 2);
    stroke(0x2b);
    stroke(0x0e);
    types("\x1b\x1d\x1c\b");
    fresh(KEYS_FR, false);
    SEND("\xe0\x1d\x10\xe0\x9d\x10");
    types("\x01"
          "a");
    fresh(KEYS_DE, false);
    SEND("\x1d\xe0\x38\x0a"); /* ctrl-] */
    types("\x1d");
}

static void keys_that_edit_send_what_xterm_sends(void **state)
{
    (void)state;
    fresh(KEYS_US, false);
    SEND("\xe0\x47\xe0\x48\xe0\x4b\xe0\x4d\xe0\x4f\xe0\x50\xe0\x52\xe0\x53");
    types("\x1b[H\x1b[A\x1b[D\x1b[C\x1b[F\x1b[B\x1b[2~\x1b[3~");
    SEND("\x01\x0e\x0f\x1c\x39\xe0\x1c\x2a\x0f");
    types("\x1b\x7f\t\r \r\x1b[Z");
    SEND("\x3b\x44\x57\x58");
    types("\x1bOP\x1b[21~\x1b[23~\x1b[24~");
}

static void pages_are_not_typed(void **state)
{
    (void)state;
    fresh(KEYS_US, false);
    SEND("\xe0\x49\xe0\xc9\xe0\x51\x49\x51");
    types("");
    assert_int_equal(pages_up, 2); /* the number pad has them, too */
    assert_int_equal(pages_down, 2);
}

static void num_lock_makes_the_pad_numbers(void **state)
{
    (void)state;
    fresh(KEYS_US, false);
    stroke(0x45);
    assert_int_equal(locks, 1);
    assert_int_equal(keymap_lights(&map), 2);
    strokes(0x47, 13);
    types("789-456+1230.");
    SEND("\x37\xe0\x35");
    types("*/");
    take(0x2a);
    stroke(0x4b); /* shift turns it round */
    types("\x1b[D");
    take(0xaa);
    stroke(0x45);
    stroke(0x4b);
    types("\x1b[D");
    stroke(0x4c); /* nothing is printed on the middle one */
    types("");
}

static void caps_lock_is_for_letters(void **state)
{
    (void)state;
    fresh(KEYS_DE, false);
    stroke(0x3a);
    assert_int_equal(keymap_lights(&map), 4);
    SEND("\x1e\x28\x02\x0c\x2a\x1e\x02\xaa");
    types("AÄ1ßa!");
    stroke(0x3a);
    stroke(0x1e);
    types("a");
    fresh(KEYS_FR, false);
    stroke(0x3a);
    SEND("\x03\x27"); /* what lies above an accented letter is no capital */
    types("éM");
}

/* Keys repeat while they are down; a lock does not come and go. */
static void a_lock_held_down_locks_once(void **state)
{
    (void)state;
    fresh(KEYS_US, false);
    SEND("\x3a\x3a\x3a\x3a\x1e\x1e\xba\x1e");
    types("AAA");
    SEND("\x3a\xba\x1e");
    types("a");
}

static void set_2_is_the_same_keyboard(void **state)
{
    (void)state;
    fresh(KEYS_DE, true);
    SEND("\x1c\xf0\x1c\x12\x1c\xf0\x1c\xf0\x12\x1c\x83\x66\x5a");
    types("aAa\x1b[18~\x7f\r");
    SEND("\xe0\x6c\xe0\xf0\x6c\xe0\x75\xe0\x11\x15\xe0\xf0\x11\x15\x71");
    types("\x1b[H\x1b[A@q\x1b[3~");
    SEND("\x14\x21\xf0\x21\xf0\x14\x21"); /* ctrl-c */
    types("\x03"
          "c");
}

/* Shifts made up around arrows, and the key that is six bytes long. */
static void what_no_finger_does_is_read_over(void **state)
{
    (void)state;
    fresh(KEYS_US, false);
    SEND("\xe0\x2a\xe0\x48\xe0\xc8\xe0\xaa\x1e");
    types("\x1b[Aa");
    SEND("\xe1\x1d\x45\xe1\x9d\xc5\x1e");
    types("a");
    assert_int_equal(locks, 0);
    fresh(KEYS_US, true);
    SEND("\xe0\x12\xe0\x75\xe1\x14\x77\xe1\xf0\x14\xf0\x77\x1c");
    types("\x1b[Aa");
    assert_int_equal(locks, 0);
}

static void any_bytes_do_no_harm(void **state)
{
    (void)state;
    srand(16);
    for (unsigned layout = 0; layout < KEYS_LAYOUTS; layout++)
        for (unsigned set2 = 0; set2 < 2; set2++) {
            fresh((enum option_keys)layout, set2);
            for (unsigned i = 0; i < 100000; i++)
                take((uint8_t)(rand() >> 8));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(us_is_as_printed_on_the_keys),
        cmocka_unit_test(de_is_as_printed_on_the_keys),
        cmocka_unit_test(fr_is_as_printed_on_the_keys),
        cmocka_unit_test(alt_puts_escape_before),
        cmocka_unit_test(ctrl_goes_by_the_layout),
        cmocka_unit_test(keys_that_edit_send_what_xterm_sends),
        cmocka_unit_test(pages_are_not_typed),
        cmocka_unit_test(num_lock_makes_the_pad_numbers),
        cmocka_unit_test(caps_lock_is_for_letters),
        cmocka_unit_test(a_lock_held_down_locks_once),
        cmocka_unit_test(set_2_is_the_same_keyboard),
        cmocka_unit_test(what_no_finger_does_is_read_over),
        cmocka_unit_test(any_bytes_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
