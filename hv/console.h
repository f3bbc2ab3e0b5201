/* SPDX-License-Identifier: MIT */
/*
 * console.h: what people see and type. Two kinds of text share it, the
 * hypervisor's lines ("(hv) ...") and the guests' streams, and never in the
 * same line.
 */
#pragma once

#include "base.h"
#include "boot/bootinfo.h"

/* COM1 works from this call on; the screen once its place is known. */
void console_init(void);
void console_init_screen(const struct bootinfo *bi);
void console_remap_screen(void);

/* One line of the hypervisor's own: "(hv) " is put before, '\n' behind. */
printf_like(1, 2) void console_say(const char *fmt, ...);
/* The same, only with `debug` on the command line. */
printf_like(1, 2) void console_debug(const char *fmt, ...);
/* A line of measurements: '@' and a JSON object, nothing before it. */
printf_like(1, 2) void console_json(const char *fmt, ...);

/*
 * With one guest its bytes pass as they are. From the second guest on, text
 * is held per guest up to the end of a line and shown as "name| line".
 */
void console_several_guests(bool several);
void console_guest_write(domid_t id, const char *name, const void *buf,
                         size_t len);
/* This guest's bytes pass as they are even so: the control guest's, which
 * moves about on the terminal while a line is edited. */
void console_raw_guest(domid_t id);
/* The guest is gone: shows what it left without an end of line. */
void console_guest_end(domid_t id);

/* A typed character, or -1. */
int console_read(void);
/* Whether what is typed is to interrupt; if not, the line is held up. */
void console_listen(bool on);

/* From the timer interrupt: shows lines that wait for their end too long. */
void console_poll(void);

/* Everything out, now. */
void console_flush(void);
/* From here on nothing is held back. */
void console_panic_mode(void);
