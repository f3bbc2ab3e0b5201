/* SPDX-License-Identifier: MIT */
/*
 * keymap.h: what a terminal sends for a key, by the keyboard's layout and by
 * what else is held down. Pure.
 */
#pragma once

#include "base.h"
#include "hv/base/cmdline.h"

enum { KEYMAP_BYTES = 6 };

enum keymap_kind {
    KEYMAP_NOTHING,
    KEYMAP_TEXT,
    KEYMAP_PAGE_UP, /* these two are for who shows the screen */
    KEYMAP_PAGE_DOWN,
    KEYMAP_LOCK, /* another lock holds: lights */
};

struct keymap_got {
    enum keymap_kind kind;
    unsigned n; /* of KEYMAP_TEXT: ASCII, UTF-8, or a sequence as xterm's */
    char text[KEYMAP_BYTES];
};

struct keymap {
    enum option_keys layout;
    unsigned held; /* of the keys that change others */
    bool caps, num;
    unsigned lock; /* the lock key that is down: it repeats, as all do */
};

/* A key of hv/dev/scancode.h. */
struct keymap_got keymap_take(struct keymap *m, unsigned key);
/* The lights, as the keyboard's command ED wants them. */
uint8_t keymap_lights(const struct keymap *m);
