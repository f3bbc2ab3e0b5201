/* SPDX-License-Identifier: MIT */
/* Who may write into which line, with the devices replaced by a string. */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/base/print.h"
#include "hv/dev/clock.h"
#include "hv/dev/serial.h"
#include "hv/domain/domain.h"
#include "hv/svc/console/console.h"
#include "hv/svc/console/console_line.h"
#include "tests/hv/fake_console.h"

static char out[1 << 20];
static size_t at;
static uint64_t now = 1;

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

size_t serial_send(enum serial port, const void *data, size_t n)
{
    (void)port;
    (void)data;
    (void)n;
    fail_msg("nobody has started the queue");
    return 0;
}

uint64_t clock_now_ns(void)
{
    return now;
}

static struct domain domains[100];

/* Domains 0 to n - 1, called d0, d1, ... */
static void domains_are(unsigned n)
{
    memset(domains, 0, sizeof(domains));
    for (unsigned i = 0; i < n; i++) {
        domains[i].id = (domid_t)(i + 1);
        print_format(domains[i].name, sizeof(domains[i].name), "d%u", i);
        domains[i].next = i + 1 < n ? &domains[i + 1] : NULL;
    }
    domain_list = domains;
}

/* In as many turns as it takes. */
static void write_all(struct domain *d, const char *text, size_t len)
{
    while (len) {
        size_t n = console_guest_write(d, text, len);

        assert_in_range(n, 1, len);
        text += n;
        len -= n;
    }
}

static void guest(unsigned i, const char *text)
{
    write_all(&domains[i], text, strlen(text));
}

static int start(void **state)
{
    (void)state;
    console_init();
    console_guest_end(&domains[0]);
    console_guest_end(&domains[1]);
    console_guest_end(&domains[2]);
    domains_are(3);
    log_flush();
    at = 0;
    out[0] = '\0';
    return 0;
}

static void one_guest_is_named_and_seen_at_once(void **state)
{
    (void)state;
    domains_are(1);
    guest(0, "a\x1b[1mb\nc> ");
    assert_string_equal(out, "d0| a[1mb\nd0| c> ");
    guest(0, "d\n");
    assert_string_equal(out, "d0| a[1mb\nd0| c> d\n");
}

static void the_hypervisor_begins_its_own_line(void **state)
{
    (void)state;
    domains_are(1);
    guest(0, "half");
    log_say("x %d", 1);
    guest(0, "rest\n");
    assert_string_equal(out, "d0| half\n(hv) x 1\nd0| rest\n");
}

static void lines_of_two_guests_never_mix(void **state)
{
    (void)state;
    guest(0, "he");
    guest(1, "wor");
    guest(0, "llo\nnext");
    guest(1, "ld\n");
    guest(0, "\n");
    assert_string_equal(out, "d0| hello\nd1| world\nd0| next\n");
}

static void a_line_that_waits_too_long_is_shown(void **state)
{
    (void)state;
    guest(0, "prompt> ");
    console_poll();
    assert_string_equal(out, "");
    now += 1000000000;
    console_poll();
    assert_string_equal(out, "d0| prompt> ");
    guest(1, "x\n");
    guest(0, "y\n");
    assert_string_equal(out, "d0| prompt> \nd1| x\nd0| y\n");
}

/* What is there already and waits for its turn is no half line. */
static void a_line_whose_rest_is_there_is_not_torn(void **state)
{
    (void)state;
    guest(0, "begin");
    domains[0].out.more = true;
    now += 1000000000;
    console_poll();
    assert_string_equal(out, "");
    domains[0].out.more = false;
    guest(0, "ning\n");
    assert_string_equal(out, "d0| beginning\n");
}

static void a_shown_beginning_is_continued_in_its_line(void **state)
{
    (void)state;
    guest(0, "a");
    now += 1000000000;
    console_poll();
    guest(0, "b\n");
    assert_string_equal(out, "d0| ab\n");
}

static void a_guest_cannot_write_over_its_name(void **state)
{
    (void)state;
    guest(0, "x\r(hv) power off\b\x1b[2Jy\tz\n");
    assert_string_equal(out, "d0| x(hv) power off[2Jy\tz\n");
}

static void long_and_empty_lines_keep_their_name(void **state)
{
    char text[600];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    guest(0, text);
    guest(1, "\n");
    assert_int_equal(strncmp(out, "d0| xxx", 7), 0);
    assert_non_null(strstr(out, "x\nd1|\n"));
}

static void a_guest_that_ends_leaves_no_half_line(void **state)
{
    (void)state;
    guest(0, "bye");
    console_guest_end(&domains[0]);
    log_json("{\"a\":%d}", 1);
    assert_string_equal(out, "d0| bye\n@{\"a\":1}\n");
}

static void one_with_the_terminal_moves_about_as_it_likes(void **state)
{
    (void)state;
    domains[2].out.terminal = true;
    guest(2, "\rprompt> \x1b[K");
    guest(0, "x\n");
    guest(2, "\rprompt> l\x1b[K");
    assert_string_equal(out, "\rprompt> \x1b[K\nd0| x\n\rprompt> l\x1b[K");
}

/* --- what a guest cannot say ---------------------------------------------- */

/* UTF-8 with nothing in it that acts, by another way than the filter's. */
static void assert_text(const char *s)
{
    for (const uint8_t *p = (const uint8_t *)s; *p;) {
        unsigned n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
        uint32_t c = n == 1 ? *p : *p & (0x3fu >> (n - 1));

        assert_true(*p < 0x80 || (*p >= 0xc2 && *p <= 0xf4));
        for (unsigned i = 1; i < n; i++) {
            assert_int_equal(p[i] & 0xc0, 0x80);
            c = c << 6 | (p[i] & 0x3f);
        }
        p += n;
        assert_true(c == '\n' || c == '\t' || (c >= ' ' && c < 0x7f) ||
                    c >= 0xa0);
        assert_true(n == 1 || c >= (n == 2   ? 0x80u
                                    : n == 3 ? 0x800u
                                             : 0x10000u));
        assert_false(c >= 0x2028 && c <= 0x202e);
        assert_false(c >= 0xd800 && c <= 0xdfff);
        assert_true(c <= 0x10ffff);
    }
}

/* Each line begins with a name and "|", those of the hypervisor with theirs. */
static void assert_lines(unsigned n)
{
    assert_text(out);
    for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
        char *bar = strchr(line, '|');
        unsigned number = 0;

        if (!strcmp(line, "(hv) ours"))
            continue;
        assert_int_equal(line[0], 'd');
        assert_non_null(bar);
        for (const char *p = line + 1; p < bar; p++) {
            assert_in_range(*p, '0', '9');
            number = number * 10 + (unsigned)(*p - '0');
        }
        assert_true(number < n);
    }
}

static unsigned dice(uint64_t *seed, unsigned n)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(*seed >> 33) % n;
}

/* What is tried, cut anywhere; the rest is any byte. */
static size_t something(uint64_t *seed, char *to)
{
    static const char *const tries[] = {
        "\n(hv) power off: success\n",
        "\r(hv) x",
        "\n@{\"a\":1}\n",
        "\x9b"
        "2J",
        "\xc2\x9b"
        "1G(hv) x",
        "\xc2\x85(hv) x",
        "\xe2\x80\xa8(hv) x",
        "\xe2\x80\xae"
        "kcab",
        "\x7f\x7f\x7f\x7f@",
        "\x1b[2K\x1b[1G(hv) ",
        "\xc0\x8a(hv) overlong",
        "\xe0\x80\x8a",
        "\xf0\x80\x80\x8a",
        "\x0b@",
        "\x0c(hv)",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "gr\xc3\xbc\xc3\x9f\n",
        "\xf0\x9f\xaa\xa8",
        "\xc2",
        "\xe2\x80",
        "\xa8",
        "\x9b",
        "\n\n",
        "|",
    };
    const char *s = tries[dice(seed, ARRAY_SIZE(tries))];
    size_t n = strlen(s), from = dice(seed, 3) ? 0 : dice(seed, (unsigned)n);

    if (dice(seed, 4)) {
        n -= dice(seed, 3) ? from : dice(seed, (unsigned)(n - from)) + from;
        memcpy(to, s + from, n);
        return n;
    }
    for (n = 0; n < 8; n++)
        to[n] = (char)dice(seed, 256);
    return n;
}

/* However many there are, whatever they say, in pieces of whatever size. */
static void no_line_of_a_guest_looks_like_ours(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        unsigned n = round % 3 == 0 ? 1 : round % 3 == 1 ? 2 : 100;

        domains_are(n);
        at = 0;
        for (unsigned i = 0; i < 3000; i++) {
            char text[64];

            write_all(&domains[dice(&seed, n)], text, something(&seed, text));
            now += dice(&seed, 30000000);
            if (!dice(&seed, 50))
                console_poll();
            if (!dice(&seed, 50))
                log_say("ours");
        }
        log_flush();
        assert_lines(n);
        for (unsigned i = 0; i < n; i++)
            console_guest_end(&domains[i]);
    }
}

static void all_of_utf8_that_is_text_passes(void **state)
{
    static const char text[] = "d0| na\xc3\xafve \xe2\x80\xa6 \xe9\x9b\x9b "
                               "\xf0\x9f\xaa\xa8 \xc2\xa0~\n";

    (void)state;
    for (const char *p = text + 4; *p; p++)
        write_all(&domains[0], p, 1);
    assert_string_equal(out, text);
}

static void each_byte_alone(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 256; c++) {
        char text[] = {'a', (char)c, 'b', '\n', '\0'};
        bool shown = (c >= ' ' && c < 0x7f) || c == '\t' || c == '\n';

        at = 0;
        guest(0, text);
        assert_string_equal(strchr(out, 'a'), shown && c != '\n' ? text
                                              : shown            ? "a\nd0| b\n"
                                                                 : "ab\n");
    }
}

/* A kernel's name, an argument, a path: whatever strings are in the line. */
static void our_lines_are_lines_whatever_is_in_them(void **state)
{
    (void)state;
    log_say("kernel %s", "a\n(hv) power off\x1b[2J\xc2\x9b\x7f\r@");
    log_json("{\"x\":\"%s\"}", "\n@{}");
    assert_string_equal(out, "(hv) kernel a?(hv) power off?[2J????@\n"
                             "@{\"x\":\"?@{}\"}\n");
}

/* --- what is for people, and what for scripts ------------------------------
 */

/* The same with a framebuffer beside COM1. */
static int start_with_screen(void **state)
{
    static const struct bootinfo bi = {.fb = {.screen = BOOTINFO_SCREEN_RGB}};

    start(state);
    log_say("-"); /* whatever was open is ended */
    console_init_screen(&bi);
    options.screen = SCREEN_WORDS;
    at = 0;
    return 0;
}

static int stop_with_screen(void **state)
{
    static const struct bootinfo bi = {0};
    const unsigned all = options.console;

    (void)state;
    options.console = CONSOLE_COM1;
    console_init_screen(&bi);
    options.console = all;
    options.screen = SCREEN_WORDS;
    return 0;
}

#define WITH_SCREEN(test)                                                      \
    cmocka_unit_test_setup_teardown(test, start_with_screen, stop_with_screen)

/* Who may count columns by himself is not broken between words. */
static void what_is_text_or_the_shells_is_prose(void **state)
{
    unsigned n;

    (void)state;
    fake_prose = 0;
    log_say("one");
    guest(0, "two\n");
    assert_string_equal(fake_screen, "(hv) one\nd0| two\n");
    n = fake_prose;
    assert_in_range(n, strlen("(hv) oned0| two"), strlen(fake_screen));
    domains[2].out.terminal = true;
    guest(2, "by itself\n");
    assert_int_equal(fake_prose, n);
    domains[2].control = true;
    guest(2, "the shell\n");
    assert_int_equal(fake_prose, n + strlen("the shell\n"));
    domains[2].control = false;
    guest(2, "none\n");
    assert_int_equal(fake_prose, n + strlen("the shell\n"));
}

static void figures_are_not_on_the_screen(void **state)
{
    (void)state;
    log_say("one");
    log_json("{\"a\":1}");
    guest(0, "two\n@{\"b\":2}\n@ home\n@\n\n{@{\n");
    assert_string_equal(fake_screen, "(hv) one\nd0| two\nd0| @ home\nd0| @\n"
                                     "d0|\nd0| {@{\n");
    assert_string_equal(out, "(hv) one\n@{\"a\":1}\nd0| two\n"
                             "d0| @{\"b\":2}\nd0| @ home\nd0| @\nd0|\n"
                             "d0| {@{\n");
}

static void figures_are_there_if_asked_for(void **state)
{
    (void)state;
    options.screen = SCREEN_JSON;
    domains[1].out.terminal = true;
    log_json("{\"a\":1}");
    guest(0, "@{\"b\":2}\n");
    guest(1, "@{\"c\":3}\n");
    assert_string_equal(fake_screen, out);
    assert_string_equal(out, "@{\"a\":1}\nd0| @{\"b\":2}\n@{\"c\":3}\n");
}

/* Each byte may be late, and others may write in between. */
static void figures_in_pieces_are_figures(void **state)
{
    const char *text = "@{\"b\":2}\nword\n";

    (void)state;
    for (; *text; text++) {
        write_all(&domains[0], text, 1);
        now += 1000000000;
        console_poll();
        guest(1, "x\n");
    }
    assert_null(strstr(fake_screen, "{"));
    assert_null(strstr(fake_screen, "\"b\""));
    assert_non_null(strstr(fake_screen, "d0| w\n"));
    assert_null(strstr(fake_screen, "\n\n")); /* no line that ends nothing */
    assert_non_null(strstr(out, "d0| @{\n"));
}

/* A line of figures longer than what is held. */
static void long_figures_are_figures_to_their_end(void **state)
{
    char text[2 * CONSOLE_LINE + 8];

    (void)state;
    memset(text, '1', sizeof(text));
    memcpy(text, "@{", 2);
    memcpy(text + sizeof(text) - 3, "}\n", 3);
    guest(0, text);
    guest(0, "end\n");
    assert_string_equal(fake_screen, "d0| end\n");
}

static void who_has_the_terminal_has_figures_too(void **state)
{
    const char *text = "\r> \x1b[Kx\n@{\"c\":3}\r\n@me\n@\n\r@{}\nend";

    (void)state;
    domains[2].out.terminal = true;
    for (const char *p = text; *p; p++)
        write_all(&domains[2], p, 1);
    assert_string_equal(fake_screen, "\r> \x1b[Kx\n@me\n@\n\rend");
}

/* Whoever else writes goes on where figures would stand. */
static void words_after_half_a_line_of_figures_are_whole(void **state)
{
    (void)state;
    domains[2].out.terminal = true;
    guest(2, "@{\"c\":");
    log_say("x");
    guest(2, "3}\n");
    guest(2, "@");
    log_say("y");
    guest(2, "me\n");
    assert_string_equal(fake_screen, "(hv) x\n(hv) y\n@me\n");
}

/* At the end nothing is kept back. */
static void a_lone_at_is_seen_in_the_end(void **state)
{
    (void)state;
    guest(0, "@");
    assert_string_equal(fake_screen, "");
    console_guest_end(&domains[0]);
    assert_string_equal(fake_screen, "d0| @\n");
}

/* The last of it, from wherever one was; measurements are not in it. */
static void what_was_said_can_be_read_again(void **state)
{
    static char text[2 * LOG_KEPT];
    uint64_t from = 0, end, first;
    size_t n;

    (void)state;
    end = 0;
    while ((n = log_read(&end, text, sizeof(text))))
        end += n;
    first = end;
    log_say("one");
    log_json("{}");
    log_say("two");
    n = log_read(&end, text, sizeof(text));
    assert_int_equal(n, 18);
    assert_memory_equal(text, "(hv) one\n(hv) two\n", n);
    end = first + 9;
    assert_int_equal(log_read(&end, text, 4), 4);
    assert_memory_equal(text, "(hv)", 4);
    for (unsigned i = 0; i < 4096; i++)
        log_say("%05u", i);
    assert_int_equal(log_read(&from, text, sizeof(text)), LOG_KEPT);
    assert_int_equal(from, first + 18 + 4096 * 11 - LOG_KEPT);
    assert_memory_equal(text + LOG_KEPT - 11, "(hv) 04095\n", 11);
    end = ~UINT64_C(0);
    assert_int_equal(log_read(&end, text, sizeof(text)), 0);
    assert_int_equal(end, from + LOG_KEPT);
}

/* Then its line is broken like that of a `terminal`, which is counted. */
static void one_that_is_attached_to_is_shown_as_it_is(void **state)
{
    const uint64_t broken = console_lines_broken();
    const uint64_t others = console_shown_by_others();

    (void)state;
    domains_are(2);
    domains[0].control = domains[0].out.terminal = true;
    guest(1, "as text\x1b[1m\n");
    assert_int_equal(console_lines_broken(), broken);
    console_attach(&domains[1], true);
    guest(1, "\x1b[1mas it is");
    guest(0, "prompt> ");
    assert_int_equal(console_lines_broken(), broken + 1);
    log_say("x");
    assert_int_equal(console_lines_broken(), broken + 2);
    console_attach(&domains[1], false);
    guest(1, "text\x1b[1m\n");
    assert_int_equal(console_lines_broken(), broken + 2);
    assert_string_equal(
        out, "d1| as text[1m\n\x1b[1mas it is\x1b[0m\x1b[?25h\nprompt> \n"
             "(hv) x\nd1| text[1m\n");
    /* As COM1 had it, with '\\r', but for the prompt and what ends before it.
     */
    assert_int_equal(console_shown_by_others() - others, at + 5 - 8 - 2 - 10);
}

#define PLAIN "\x1b[0m\x1b[?25h"

/* Black on black, or inside a sequence: what we say is to be seen. */
static void one_that_is_attached_to_leaves_the_terminal_plain(void **state)
{
    (void)state;
    domains[1].control = domains[1].out.terminal = true;
    console_attach(&domains[0], true);
    guest(0, "\x1b[30;40ma\nb\n");
    guest(0, "c\n");
    log_say("x");
    guest(0, "\x1b[?25l\x1b[");
    log_say("y");
    log_say("z");
    guest(0, "d\n\x1b[7m\n");
    guest(1, "\x1b[1mprompt> ");
    guest(1, "ls\n");
    log_say("not of one that is believed");
    guest(0, "\x9b"
             "7m\n");
    guest(2, "e\n");
    assert_string_equal(out, "\x1b[30;40ma\nb\nc\n" PLAIN "\n(hv) x\n"
                             "\x1b[?25l\x1b[" PLAIN "\n(hv) y\n(hv) z\n"
                             "d\n\x1b[7m\n" PLAIN "\n"
                             "\x1b[1mprompt> ls\n"
                             "(hv) not of one that is believed\n"
                             "\x9b"
                             "7m\n" PLAIN "\nd2| e\n");
}

/* The same on the screen, where no line is empty for that. */
static void it_leaves_the_screen_plain(void **state)
{
    (void)state;
    console_attach(&domains[0], true);
    guest(0, "\x1b[30;40ma\n");
    log_say("x");
    guest(0, "\x1b[30;40mb");
    log_say("y");
    assert_string_equal(fake_screen, "\x1b[30;40ma\n" PLAIN "(hv) x\n"
                                     "\x1b[30;40mb" PLAIN "\n(hv) y\n");
}

static void it_does_at_its_end_and_when_it_is_left(void **state)
{
    (void)state;
    console_attach(&domains[0], true);
    guest(0, "\x1b[7m\n");
    console_attach(&domains[0], false);
    assert_string_equal(out, "\x1b[7m\n" PLAIN "\n");
    console_attach(&domains[1], true);
    guest(1, "\x1b[7m\n");
    console_guest_end(&domains[1]);
    assert_string_equal(out, "\x1b[7m\n" PLAIN "\n\x1b[7m\n" PLAIN "\n");
}

/* Two bytes that erase a large screen are as much as many others. */
static void one_turn_erases_a_screen_once(void **state)
{
    static const char erase[] = "a\x1b"
                                "c\x1b"
                                "c\x1b"
                                "c";

    (void)state;
    console_attach(&domains[0], true);
    assert_int_equal(console_guest_write(&domains[0], erase, 7), 3);
    assert_int_equal(console_guest_write(&domains[0], erase + 3, 4), 2);
    assert_string_equal(fake_screen, "a\x1b"
                                     "c\x1b"
                                     "c");
}

/* The screen of the test has 40 columns. */
static void our_long_lines_are_broken_between_words(void **state)
{
    (void)state;
    log_say("a line of words that is by far longer than the screen is wide");
    log_say("%s", "0123456789012345678901234567890123456789 x  y");
    log_say("to the last column it is 35 letters");
    assert_string_equal(fake_screen,
                        "(hv) a line of words that is by far \n"
                        "     longer than the screen is wide\n"
                        "(hv) 0123456789012345678901234567890123456789 \n"
                        "     x  y\n"
                        "(hv) to the last column it is 35 letters\n");
    assert_non_null(strstr(out, "by far longer"));
}

/*
 * Nothing waits for a port that may never come; to one that is found later the
 * log is said again (hv/dev/uart.c).
 */
static void what_no_port_takes_does_not_wait_for_one(void **state)
{
    (void)state;
    fake_no_port = true;
    log_say("early");
    assert_string_equal(out, "");
    console_start();
    log_say("late");
    fake_no_port = false;
    log_say("found");
    line_flush();
    assert_string_equal(out, "(hv) found\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_guest_is_named_and_seen_at_once, start),
        cmocka_unit_test_setup(the_hypervisor_begins_its_own_line, start),
        cmocka_unit_test_setup(lines_of_two_guests_never_mix, start),
        cmocka_unit_test_setup(a_line_that_waits_too_long_is_shown, start),
        cmocka_unit_test_setup(a_line_whose_rest_is_there_is_not_torn, start),
        cmocka_unit_test_setup(a_shown_beginning_is_continued_in_its_line,
                               start),
        cmocka_unit_test_setup(a_guest_cannot_write_over_its_name, start),
        cmocka_unit_test_setup(long_and_empty_lines_keep_their_name, start),
        cmocka_unit_test_setup(a_guest_that_ends_leaves_no_half_line, start),
        cmocka_unit_test_setup(one_with_the_terminal_moves_about_as_it_likes,
                               start),
        cmocka_unit_test_setup(no_line_of_a_guest_looks_like_ours, start),
        cmocka_unit_test_setup(all_of_utf8_that_is_text_passes, start),
        cmocka_unit_test_setup(each_byte_alone, start),
        cmocka_unit_test_setup(our_lines_are_lines_whatever_is_in_them, start),
        WITH_SCREEN(what_is_text_or_the_shells_is_prose),
        WITH_SCREEN(figures_are_not_on_the_screen),
        WITH_SCREEN(figures_are_there_if_asked_for),
        WITH_SCREEN(figures_in_pieces_are_figures),
        WITH_SCREEN(long_figures_are_figures_to_their_end),
        WITH_SCREEN(who_has_the_terminal_has_figures_too),
        WITH_SCREEN(words_after_half_a_line_of_figures_are_whole),
        WITH_SCREEN(a_lone_at_is_seen_in_the_end),
        cmocka_unit_test_setup(what_was_said_can_be_read_again, start),
        cmocka_unit_test_setup(one_that_is_attached_to_is_shown_as_it_is,
                               start),
        cmocka_unit_test_setup(
            one_that_is_attached_to_leaves_the_terminal_plain, start),
        WITH_SCREEN(it_leaves_the_screen_plain),
        WITH_SCREEN(one_turn_erases_a_screen_once),
        cmocka_unit_test_setup(it_does_at_its_end_and_when_it_is_left, start),
        WITH_SCREEN(our_long_lines_are_broken_between_words),
        cmocka_unit_test_setup(what_no_port_takes_does_not_wait_for_one,
                               start), /* the last: nothing ends a start */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
