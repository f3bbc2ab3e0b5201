/* SPDX-License-Identifier: MIT */
/* The line editor: every key, history, and what the terminal then shows. */
#include "tests/hv/check.h"

#include <stdio.h>

#include "tests/control/line_check.h"

static struct line l;

static int fresh(void **state)
{
    (void)state;
    line_init(&l);
    return 0;
}

static enum line_event type(const char *keys)
{
    enum line_event e = LINE_NONE;

    for (; *keys; keys++) {
        e = line_key(&l, (unsigned char)*keys);
        line_check(&l);
    }
    return e;
}

static void is(const char *text, unsigned cursor)
{
    assert_string_equal(l.text, text);
    assert_int_equal(l.cursor, cursor);
}

static void typed_text_stands_there(void **state)
{
    (void)state;
    assert_int_equal(type("list"), LINE_CHANGED);
    is("list", 4);
    assert_int_equal(type("\r"), LINE_DONE);
    is("list", 4);
    line_start(&l);
    is("", 0);
}

static void cr_lf_is_one_end(void **state)
{
    (void)state;
    assert_int_equal(type("a\r"), LINE_DONE);
    line_start(&l);
    assert_int_equal(type("\n"), LINE_NONE);
    assert_int_equal(type("\n"), LINE_DONE);
}

#define LEFT "\x1b[D"
static void the_cursor_moves(void **state)
{
    static const struct {
        const char *keys;
        unsigned cursor;
    } moves[] = {
        {LEFT, 3},           {"\x02", 3},        {LEFT LEFT "\x1b[C", 3},
        {"\x1b[H", 0},       {"\x1b[1~", 0},     {"\x1bOH", 0},
        {"\x01", 0},         {"\x01\x05", 4},    {"\x01\x1b[F", 4},
        {"\x01\x1b[4~", 4},  {"\x01\x06", 1},    {"\x1b[C", 4},
        {"\x1b[7~" LEFT, 0}, {"\x01\x1b[8~", 4}, {"\x01\x1bOF", 4},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(moves); i++) {
        fresh(state);
        type("list");
        type(moves[i].keys);
        is("list", moves[i].cursor);
    }
}

static void text_is_taken_out(void **state)
{
    static const struct {
        const char *keys, *text;
        unsigned cursor;
    } cuts[] = {
        {"\x7f", "save on", 7},
        {"\x08", "save on", 7},
        {LEFT "\x1b[3~", "save on", 7},
        {LEFT "\x04", "save on", 7},
        {"\x1b[3~", "save one", 8},
        {"\x01\x7f", "save one", 0},
        {"\x17", "save ", 5},
        {"\x17\x17", "", 0},
        {"\x15", "", 0},
        {LEFT LEFT LEFT "\x15", "one", 0},
        {LEFT LEFT LEFT "\x0b", "save ", 5},
        {"\x01\x0b", "", 0},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cuts); i++) {
        fresh(state);
        type("save one");
        type(cuts[i].keys);
        is(cuts[i].text, cuts[i].cursor);
    }
}

static void text_is_put_in_the_middle(void **state)
{
    (void)state;
    type("lt" LEFT "is");
    is("list", 3);
}

static void history_goes_back_and_forth(void **state)
{
    (void)state;
    type("one\r"), line_start(&l);
    type("two\r"), line_start(&l);
    type("two\r"), line_start(&l);
    type("\r"), line_start(&l);
    type("thr");
    type("\x1b[A");
    is("two", 3);
    type("\x10");
    is("one", 3);
    assert_int_equal(type("\x1b[A"), LINE_NONE);
    is("one", 3);
    type("\x1bOB");
    is("two", 3);
    type("\x0e");
    is("thr", 3);
    assert_int_equal(type("\x1b[B"), LINE_NONE);
}

static void history_is_bounded_and_keeps_the_newest(void **state)
{
    char text[16];

    (void)state;
    for (unsigned i = 0; i < 3 * LINE_HISTORY; i++) {
        snprintf(text, sizeof(text), "line%u\r", i);
        type(text);
        line_start(&l);
    }
    for (unsigned i = 0; i < LINE_HISTORY; i++)
        type("\x1b[A");
    assert_int_equal(type("\x1b[A"), LINE_NONE);
    snprintf(text, sizeof(text), "line%u", 2 * LINE_HISTORY);
    is(text, (unsigned)strlen(text));
}

static void control_keys_mean_something(void **state)
{
    (void)state;
    type("abc");
    assert_int_equal(type("\x03"), LINE_CANCEL);
    is("", 0);
    assert_int_equal(type("\x04"), LINE_END);
    assert_int_equal(type("\x0c"), LINE_CLEAR);
    assert_int_equal(type("\t"), LINE_COMPLETE);
    assert_int_equal(type("\x1d"), LINE_LEAVE);
    assert_int_equal(type("\x07\x1a\x1c\x80\xff"), LINE_NONE);
    is("", 0);
}

static void unknown_escapes_are_swallowed(void **state)
{
    static const char *const unknown[] = {"\x1b[15~", "\x1b[1;5C", "\x1b[Z",
                                          "\x1bOP",   "\x1b[200~", "\x1bx",
                                          "\x1b[2~",  "\x1b[?1;2c"};

    (void)state;
    type("ab");
    for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++) {
        type(unknown[i]);
        is("ab", 2);
    }
    type("c");
    is("abc", 3);
}

static void a_line_does_not_run_over(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * LINE_SIZE; i++)
        type("x");
    assert_int_equal(l.len, LINE_SIZE - 1);
    line_insert(&l, "abc\x01\n", 5);
    assert_int_equal(l.len, LINE_SIZE - 1);
    line_check(&l);
}

static void type_many(unsigned n)
{
    while (n--)
        type("x");
}

/* It is not run without its end, nor found in the history. */
static void what_is_too_long_is_given_up(void **state)
{
    (void)state;
    type_many(LINE_SIZE - 1);
    assert_int_equal(type("\r"), LINE_DONE);
    line_start(&l);
    type_many(LINE_SIZE);
    assert_int_equal(type("\r"), LINE_TOO_LONG);
    is("", 0);
    line_start(&l);
    assert_int_equal(l.used, 1);
    type_many(LINE_SIZE);
    type("\x7f\x7f"); /* what had no room is not there, all the same */
    assert_int_equal(type("\r"), LINE_TOO_LONG);
    type_many(LINE_SIZE);
    type("\x15list");
    assert_int_equal(type("\r"), LINE_DONE);
    is("list", 4);
    line_start(&l);
    type_many(LINE_SIZE - 2);
    type("\xc3\xa4"); /* no half of a character */
    assert_int_equal(l.len, LINE_SIZE - 2);
    assert_int_equal(type("\r"), LINE_TOO_LONG);
}

static void characters_are_whole(void **state)
{
    static const char *const wrong[] = {"\x80",
                                        "\xc2\x9b",
                                        "\xc0\xaf",
                                        "\xe0\x9f\xbf",
                                        "\xed\xa0\x80",
                                        "\xf0\x8f\xbf\xbf",
                                        "\xf4\x90\x80\x80",
                                        "\xf5\x80\x80\x80",
                                        "\xe2\x82",
                                        "\xc3"};

    (void)state;
    type("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z");
    is("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z", 11);
    type(LEFT LEFT "\x7f");
    is("a\xc3\xa4\xf0\x9f\x98\x80z", 3);
    type("\x1b[3~");
    is("a\xc3\xa4z", 3);
    type(LEFT "\x1b[C" LEFT "\x04\x05");
    is("az", 2);
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        type(wrong[i]);
        is("az", 2);
    }
    type("y");
    is("azy", 3);
    type("\xc3\xc3\xa4"); /* one that was not finished, and a whole one */
    is("azy\xc3\xa4", 5);
}

static void shows(const char *text, unsigned cursor)
{
    struct row r = {.cursor = 7};
    char out[LINE_DRAW(ROW_COLUMNS)];

    memset(r.cell, '?', ROW_COLUMNS);
    row_write(&r, out, line_draw(&l, "> ", ROW_COLUMNS, out, sizeof(out)));
    assert_int_equal(r.cursor, cursor);
    for (unsigned n = ROW_COLUMNS; n && r.cell[n - 1] == ' '; n--)
        r.cell[n - 1] = '\0';
    assert_string_equal(r.cell, text);
}

static void what_is_drawn_is_what_is_there(void **state)
{
    char long_one[100] = "";

    (void)state;
    shows(">", 2);
    type("help list" LEFT LEFT);
    shows("> help list", 9);
    type("\x15\x0b");
    memset(long_one, 'a', 90);
    type(long_one);
    memset(long_one, 0, sizeof(long_one));
    memcpy(long_one, "> ", 2);
    memset(long_one + 2, 'a', 77);
    shows(long_one, 79);
    type("\x01");
    shows(long_one, 2);
    type("\x0b");
    for (unsigned i = 0; i < 90; i++)
        type("\xe2\x82\xac");
    memset(long_one + 2, 0xe2, 77);
    shows(long_one, 79);
    type(LEFT LEFT);
    shows(long_one, 79);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(typed_text_stands_there, fresh),
        cmocka_unit_test_setup(cr_lf_is_one_end, fresh),
        cmocka_unit_test_setup(the_cursor_moves, fresh),
        cmocka_unit_test_setup(text_is_taken_out, fresh),
        cmocka_unit_test_setup(text_is_put_in_the_middle, fresh),
        cmocka_unit_test_setup(history_goes_back_and_forth, fresh),
        cmocka_unit_test_setup(history_is_bounded_and_keeps_the_newest, fresh),
        cmocka_unit_test_setup(control_keys_mean_something, fresh),
        cmocka_unit_test_setup(unknown_escapes_are_swallowed, fresh),
        cmocka_unit_test_setup(a_line_does_not_run_over, fresh),
        cmocka_unit_test_setup(what_is_too_long_is_given_up, fresh),
        cmocka_unit_test_setup(characters_are_whole, fresh),
        cmocka_unit_test_setup(what_is_drawn_is_what_is_there, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
