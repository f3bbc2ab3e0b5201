/* SPDX-License-Identifier: MIT */
/*
 * keyboard.c: IBM PS/2 technical reference, keyboard and auxiliary device
 * controller. The controller of a modern machine may be the firmware's doing,
 * and as slow as that, and know little more than to hand out scan codes.
 *
 * Invariants: what is read as an answer is one: the keyboard is kept off while
 * the controller is asked, for it may have keys that were pressed long before.
 * No wait is longer than WAIT_LIMIT looks, and none is after the beginning;
 * between two ticks no more than BYTES are read and INTERRUPTS taken, whatever
 * the controller does.
 */
#include "hv/dev/keyboard.h"

#include "hv/arch/x86.h"
#include "hv/dev/keymap.h"
#include "hv/dev/pic.h"
#include "hv/dev/scancode.h"

#define PORT_DATA    0x60
#define PORT_STATUS  0x64 /* written: a command */
#define STATUS_OUT   0x01 /* a byte is there */
#define STATUS_IN    0x02 /* the last one written is not taken yet */
#define STATUS_AUX   0x20 /* it is the mouse's */
#define STATUS_ERROR 0xc0 /* it came damaged, or never */
#define NOTHING      0xff /* what is read where nobody answers */

#define READ_CONFIG  0x20
#define WRITE_CONFIG 0x60
#define AUX_OFF      0xa7
#define KEYS_OFF     0xad
#define KEYS_ON      0xae

#define CONFIG_INTERRUPT 0x01
#define CONFIG_AUX_INT   0x02
#define CONFIG_KEYS_OFF  0x10
#define CONFIG_AUX_OFF   0x20
#define CONFIG_TRANSLATE 0x40

#define SET_LIGHTS 0xed /* of the keyboard itself */
#define SCAN       0xf4
#define ACK        0xfa
#define RESEND     0xfe

enum {
    WAIT_LIMIT = 10000, /* a look at a port takes about 1 us */
    QUIET = 2000,       /* a byte takes the keyboard's wire 1 ms */
    EMPTY_LIMIT = 64,   /* bytes an honest keyboard can hold, and more */
    READINGS = 5,
    BYTES = 64, /* to a tick of 20 ms; hands do 30 keys a second */
    INTERRUPTS = 64,
};

static bool present, works;
static struct scancode codes;
static struct keymap map;
static struct keymap_got pending; /* the rest of what a key is */
static unsigned given;            /* of pending.text */
static unsigned bytes_left, interrupts_left;
static bool lights_asked; /* ED is sent, and not acknowledged yet */

/* --- the controller ------------------------------------------------------ */

static bool wait_for(uint8_t bit, uint8_t value)
{
    for (int i = 0; i < WAIT_LIMIT; i++) {
        if ((x86_in8(PORT_STATUS) & bit) == value)
            return true;
        x86_pause();
    }
    return false;
}

static bool write_to(uint16_t port, uint8_t v)
{
    if (!wait_for(STATUS_IN, 0))
        return false;
    x86_out8(port, v);
    return true;
}

static int read_answer(void)
{
    return wait_for(STATUS_OUT, STATUS_OUT) ? x86_in8(PORT_DATA) : -1;
}

/* Until nothing comes any more: what was typed before is nobody's. */
static void empty(void)
{
    int bytes = 0, quiet = 0;

    while (bytes < EMPTY_LIMIT && quiet < QUIET) {
        if (x86_in8(PORT_STATUS) & STATUS_OUT) {
            (void)x86_in8(PORT_DATA);
            bytes++;
            quiet = 0;
        } else {
            x86_pause();
            quiet++;
        }
    }
}

/* What is read twice running: once, it could be a key; or -1. */
static int read_config(void)
{
    int before = -1;

    for (int i = 0; i < READINGS; i++) {
        int config;

        empty();
        config = write_to(PORT_STATUS, READ_CONFIG) ? read_answer() : -1;
        if (config < 0 || config == before)
            return config;
        before = config;
    }
    return -1;
}

static bool write_config(int config)
{
    return write_to(PORT_STATUS, WRITE_CONFIG) &&
           write_to(PORT_DATA, (uint8_t)config);
}

/*
 * Interrupts and translation on, the mouse off, and the keys for now: does it
 * answer? In set 2 they come if of what counts translation alone was not taken;
 * one that takes nothing is most likely translated by the firmware.
 */
static bool configure(void)
{
    const int counts = CONFIG_INTERRUPT | CONFIG_TRANSLATE | CONFIG_KEYS_OFF;
    int config = read_config(), taken;

    if (config < 0)
        return false;
    config |= counts | CONFIG_AUX_OFF;
    config &= ~CONFIG_AUX_INT;
    if (!write_config(config))
        return false;
    taken = read_config();
    codes.set2 = taken >= 0 && ((taken ^ config) & counts) == CONFIG_TRANSLATE;
    return taken >= 0;
}

/* The keyboard itself: one that says nothing may be plugged in later. */
static void start_scanning(void)
{
    int byte = 0;

    if (!write_to(PORT_STATUS, KEYS_ON))
        return;
    empty(); /* what it has kept while it was off */
    if (!write_to(PORT_DATA, SCAN))
        return;
    for (int i = 0; i < EMPTY_LIMIT && byte >= 0 && byte != ACK; i++)
        byte = read_answer();
}

enum keyboard_found keyboard_init(enum option_keys layout)
{
    works = false;
    present = x86_in8(PORT_STATUS) != NOTHING;
    if (!present)
        return KEYBOARD_NONE;
    map = (struct keymap){.layout = layout};
    codes = (struct scancode){0};
    pending = (struct keymap_got){0};
    bytes_left = BYTES;
    interrupts_left = INTERRUPTS;
    lights_asked = false;
    write_to(PORT_STATUS, KEYS_OFF);
    write_to(PORT_STATUS, AUX_OFF);
    works = configure();
    start_scanning();
    if (!works)
        return KEYBOARD_MUTE;
    return codes.set2 ? KEYBOARD_WORKS_2 : KEYBOARD_WORKS;
}

bool keyboard_present(void)
{
    return present;
}

bool keyboard_works(void)
{
    return works;
}

/* --- keys ---------------------------------------------------------------- */

/* Lights are not worth a wait. */
static bool write_now(uint8_t v)
{
    const bool ready = !(x86_in8(PORT_STATUS) & STATUS_IN);

    if (ready)
        x86_out8(PORT_DATA, v);
    return ready;
}

/* Which ones goes out when this is acknowledged. */
static void show_locks(void)
{
    lights_asked = write_now(SET_LIGHTS);
}

static bool is_answer(uint8_t byte)
{
    if (byte != ACK && byte != RESEND)
        return false;
    if (lights_asked && byte == ACK)
        (void)write_now(keymap_lights(&map)); /* or they stay as they are */
    lights_asked = false;
    return true;
}

/* A byte of the keyboard's, or -1: there is none, or too much has come. */
static int read_byte(void)
{
    while (bytes_left) {
        const uint8_t status = x86_in8(PORT_STATUS);
        uint8_t byte;

        if (!(status & STATUS_OUT) || status == NOTHING)
            return -1;
        byte = x86_in8(PORT_DATA);
        if (!--bytes_left)
            pic_silence(PIC_KEYBOARD, true);
        if (!(status & (STATUS_AUX | STATUS_ERROR)) && !is_answer(byte))
            return byte;
    }
    return -1;
}

static int next_of_pending(void)
{
    return given < pending.n ? (uint8_t)pending.text[given++] : -1;
}

/* What has come next, or -1 as long as it is nothing to see. */
static int take(const struct keymap_got *got)
{
    switch (got->kind) {
    case KEYMAP_PAGE_UP:
        return KEYBOARD_PAGE_UP;
    case KEYMAP_PAGE_DOWN:
        return KEYBOARD_PAGE_DOWN;
    case KEYMAP_LOCK:
        show_locks();
        return -1;
    case KEYMAP_TEXT:
        pending = *got;
        given = 0;
        return next_of_pending();
    case KEYMAP_NOTHING:
        break;
    }
    return -1;
}

int keyboard_get(void)
{
    int typed = next_of_pending(), byte = 0;

    if (!present)
        return -1;
    while (typed < 0 && byte >= 0) {
        byte = read_byte();
        if (byte >= 0) {
            const unsigned key = scancode_take(&codes, (uint8_t)byte);
            const struct keymap_got got = keymap_take(&map, key);

            typed = take(&got);
        }
    }
    works |= typed >= 0;
    return typed;
}

/* --- not too much of it -------------------------------------------------- */

void keyboard_interrupted(void)
{
    if (interrupts_left && !--interrupts_left)
        pic_silence(PIC_KEYBOARD, true);
}

void keyboard_tick(void)
{
    if (!present)
        return;
    if (!bytes_left || !interrupts_left)
        pic_silence(PIC_KEYBOARD, false);
    bytes_left = BYTES;
    interrupts_left = INTERRUPTS;
}
