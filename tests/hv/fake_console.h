/* SPDX-License-Identifier: MIT */
/* fake_console.h: what has been put on the screen since its beginning. */
#pragma once

#include "base.h"

extern char fake_screen[];
extern unsigned fake_prose; /* how much of it may be broken between words */
/* Nobody answers at COM1. */
extern bool fake_no_port;
