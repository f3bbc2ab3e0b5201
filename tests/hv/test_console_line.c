/* SPDX-License-Identifier: MIT */
/*
 * The queue to the serial line, with a UART that has as much room as the test
 * says: order, bounds, whose time it is, and a line that takes nothing.
 */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/dev/clock.h"
#include "hv/dev/serial.h"
#include "hv/sched/sched.h"
#include "hv/svc/console/console_line.h"

static char out[1 << 16];
static size_t at;
static uint64_t now = 1000;
static size_t fifo; /* what the UART takes at once, now */
static bool wants_room, dead;
static struct domain one = {.id = 1}, two = {.id = 2};
static const struct domain *errand;
static unsigned waited, sent_for[3];

uint64_t clock_now_ns(void)
{
    return now;
}

struct domain *domain_find(domid_t id)
{
    return id == 1 ? &one : id == 2 ? &two : NULL;
}

struct domain *sched_errand_begin(struct domain *d)
{
    errand = d;
    return NULL;
}

void sched_errand_end(struct domain *outer)
{
    errand = outer;
}

static void take(char c)
{
    assert_true(at + 1 < sizeof(out));
    out[at++] = c;
    out[at] = '\0';
}

void serial_put(enum serial port, char c)
{
    assert_int_equal(port, SERIAL_COM1);
    waited++;
    if (!dead)
        take(c);
}

size_t serial_send(enum serial port, const void *data, size_t n)
{
    assert_int_equal(port, SERIAL_COM1);
    assert_true(n <= 16);
    n = n < fifo ? n : fifo;
    fifo -= n;
    for (size_t i = 0; i < n; i++)
        take(((const char *)data)[i]);
    if (n)
        sent_for[errand ? errand->id : 0]++;
    return n;
}

bool serial_sent(enum serial port)
{
    (void)port;
    return !dead;
}

void serial_want_room(enum serial port, bool on)
{
    (void)port;
    wants_room = on;
}

uint64_t serial_due(enum serial port)
{
    (void)port;
    return 42;
}

static void put(const char *s, struct domain *d)
{
    while (*s)
        line_put(*s++, d);
}

static int start(void **state)
{
    (void)state;
    dead = false;
    line_stop();
    at = 0;
    out[0] = '\0';
    fifo = 0;
    waited = 0;
    memset(sent_for, 0, sizeof(sent_for));
    line_start();
    return 0;
}

static void nothing_waits_before_the_start(void **state)
{
    (void)state;
    line_stop();
    put("boot", NULL);
    assert_string_equal(out, "boot");
}

static void the_fifo_takes_what_it_has_room_for(void **state)
{
    (void)state;
    put("0123456789abcdefghij", &one);
    assert_int_equal(waited, 0);
    assert_int_equal(line_due(), 42);
    fifo = 16;
    line_send();
    assert_string_equal(out, "0123456789abcdef");
    assert_true(wants_room);
    line_send(); /* not yet */
    assert_int_equal(at, 16);
    fifo = 16;
    line_send();
    assert_string_equal(out, "0123456789abcdefghij");
    assert_false(wants_room);
    assert_int_equal(line_due(), 0);
}

static void its_owner_pays(void **state)
{
    (void)state;
    put("1111111111111111", &one);
    put("2222222222222222", &two);
    put("hhhhhhhhhhhhhhhh", NULL);
    fifo = 1000;
    line_send();
    assert_int_equal(sent_for[0], 1);
    assert_int_equal(sent_for[1], 1);
    assert_int_equal(sent_for[2], 1);
}

/* Guests are stopped first; ours always find room, by waiting at worst. */
static void ours_find_room_where_guests_do_not(void **state)
{
    unsigned n = 0;

    (void)state;
    while (line_has_room(&one)) {
        line_put('g', &one);
        n++;
    }
    assert_in_range(n, 256, 1024);
    for (unsigned i = 0; i < 8192; i++)
        line_put('h', NULL);
    assert_int_equal(waited, 0);
    for (unsigned i = 0; i < 8192; i++)
        line_put('h', NULL);
    assert_true(waited > 0);
    line_flush();
    assert_int_equal(at, n + 16384);
    for (unsigned i = 0; i < at; i++)
        assert_int_equal(out[i], i < n ? 'g' : 'h');
}

static void turn(char c, struct domain *d)
{
    for (unsigned i = 0; i < LINE_TURN; i++)
        line_put(c, d);
}

/* Whoever floods the line, those who have nothing there have room. */
static void a_flood_leaves_room_to_the_others(void **state)
{
    static struct domain many[20];

    (void)state;
    memset(many, 0, sizeof(many));
    for (unsigned i = 0; i < ARRAY_SIZE(many); i++)
        while (line_has_room(&many[i]))
            turn('f', &many[i]);
    assert_true(line_has_room(&two));
    assert_true(line_has_room(NULL));
    turn('2', &two);
    assert_int_equal(waited, 0);
}

/* One is always asked first, one last: they get the same of the line. */
static void who_asks_first_gets_no_more(void **state)
{
    unsigned n1 = 0, n2 = 0;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        while (line_has_room(&one))
            turn('1', &one);
        if (line_has_room(&two))
            turn('2', &two);
        fifo = 16;
        line_send();
    }
    assert_int_equal(at, 3000 * 16);
    for (unsigned i = 0; i < at; i++) {
        n1 += out[i] == '1';
        n2 += out[i] == '2';
    }
    assert_in_range(n2, n1 - 2 * LINE_TURN, n1 + 2 * LINE_TURN);
    assert_int_equal(waited, 0);
}

static void a_panic_comes_behind_what_waits(void **state)
{
    (void)state;
    put("first ", &one);
    line_stop();
    put("panic", NULL);
    assert_string_equal(out, "first panic");
}

/* A second without any progress: nobody waits for that line any longer. */
static void a_dead_line_holds_nobody_up(void **state)
{
    (void)state;
    dead = true;
    while (line_has_room(&one))
        line_put('x', &one);
    now += 999000000;
    line_send();
    assert_false(line_has_room(&one));
    now += 2000000;
    line_send();
    assert_true(line_has_room(&one));
    for (unsigned i = 0; i < 100000; i++)
        line_put('y', &one);
    assert_true(line_has_room(&one));
    assert_int_equal(waited, 0);
    dead = false;
    line_send(); /* it has come back */
    put("z", &one);
    fifo = 16;
    line_send();
    assert_string_equal(out, "z");
}

/* A pause in what is to be said is no time without progress. */
static void silence_is_no_dead_line(void **state)
{
    (void)state;
    now += 5000000000;
    put("late", &one);
    line_send();
    fifo = 16;
    line_send();
    assert_string_equal(out, "late");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_waits_before_the_start, start),
        cmocka_unit_test_setup(the_fifo_takes_what_it_has_room_for, start),
        cmocka_unit_test_setup(its_owner_pays, start),
        cmocka_unit_test_setup(ours_find_room_where_guests_do_not, start),
        cmocka_unit_test_setup(a_flood_leaves_room_to_the_others, start),
        cmocka_unit_test_setup(who_asks_first_gets_no_more, start),
        cmocka_unit_test_setup(a_panic_comes_behind_what_waits, start),
        cmocka_unit_test_setup(a_dead_line_holds_nobody_up, start),
        cmocka_unit_test_setup(silence_is_no_dead_line, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
