/* SPDX-License-Identifier: MIT */
/*
 * keyboard.h: the PS/2 keyboard behind an i8042, or what the firmware shows as
 * one of a USB keyboard.
 */
#pragma once

#include "base.h"
#include "hv/base/cmdline.h"

enum keyboard_found {
    KEYBOARD_NONE,    /* nothing is at its ports */
    KEYBOARD_MUTE,    /* there is something, and it does not answer */
    KEYBOARD_WORKS,   /* translated to set 1 */
    KEYBOARD_WORKS_2, /* in set 2, as it comes */
};

/* Whatever it finds, it does not wait for long. */
enum keyboard_found keyboard_init(enum option_keys layout);
bool keyboard_present(void);
/* It answers, or a key has been heard: somebody may sit before it. */
bool keyboard_works(void);

/* A byte typed, -1, or what is for who shows the screen. */
enum { KEYBOARD_PAGE_UP = 0x100, KEYBOARD_PAGE_DOWN };
int keyboard_get(void);

/* It has interrupted. */
void keyboard_interrupted(void);
/*
 * Now and then: it may say something again. What comes faster than anybody can
 * type waits until then, and its interrupt is off.
 */
void keyboard_tick(void);
