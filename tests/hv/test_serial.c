/* SPDX-License-Identifier: MIT */
/* A 16550 whose line stops and goes on again: nobody waits for it twice. */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/arch/x86.h"
#include "hv/dev/clock.h"

static uint8_t scratch, line_status;
static unsigned looks, sent;
static char last;
static bool scratch_is_dead;

static uint8_t port_in(uint16_t port)
{
    if ((port & 7) == 7)
        return scratch_is_dead ? 0xff : scratch;
    if ((port & 7) == 5) {
        looks++;
        return line_status;
    }
    return 0;
}

static void port_out(uint16_t port, uint8_t v)
{
    if ((port & 7) == 7)
        scratch = v;
    if ((port & 7) == 0) {
        sent++;
        last = (char)v;
    }
}

#define x86_in8     port_in
#define x86_out8    port_out
#define x86_pause() ((void)0)
#include "hv/dev/serial.c"

static uint64_t now = 1000;

uint64_t clock_now_ns(void)
{
    return now;
}

#define ROOM 0x60

static int start(void **state)
{
    (void)state;
    line_status = ROOM;
    assert_true(serial_init(SERIAL_COM1));
    looks = sent = 0;
    return 0;
}

static void with_room_a_character_takes_one_look(void **state)
{
    (void)state;
    serial_put(SERIAL_COM1, 'a');
    assert_int_equal(sent, 1);
    assert_int_equal(last, 'a');
    assert_int_equal(looks, 1);
}

static void a_stuck_line_is_waited_for_once(void **state)
{
    unsigned first;

    (void)state;
    line_status = 0;
    serial_put(SERIAL_COM1, 'a');
    first = looks;
    assert_true(first > 1000); /* a character takes 87 us */
    for (unsigned i = 0; i < 1000; i++)
        serial_put(SERIAL_COM1, 'b');
    assert_int_equal(looks, first + 1000);
    assert_int_equal(sent, 0);
}

static void it_is_used_again_when_it_goes_on(void **state)
{
    unsigned before;

    (void)state;
    line_status = 0;
    serial_put(SERIAL_COM1, 'a');
    line_status = ROOM;
    serial_put(SERIAL_COM1, 'b');
    assert_int_equal(sent, 1);
    assert_int_equal(last, 'b');
    line_status = 0;
    before = looks;
    serial_put(SERIAL_COM1, 'c'); /* a new wait, for it had gone on */
    assert_true(looks > before + 1000);
}

/* 115,200 baud where the emulated line takes no time. */
static void a_line_that_is_to_be_slow_is(void **state)
{
    char text[20] = "abcdefghijklmnopqrs";

    (void)state;
    serial_slow_down(87000);
    assert_int_equal(serial_send(SERIAL_COM1, text, 19), 16);
    assert_int_equal(serial_due(SERIAL_COM1), now + 16 * 87000);
    assert_int_equal(serial_send(SERIAL_COM1, text, 3), 0);
    now += 16 * 87000 - 1;
    assert_int_equal(serial_send(SERIAL_COM1, text, 3), 0);
    now++;
    assert_int_equal(serial_send(SERIAL_COM1, text, 3), 3);
    serial_slow_down(0);
    assert_int_equal(serial_due(SERIAL_COM1), 0);
}

/* --- elsewhere ------------------------------------------------------------ */

/* Registers of 32 bits, four bytes apart; the scratch register as it is set. */
static uint32_t memory[8];

static void what_has_no_port_is_lost_and_the_rest_goes_elsewhere(void **state)
{
    const struct serial_at at = {
        .memory = memory, .stride = 4, .width = 4, .baud = 9600};

    (void)state;
    present[SERIAL_COM1] = false;
    serial_put(SERIAL_COM1, 'y');
    memory[REG_LSR] = ROOM;
    assert_true(serial_use(&at));
    assert_int_not_equal(memory[REG_DATA], 'y');
    assert_int_equal(memory[REG_IER], 0); /* the divisor's high half */
    serial_put(SERIAL_COM1, 'x');
    assert_int_equal(memory[REG_DATA], 'x');
    slow_until = 0;
    serial_slow_down(0); /* no interrupt tells of room: time does */
    assert_int_equal(serial_send(SERIAL_COM1, "ab", 2), 2);
    assert_true(serial_due(SERIAL_COM1) > now);
    where[SERIAL_COM1] = (struct serial_at){.port = 0x3f8, .baud = BAUD};
    polled = false;
    serial_slow_down(0);
}

/* Nothing is there: ones. */
static void where_nothing_answers_all_is_as_before(void **state)
{
    const struct serial_at nowhere = {.port = 0, .memory = NULL, .baud = BAUD};

    (void)state;
    scratch_is_dead = true;
    assert_false(serial_use(&nowhere));
    scratch_is_dead = false;
    assert_int_equal(where[SERIAL_COM1].port, 0x3f8);
    assert_false(polled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(with_room_a_character_takes_one_look, start),
        cmocka_unit_test_setup(a_stuck_line_is_waited_for_once, start),
        cmocka_unit_test_setup(a_line_that_is_to_be_slow_is, start),
        cmocka_unit_test_setup(it_is_used_again_when_it_goes_on, start),
        cmocka_unit_test_setup(
            what_has_no_port_is_lost_and_the_rest_goes_elsewhere, start),
        cmocka_unit_test_setup(where_nothing_answers_all_is_as_before, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
