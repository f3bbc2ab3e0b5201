/* SPDX-License-Identifier: MIT */
/* Who may write into which line, with the devices replaced by a string. */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/clock.h"
#include "hv/cmdline.h"
#include "hv/console.h"
#include "hv/screen.h"
#include "hv/serial.h"

static char out[4096];
static size_t at;
static uint64_t now = 1;

bool serial_init(enum serial port)
{
    assert_int_equal(port, SERIAL_COM1);
    return true;
}

void serial_put(enum serial port, char c)
{
    assert_int_equal(port, SERIAL_COM1);
    assert_true(at + 1 < sizeof(out));
    if (c == '\n') {
        assert_true(at && out[at - 1] == '\r'); /* as terminals want it */
        at--;
    }
    out[at++] = c;
    out[at] = '\0';
}

int serial_get(enum serial port)
{
    (void)port;
    return -1;
}

void serial_listen(enum serial port, bool on)
{
    (void)port;
    (void)on;
}

void screen_init(const struct bootinfo_framebuffer *fb)
{
    (void)fb;
}

void screen_remap(void)
{
}

void screen_put(char c)
{
    (void)c;
}

void screen_refresh(void)
{
}

uint64_t clock_now_ns(void)
{
    return now;
}

static void guest(domid_t id, const char *name, const char *text)
{
    console_guest_write(id, name, text, strlen(text));
}

static int start(void **state)
{
    (void)state;
    console_guest_end(1);
    console_guest_end(2);
    console_several_guests(true);
    console_flush();
    at = 0;
    out[0] = '\0';
    return 0;
}

static void one_guest_passes_as_it_is(void **state)
{
    (void)state;
    console_several_guests(false);
    guest(1, "one", "a\x1b[1mb\nc");
    assert_string_equal(out, "a\x1b[1mb\nc");
}

static void the_hypervisor_begins_its_own_line(void **state)
{
    (void)state;
    console_several_guests(false);
    guest(1, "one", "half");
    console_say("x %d", 1);
    guest(1, "one", "rest\n");
    assert_string_equal(out, "half\n(hv) x 1\nrest\n");
}

static void lines_of_two_guests_never_mix(void **state)
{
    (void)state;
    guest(1, "one", "he");
    guest(2, "two", "wor");
    guest(1, "one", "llo\nnext");
    guest(2, "two", "ld\n");
    guest(1, "one", "\n");
    assert_string_equal(out, "one| hello\ntwo| world\none| next\n");
}

static void a_line_that_waits_too_long_is_shown(void **state)
{
    (void)state;
    guest(1, "one", "prompt> ");
    console_poll();
    assert_string_equal(out, "");
    now += 1000000000;
    console_poll();
    assert_string_equal(out, "one| prompt> ");
    guest(2, "two", "x\n");
    guest(1, "one", "y\n");
    assert_string_equal(out, "one| prompt> \ntwo| x\none| y\n");
}

static void a_shown_beginning_is_continued_in_its_line(void **state)
{
    (void)state;
    guest(1, "one", "a");
    now += 1000000000;
    console_poll();
    guest(1, "one", "b\n");
    assert_string_equal(out, "one| ab\n");
}

static void a_guest_cannot_write_over_its_name(void **state)
{
    (void)state;
    guest(1, "one", "x\r(hv) power off\b\x1b[2Jy\tz\n");
    assert_string_equal(out, "one| x(hv) power off[2Jy\tz\n");
}

static void long_and_empty_lines_keep_their_name(void **state)
{
    char text[600];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    guest(1, "one", text);
    guest(2, "two", "\n");
    assert_int_equal(strncmp(out, "one| xxx", 8), 0);
    assert_non_null(strstr(out, "x\ntwo|\n"));
}

static void a_guest_that_ends_leaves_no_half_line(void **state)
{
    (void)state;
    guest(1, "one", "bye");
    console_guest_end(1);
    console_json("{\"a\":%d}", 1);
    assert_string_equal(out, "one| bye\n@{\"a\":1}\n");
}

static void the_control_guest_moves_about_as_it_likes(void **state)
{
    (void)state;
    console_raw_guest(3);
    guest(3, "shell", "\rprompt> \x1b[K");
    guest(1, "one", "x\n");
    guest(3, "shell", "\rprompt> l\x1b[K");
    console_raw_guest(9);
    assert_string_equal(out, "\rprompt> \x1b[K\none| x\n\rprompt> l\x1b[K");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_guest_passes_as_it_is, start),
        cmocka_unit_test_setup(the_hypervisor_begins_its_own_line, start),
        cmocka_unit_test_setup(lines_of_two_guests_never_mix, start),
        cmocka_unit_test_setup(a_line_that_waits_too_long_is_shown, start),
        cmocka_unit_test_setup(a_shown_beginning_is_continued_in_its_line,
                               start),
        cmocka_unit_test_setup(a_guest_cannot_write_over_its_name, start),
        cmocka_unit_test_setup(long_and_empty_lines_keep_their_name, start),
        cmocka_unit_test_setup(a_guest_that_ends_leaves_no_half_line, start),
        cmocka_unit_test_setup(the_control_guest_moves_about_as_it_likes,
                               start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
