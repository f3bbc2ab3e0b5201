/* SPDX-License-Identifier: MIT */
/*
 * Whether the end waits, for how long, and what a key does; with and without a
 * clock. What last_key.c calls is here, and none of it is a lock.
 */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/arch/power.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/dev/clock.h"
#include "hv/dev/keyboard.h"
#include "hv/svc/console/console.h"

struct options options;

static enum { NONE, MUTE, WORKS } keyboard;
static bool screen, has_clock, asked_for;
static uint64_t us, typed_at, asked_at;
static unsigned drawn;
static const char *status;

enum { PER_US = 3000, LATE = 1000000 };

/* A look takes a microsecond, the TSC has 3 GHz. */
static uint64_t ticks(void)
{
    return us * PER_US;
}

#define x86_rdtsc() ticks()
#define x86_pause() ((void)us++)
#include "hv/svc/console/last_key.c"

static enum power_next (*asked)(void);

void power_ask(enum power_next (*fn)(void))
{
    asked = fn;
}

uint64_t clock_now_ns(void)
{
    return has_clock ? us * 1000 : 0;
}

bool keyboard_present(void)
{
    return keyboard != NONE;
}

bool keyboard_works(void)
{
    return keyboard == WORKS;
}

bool console_init_keyboard(void)
{
    return keyboard != NONE;
}

bool console_on_screen(void)
{
    return screen;
}

void keyboard_tick(void)
{
}

void console_draw(void)
{
    drawn++;
}

void console_status(const char *text)
{
    status = text;
}

static char key;

int console_read(void)
{
    assert_true(us < asked_at + 600 * (uint64_t)LATE); /* or for ever */
    return us >= typed_at ? key : -1;
}

void log_say(const char *fmt, ...)
{
    (void)fmt;
    asked_for = true;
}

void log_flush(void)
{
}

/* What becomes of a key so many microseconds after the question. */
static enum power_next ask_with(char c, uint64_t after)
{
    asked_at = us = 12345678;
    typed_at = us + after;
    key = c;
    asked_for = false;
    drawn = 0;
    status = "";
    last_key_init();
    return asked();
}

static int begin(void **state)
{
    (void)state;
    options = (struct options){.end = END_AUTO};
    keyboard = WORKS;
    screen = has_clock = true;
    return 0;
}

static void who_is_there_is_asked(void **state)
{
    (void)state;
    assert_int_equal(ask_with('p', LATE), POWER_NEXT_OFF);
    assert_true(asked_for);
    assert_non_null(strstr(status, "ended | page up")); /* they still work */
    assert_in_range(us - asked_at, LATE, LATE + 10);
    assert_in_range(drawn, 45, 55);
    assert_int_equal(ask_with('r', LATE), POWER_NEXT_RESET);
    assert_int_equal(ask_with('P', LATE), POWER_NEXT_OFF);
}

static void nobody_is_not_asked(void **state)
{
    (void)state;
    screen = false;
    assert_int_equal(ask_with('r', LATE), POWER_NEXT_OFF);
    assert_false(asked_for);
    assert_string_equal(status, "");
    screen = true;
    keyboard = NONE;
    assert_int_equal(ask_with('r', LATE), POWER_NEXT_OFF);
    assert_false(asked_for);
    options.end = END_KEY;
    assert_int_equal(ask_with('r', LATE), POWER_NEXT_RESET);
    options.end = END_NOW;
    keyboard = WORKS;
    assert_int_equal(ask_with('r', LATE), POWER_NEXT_OFF);
}

/* Such a controller is in many machines that have no keyboard. */
static void one_that_does_not_answer_is_nobodys_keyboard(void **state)
{
    (void)state;
    keyboard = MUTE;
    assert_int_equal(ask_with('r', LATE), POWER_NEXT_OFF);
    assert_false(asked_for);
}

static void a_key_at_once_is_no_answer(void **state)
{
    (void)state;
    assert_int_equal(ask_with('r', 0), POWER_NEXT_RESET);
    assert_in_range(us - asked_at, LATE / 2, LATE / 2 + 10);
}

static void it_waits_as_long_as_it_was_told(void **state)
{
    (void)state;
    options.end_wait = 3;
    assert_int_equal(ask_with('r', UINT64_MAX / 2), POWER_NEXT_OFF);
    assert_in_range(us - asked_at, 3 * LATE, 3 * LATE + 10);
}

/* Then time is guessed: it is 1.5 times as fast with this TSC. */
static void early_in_the_boot_too(void **state)
{
    (void)state;
    has_clock = false;
    options.end_wait = 3;
    assert_int_equal(ask_with('r', UINT64_MAX / 2), POWER_NEXT_OFF);
    assert_in_range(us - asked_at, 2 * LATE, 2 * LATE + 10);
    assert_in_range(drawn, 140, 155);
    assert_int_equal(ask_with('r', LATE), POWER_NEXT_RESET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_is_there_is_asked, begin),
        cmocka_unit_test_setup(nobody_is_not_asked, begin),
        cmocka_unit_test_setup(one_that_does_not_answer_is_nobodys_keyboard,
                               begin),
        cmocka_unit_test_setup(a_key_at_once_is_no_answer, begin),
        cmocka_unit_test_setup(it_waits_as_long_as_it_was_told, begin),
        cmocka_unit_test_setup(early_in_the_boot_too, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
