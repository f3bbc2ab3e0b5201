/* SPDX-License-Identifier: MIT */
/*
 * terminal.h: keys from the guest's console, as they come.
 */
#pragma once

#include "base.h"

void terminal_init(void);
/* The next byte typed; the guest sleeps until there is one. */
unsigned char terminal_key(void);
/* Has any key been pressed? It is used up. */
bool terminal_pressed(void);
/* Has ctrl-c been typed meanwhile? What else has been waits for the prompt. */
bool terminal_interrupted(void);
