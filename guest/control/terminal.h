/* SPDX-License-Identifier: MIT */
/*
 * terminal.h: keys from the guest's console, as they come.
 */
#pragma once

#include "base.h"

void terminal_init(void);
#define TERMINAL_LEAVE 0x1d /* ctrl-]: out of where one is */

/* The next byte typed; -1: none within ms, which the guest sleeps through. */
int terminal_key(uint64_t ms);
/* How many columns it has, if it says so; 80 if not. Asked once, at first. */
unsigned terminal_columns(void);
/* Has any key been pressed? It is used up. */
bool terminal_pressed(void);
/* Has ctrl-c been typed meanwhile, or ctrl-]? What else has been waits for the
 * prompt, and so does ctrl-]. */
bool terminal_interrupted(void);
