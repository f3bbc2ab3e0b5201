/* SPDX-License-Identifier: MIT */
/* console.h: what people see and type. */
#pragma once

#include "base.h"
#include "boot/bootinfo.h"

enum console_device {
    CONSOLE_COM1 = 1,
    CONSOLE_SCREEN = 2,
};

/* COM1 works from the first call on. */
void console_init(void);

/* One line of the hypervisor's own: "(hv) " is put before, '\n' behind. */
printf_like(1, 2) void console_say(const char *fmt, ...);
/* The same, only with `debug` on the command line. */
printf_like(1, 2) void console_debug(const char *fmt, ...);

void console_flush(void);
/* From here on output must not wait for anything but the device. */
void console_panic_mode(void);
