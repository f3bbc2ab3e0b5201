/* SPDX-License-Identifier: MIT */
/*
 * An i8042 that is absent, mute, stuck, untranslated, or never silent; and a
 * keyboard behind it that was typed at before anybody asked.
 */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/arch/x86.h"
#include "hv/dev/pic.h"

/* --- the controller ------------------------------------------------------- */

static enum { WELL, ABSENT, MUTE, STUCK, FLOODS, UNTRANSLATED } how;
static uint8_t queue[64], settings, command, lights;
static unsigned in, out, looks;
static bool lights_wanted, mouse;
static uint8_t kept[16]; /* in the keyboard: port 1 is off, or the wire slow */
static unsigned n_kept, sent, send_at;
static bool deaf; /* to what switches port 1 off: firmware's emulation */
static uint8_t flood_byte;

static void bring(uint8_t byte)
{
    queue[in++ % sizeof(queue)] = byte;
}

static void press(uint8_t byte)
{
    assert_true(n_kept < sizeof(kept));
    kept[n_kept++] = byte;
}

/* One at a time, as long as it takes on the wire. */
static void send_kept(void)
{
    if (in != out || (settings & 0x10 && !deaf) || sent == n_kept ||
        looks < send_at)
        return;
    bring(kept[sent++]);
    send_at = looks + 1000;
}

static uint8_t status(void)
{
    send_kept();
    if (how == ABSENT)
        return 0xff;
    if (how == FLOODS)
        return 0x01;
    return (uint8_t)((in != out ? 0x01 : 0) | (how == STUCK ? 0x02 : 0) |
                     (mouse ? 0x20 : 0));
}

static uint8_t port_in(uint16_t port)
{
    looks++;
    if (port == 0x64)
        return status();
    assert_int_equal(port, 0x60);
    if (how == FLOODS)
        return flood_byte;
    return in != out ? queue[out++ % sizeof(queue)] : 0;
}

static void to_keyboard(uint8_t v)
{
    if (lights_wanted)
        lights = v;
    lights_wanted = v == 0xed;
    bring(0xfa);
}

static void port_out(uint16_t port, uint8_t v)
{
    assert_true(how != STUCK && how != ABSENT);
    if (how == MUTE || how == FLOODS)
        return;
    if (port == 0x64) {
        command = v;
        if (v == 0xad || v == 0xae)
            settings = (uint8_t)((settings & ~0x10) | (v == 0xad ? 0x10 : 0));
        if (v == 0x20)
            bring(how == UNTRANSLATED ? settings & 0xbf : settings);
    } else if (command == 0x60) {
        settings = v;
        command = 0;
    } else {
        to_keyboard(v);
    }
}

static bool silent;

void pic_silence(enum pic_irq irq, bool on)
{
    assert_int_equal(irq, PIC_KEYBOARD);
    silent = on;
}

#define x86_in8     port_in
#define x86_out8    port_out
#define x86_pause() ((void)0)
#include "hv/dev/keyboard.c"

static void controller_is(int what)
{
    how = what;
    in = out = looks = 0;
    settings = 0x30; /* firmware that has left all of it off */
    command = lights = 0;
    lights_wanted = mouse = silent = deaf = false;
    n_kept = sent = send_at = 0;
}

static void typed_is(const char *expected)
{
    for (; *expected; expected++)
        assert_int_equal(keyboard_get(), *expected);
    assert_int_equal(keyboard_get(), -1);
}

/* --- ---------------------------------------------------------------------- */

static void it_is_switched_on(void **state)
{
    (void)state;
    controller_is(WELL);
    bring(0x1e); /* typed at the firmware */
    assert_int_equal(keyboard_init(KEYS_US), KEYBOARD_WORKS);
    assert_int_equal(settings, 0x61); /* interrupt, translated, no mouse */
    assert_true(keyboard_present());
    assert_true(keyboard_works());
    typed_is("");
    bring(0x23);
    bring(0xa3);
    bring(0x17);
    typed_is("hi");
    bring(0xe0);
    bring(0x53);
    typed_is("\x1b[3~");
    bring(0xe0);
    bring(0x49);
    assert_int_equal(keyboard_get(), KEYBOARD_PAGE_UP);
}

static void untranslated_it_is_read_in_set_2(void **state)
{
    (void)state;
    controller_is(UNTRANSLATED);
    assert_int_equal(keyboard_init(KEYS_US), KEYBOARD_WORKS_2);
    bring(0x33);
    bring(0xf0);
    bring(0x33);
    bring(0x43);
    typed_is("hi");
}

/* While the machine was loaded, until the keyboard had no more room. */
static void keys_pressed_before_are_no_answers(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (unsigned n = 1; n <= sizeof(kept); n++) {
            controller_is(WELL);
            settings = 0x47; /* as firmware leaves it that has used it */
            deaf = byte & 1;
            for (unsigned i = 0; i < n; i++)
                press((uint8_t)(byte + i));
            assert_int_equal(keyboard_init(KEYS_US), KEYBOARD_WORKS);
            assert_int_equal(settings, 0x65);
            assert_int_equal(sent, n);
            typed_is("");
            bring(0x20);
            bring(0xa0);
            bring(0x21);
            typed_is("df");
        }
    }
}

static void where_nothing_is_nothing_is_heard(void **state)
{
    (void)state;
    controller_is(ABSENT);
    assert_int_equal(keyboard_init(KEYS_US), KEYBOARD_NONE);
    assert_false(keyboard_present());
    assert_false(keyboard_works());
    looks = 0;
    typed_is("");
    keyboard_tick();
    assert_int_equal(looks, 0);
}

/* One that does not answer may still hand out keys: firmware's emulation. */
static void a_mute_one_is_listened_to(void **state)
{
    (void)state;
    controller_is(MUTE);
    assert_int_equal(keyboard_init(KEYS_US), KEYBOARD_MUTE);
    assert_true(looks < 3 * WAIT_LIMIT);
    assert_true(keyboard_present());
    assert_false(keyboard_works());
    bring(0x1e);
    typed_is("a");
    assert_true(keyboard_works()); /* then it is somebody's */
}

static void a_stuck_one_is_not_waited_for_long(void **state)
{
    (void)state;
    controller_is(STUCK);
    assert_int_equal(keyboard_init(KEYS_US), KEYBOARD_MUTE);
    assert_true(looks < 5 * WAIT_LIMIT);
    looks = 0;
    bring(0x3a); /* lights would have to be set */
    typed_is("");
    assert_true(looks < 10);
}

static void locks_have_lights(void **state)
{
    (void)state;
    controller_is(WELL);
    (void)keyboard_init(KEYS_US);
    bring(0x45);
    typed_is("");
    typed_is("");
    assert_int_equal(lights, 2);
    bring(0xc5);
    bring(0x3a);
    typed_is("");
    typed_is("");
    assert_int_equal(lights, 6);
}

static void the_mouse_types_nothing(void **state)
{
    (void)state;
    controller_is(WELL);
    (void)keyboard_init(KEYS_US);
    mouse = true;
    bring(0x1e);
    typed_is("");
    mouse = false;
    bring(0x1e);
    typed_is("a");
}

/* Between two ticks it costs so much and no more, whatever it says. */
static void a_flood_waits_for_the_tick(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        unsigned chars = 0;

        controller_is(WELL);
        (void)keyboard_init(KEYS_US);
        how = FLOODS;
        flood_byte = (uint8_t)byte;
        looks = 0;
        for (unsigned i = 0; i < 10000; i++)
            chars += keyboard_get() >= 0;
        assert_true(looks <= 3 * BYTES);
        assert_true(chars <= BYTES * KEYMAP_BYTES);
        assert_true(silent);
        keyboard_tick();
        assert_false(silent);
    }
}

static void a_storm_of_interrupts_is_masked(void **state)
{
    (void)state;
    controller_is(WELL);
    (void)keyboard_init(KEYS_US);
    for (unsigned i = 1; i < INTERRUPTS; i++)
        keyboard_interrupted();
    assert_false(silent);
    keyboard_interrupted();
    assert_true(silent);
    keyboard_interrupted();
    keyboard_tick();
    assert_false(silent);
    keyboard_interrupted();
    assert_false(silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_switched_on),
        cmocka_unit_test(untranslated_it_is_read_in_set_2),
        cmocka_unit_test(keys_pressed_before_are_no_answers),
        cmocka_unit_test(where_nothing_is_nothing_is_heard),
        cmocka_unit_test(a_mute_one_is_listened_to),
        cmocka_unit_test(a_stuck_one_is_not_waited_for_long),
        cmocka_unit_test(locks_have_lights),
        cmocka_unit_test(the_mouse_types_nothing),
        cmocka_unit_test(a_flood_waits_for_the_tick),
        cmocka_unit_test(a_storm_of_interrupts_is_masked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
