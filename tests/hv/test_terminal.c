/* SPDX-License-Identifier: MIT */
/* What is to be seen of what has been written, with a terminal of 20 by 4. */
#include "tests/hv/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/dev/terminal.h"

enum { COLS = 20, ROWS = 4 };

static struct terminal t;

static void put(const char *s)
{
    for (; *s; s++)
        terminal_put(&t, (uint8_t)*s);
}

static int start(void **state)
{
    (void)state;
    terminal_init(&t, COLS, ROWS);
    put("\x1b[?25l"); /* most tests want no cursor among the cells */
    return 0;
}

static terminal_cell_t cell(unsigned row, unsigned col)
{
    terminal_cell_t cells[TERMINAL_COLS];

    terminal_row(&t, row, cells);
    return cells[col];
}

/* The row's characters, without the blanks at its end. */
static const char *row(unsigned r)
{
    static char text[TERMINAL_COLS + 1];
    terminal_cell_t cells[TERMINAL_COLS];
    unsigned n = t.cols;

    terminal_row(&t, r, cells);
    while (n && (cells[n - 1] & 0xff) == ' ')
        n--;
    for (unsigned c = 0; c < n; c++)
        text[c] = (char)(cells[c] & 0xff);
    text[n] = '\0';
    return text;
}

static void rows_are(const char *a, const char *b, const char *c, const char *d)
{
    assert_string_equal(row(0), a);
    assert_string_equal(row(1), b);
    assert_string_equal(row(2), c);
    assert_string_equal(row(3), d);
}

static void text_goes_on_in_the_next_row(void **state)
{
    (void)state;
    put("one\n12345678901234567890X\tY\r!");
    rows_are("one", "12345678901234567890", "!       Y", "");
}

/* Twenty characters and a line's end are one row, not two. */
static void a_full_row_ends_once(void **state)
{
    (void)state;
    put("12345678901234567890\nnext\b\bX");
    rows_are("12345678901234567890", "neXt", "", "");
}

static void put_prose(const char *s)
{
    for (; *s; s++)
        terminal_put_prose(&t, (uint8_t)*s);
}

static void prose_is_broken_between_words(void **state)
{
    (void)state;
    put_prose("\nthe small brown fox jumps\n");
    rows_are("", "the small brown fox", "jumps", "");
    start(state);
    put_prose("\nfour times five is 20 and a word\n");
    rows_are("", "four times five is", "20 and a word", "");
    start(state);
    /* The blank that ends a row is not the next one's first. */
    put_prose("\nexactly twenty cells here\nas are those");
    rows_are("", "exactly twenty cells", "here", "as are those");
}

static void a_word_of_half_a_row_is_not_moved(void **state)
{
    (void)state;
    put_prose("\n12345678 0123456789AB\n");
    rows_are("", "12345678 0123456789A", "B", "");
    start(state);
    put_prose("\n1234567890123456789012345\n");
    rows_are("", "12345678901234567890", "12345", "");
}

/* Who moves about has counted the columns, and so has who is not asked. */
static void only_straight_prose_is_broken(void **state)
{
    (void)state;
    put("\nthe small brown fox jumps\n");
    rows_are("", "the small brown fox", "jumps", "");
    start(state);
    put("\nthe small brown foxes jump\n");
    rows_are("", "the small brown foxe", "s jump", "");
    start(state);
    put_prose("\n\rthe small brown foxes jump\n");
    rows_are("", "the small brown foxe", "s jump", "");
    start(state);
    put_prose("\nthe \x1b[1msmall brown foxes jump\n");
    rows_are("", "the small brown foxe", "s jump", "");
    start(state);
    put_prose("\nthe small brown foxes jump\n");
    rows_are("", "the small brown", "foxes jump", "");
}

/* At the last row, and of a word's colours. */
static void a_word_that_moves_is_whole(void **state)
{
    (void)state;
    put("\x1b[4H\x1b[31m\n");
    put_prose("the small brown foxes jump");
    rows_are("", "", "the small brown", "foxes jump");
    assert_int_equal(cell(3, 0), 'f' | 4 << 8);
    assert_int_equal(cell(2, 17) & 0xff, ' ');
}

static void the_cursor_goes_where_it_is_sent(void **state)
{
    (void)state;
    put("\x1b[2;3HA\x1b[BB\x1b[2DC\x1b[10GD\x1b[AE\x1b[1dF\x1b[HG\x1b[3EH\x1b["
        "2FI\x1b[4;20fJ");
    rows_are("G          F", "I A       E", "  CB     D",
             "H                  J");
    put("\x1b[99A\x1b[99DX\x1b[99B\x1b[99CY\x1b[0;0HZ");
    rows_are("Z          F", "I A       E", "  CB     D",
             "H                  Y");
}

static void what_is_erased_is_blank(void **state)
{
    (void)state;
    put("aaaa\nbbbb\ncccc\ndddd");
    put("\x1b[2;3H\x1b[K\x1b[3;3H\x1b[1K");
    rows_are("aaaa", "bb", "   c", "dddd");
    put("\x1b[3;4H\x1b[J");
    rows_are("aaaa", "bb", "", "");
    put("\x1b[4Hxyz\x1b[2;2H\x1b[1J");
    rows_are("", "", "", "xyz");
    put("\x1b[2Jq");
    rows_are("", " q", "", "");
}

static void characters_are_taken_out_and_put_in(void **state)
{
    (void)state;
    put("abcdef\x1b[3G\x1b[2P");
    rows_are("abef", "", "", "");
    put("\x1b[2@12\x1b[1G\x1b[X");
    rows_are(" b12ef", "", "", "");
    put("\x1b[99@\x1b[2;19Hxy\x1b[2;19H\x1b[99P");
    rows_are("", "", "", "");
}

static void colours_are_as_vga_has_them(void **state)
{
    (void)state;
    put("a\x1b[31mb\x1b[1mc\x1b[44md\x1b[7me\x1b[mf\x1b[97;103mg\x1b[39;49mh"
        "\x1b[38;5;9mi\x1b[38;2;1;2;3mj\x1b[0;48;5;4;32mk");
    assert_int_equal(cell(0, 0), 0x0700 | 'a');
    assert_int_equal(cell(0, 1), 0x0400 | 'b');
    assert_int_equal(cell(0, 2), 0x0c00 | 'c');
    assert_int_equal(cell(0, 3), 0x1c00 | 'd');
    assert_int_equal(cell(0, 4), 0x4100 | 'e');
    assert_int_equal(cell(0, 5), 0x0700 | 'f');
    assert_int_equal(cell(0, 6), 0x6f00 | 'g');
    assert_int_equal(cell(0, 7), 0x0700 | 'h');
    assert_int_equal(cell(0, 8), 0x0c00 | 'i');
    assert_int_equal(cell(0, 9), 0x0c00 | 'j');
    assert_int_equal(cell(0, 10), 0x1200 | 'k');
}

static void sequences_nobody_knows_are_not_seen(void **state)
{
    (void)state;
    put("a\x1b(Bb\x1b[>0cc\x1b]0;title\007d\x1b[?2004he\x1b[5 qf\x1b[=3hg\x1bPx"
        "\x1b\\h\x1b[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18mi");
    assert_string_equal(row(0), "abcdefghi");
    assert_int_equal(cell(0, 8), 0x0700 | 'i');
}

static void a_control_inside_a_sequence_is_obeyed(void **state)
{
    (void)state;
    put("ab\x1b[\rX\x1b[3\x1b[2GY");
    /* The first one goes on behind it, and erases; ESC ends the second one. */
    assert_string_equal(row(0), " Y");
}

/* Then whoever writes the next one is seen whole. */
static void a_line_ends_what_has_begun(void **state)
{
    (void)state;
    put("a\x1b[\n(hv) b\n\x1b\n(hv) c\x1b]0;t\n(hv) d");
    rows_are("(hv) b", "", "(hv) c", "(hv) d");
    put("\n(hv) e\x1b(\n[f");
    rows_are("(hv) c", "(hv) d", "(hv) e", "[f");
    put("\x1b[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17\n(hv) g");
    assert_string_equal(row(3), "(hv) g");
}

static void western_letters_are_seen_and_others_stood_in_for(void **state)
{
    (void)state;
    put("\xc3\xa4\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80 \xff \xc3(\xe2\x82x");
    assert_string_equal(row(0), "\xe4\xdf ? ? ? (x");
}

static void the_cursor_is_inverse_and_can_be_hidden(void **state)
{
    (void)state;
    put("ab\b");
    assert_int_equal(cell(0, 1), 0x0700 | 'b');
    put("\x1b[?25h");
    assert_int_equal(cell(0, 1), 0x7000 | 'b');
    put("\x1b[20GX");
    assert_int_equal(cell(0, 19), 0x7000 | 'X');
}

static void a_place_is_kept(void **state)
{
    (void)state;
    put("\x1b[2;5H\x1b[s\x1b[HX\x1b[uY\x1b"
        "7\x1b[4HZ\x1b"
        "8!\x1b"
        "cnew");
    rows_are("new", "", "", "");
    put("\x1b[2;2H\x1b"
        "7\x1b[H\x1b"
        "8!");
    assert_string_equal(row(1), " !");
}

/* --- what has scrolled away ----------------------------------------------- */

static void number_lines(unsigned from, unsigned to)
{
    char text[16];

    for (unsigned i = from; i < to; i++) {
        snprintf(text, sizeof(text), "%u\n", i);
        put(text);
    }
}

static void lines_that_are_gone_can_be_looked_at(void **state)
{
    (void)state;
    number_lines(0, 100);
    rows_are("97", "98", "99", "");
    terminal_look_back(&t, 2);
    rows_are("95", "96", "97", "98");
    terminal_look_back(&t, -1);
    rows_are("96", "97", "98", "99");
    terminal_look_back(&t, -5);
    rows_are("97", "98", "99", "");
    terminal_look_back(&t, 1000);
    rows_are("0", "1", "2", "3");
    terminal_look_here(&t);
    rows_are("97", "98", "99", "");
}

static void who_looks_back_is_not_moved_by_new_lines(void **state)
{
    (void)state;
    number_lines(0, 100);
    terminal_look_back(&t, 50);
    assert_string_equal(row(0), "47");
    number_lines(100, 200);
    assert_string_equal(row(0), "47");
    number_lines(200, 2 * t.lines);
    assert_int_equal(t.back, t.top - t.oldest);
    terminal_look_here(&t);
    terminal_look_back(&t, 1);
    assert_int_equal(atoi(row(0)), (int)(2 * t.lines - ROWS));
}

/* As many as there is room for, and each is what was written. */
static void the_oldest_lines_are_lost_one_by_one(void **state)
{
    const unsigned n = 3 * TERMINAL_CELLS / COLS + 7;

    (void)state;
    assert_int_equal(t.lines, TERMINAL_CELLS / COLS);
    number_lines(0, n);
    terminal_look_back(&t, INT32_MAX);
    assert_int_equal(t.back, t.lines - ROWS);
    for (unsigned i = 0; t.back; i++, terminal_look_back(&t, -1))
        assert_int_equal(atoi(row(0)), (int)(n + 1 - t.lines + i));
}

/* Whoever writes pays by it; what only puts a character costs nothing. */
static void what_is_erased_or_moved_is_counted(void **state)
{
    static const struct {
        const char *text;
        unsigned cells;
    } costs[] = {{"abc\x1b[31m\r\b", 0},
                 {"\x1b"
                  "c",
                  ROWS * COLS},
                 {"\x1b[2J", ROWS * COLS},
                 {"\x1b[2;11H\x1b[J", 50},
                 {"\x1b[1J", 31},
                 {"\x1b[K", 10},
                 {"\x1b[4P", 10},
                 {"\x1b[99@", 10},
                 {"\x1b[3X", 3},
                 {"\x1b[20G\x1b[9X", 1},
                 {"\n\n\n\n", 2 * COLS}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(costs); i++) {
        const uint64_t was = t.work;

        put(costs[i].text);
        assert_int_equal(t.work - was, costs[i].cells);
    }
}

/* --- anything at all ------------------------------------------------------ */

static void check(void)
{
    assert_true(t.row < t.rows);
    assert_true(t.col <= t.cols);
    assert_true(t.escape.n <= ESCAPE_PARAMS);
    assert_true(t.back <= t.top - t.oldest);
    assert_true(t.top + t.rows - t.oldest <= t.lines);
}

static void nothing_written_leads_out_of_it(void **state)
{
    static const char likely[] =
        "\x1b\x1b\x1b[[[;;?0123456789ABCDEFGHJKPX@dfmsu"
        "hl78c\n\r\b\txy\xc3\xa4\xe2";
    static const struct {
        unsigned cols, rows;
    } sizes[] = {{1, 1}, {2, 3}, {80, 24}, {240, 100}, {1000, 1000}, {0, 0}};

    (void)state;
    srand(14);
    for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++) {
        terminal_init(&t, sizes[s].cols, sizes[s].rows);
        for (unsigned i = 0; i < 100000; i++) {
            const uint64_t done = t.work;
            const int r = rand();

            (r & 2 ? terminal_put : terminal_put_prose)(
                &t,
                r & 1 ? (uint8_t)(r >> 8)
                      : (uint8_t)
                            likely[(unsigned)(r >> 8) % (sizeof(likely) - 1)]);
            assert_true(t.work - done <= (uint64_t)t.cols * t.rows);
            if (r % 97 == 0)
                terminal_look_back(&t, (r >> 8) % 2000 - 1000);
            check();
            (void)row(t.row);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(text_goes_on_in_the_next_row, start),
        cmocka_unit_test_setup(a_full_row_ends_once, start),
        cmocka_unit_test_setup(prose_is_broken_between_words, start),
        cmocka_unit_test_setup(a_word_of_half_a_row_is_not_moved, start),
        cmocka_unit_test_setup(only_straight_prose_is_broken, start),
        cmocka_unit_test_setup(a_word_that_moves_is_whole, start),
        cmocka_unit_test_setup(the_cursor_goes_where_it_is_sent, start),
        cmocka_unit_test_setup(what_is_erased_is_blank, start),
        cmocka_unit_test_setup(characters_are_taken_out_and_put_in, start),
        cmocka_unit_test_setup(colours_are_as_vga_has_them, start),
        cmocka_unit_test_setup(sequences_nobody_knows_are_not_seen, start),
        cmocka_unit_test_setup(a_control_inside_a_sequence_is_obeyed, start),
        cmocka_unit_test_setup(a_line_ends_what_has_begun, start),
        cmocka_unit_test_setup(western_letters_are_seen_and_others_stood_in_for,
                               start),
        cmocka_unit_test_setup(the_cursor_is_inverse_and_can_be_hidden, start),
        cmocka_unit_test_setup(a_place_is_kept, start),
        cmocka_unit_test_setup(lines_that_are_gone_can_be_looked_at, start),
        cmocka_unit_test_setup(who_looks_back_is_not_moved_by_new_lines, start),
        cmocka_unit_test_setup(the_oldest_lines_are_lost_one_by_one, start),
        cmocka_unit_test_setup(what_is_erased_or_moved_is_counted, start),
        cmocka_unit_test_setup(nothing_written_leads_out_of_it, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
