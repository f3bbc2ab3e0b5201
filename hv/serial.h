/* SPDX-License-Identifier: MIT */
/* serial.h: COM1, a 16550 at 115200 baud. */
#pragma once

#include "base.h"

/* False when no UART answers; the other calls then do nothing. */
bool serial_init(void);
void serial_put(char c);
/* The next character, or -1. */
int serial_get(void);
