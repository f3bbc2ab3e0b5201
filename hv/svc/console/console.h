/* SPDX-License-Identifier: MIT */
/*
 * console.h: what people see and type. Two kinds of text share it, the
 * hypervisor's lines ("(hv) ...") and the guests' streams, and never in the
 * same line.
 */
#pragma once

#include "base.h"
#include "boot/bootinfo.h"
#include "hv/svc/console/console_text.h"

struct domain;

enum { CONSOLE_LINE = 240 };

/* What is held of a domain's output; zero when it begins. */
struct console_out {
    struct console_text text;
    uint64_t since; /* when the oldest held byte came */
    unsigned len;
    char line[CONSOLE_LINE];
    bool terminal;
    bool more;         /* the rest of the line is there, and has no turn yet */
    uint64_t line_end; /* console_line.c: behind the last that it put there */
};

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
 * The one way of a guest's bytes to the devices. They are held up to the end
 * of a line and shown as "name| line", text only
 * (hv/svc/console/console_text.h): no line of a guest's looks like one of the
 * hypervisor's. With `terminal` they pass as they are, for a guest that moves
 * about on the terminal; whoever starts it says so, and believes it. Returns
 * how many bytes were a turn, whatever became of them on the line: at least
 * one, if there are any.
 */
must_check size_t console_guest_write(struct domain *d, const void *buf,
                                      size_t len);
/* The guest is gone: shows what it left without an end of line. */
void console_guest_end(struct domain *d);

/*
 * Is it d's turn to write, or (NULL) the hypervisor's of what need not be said
 * at once? What there is no room for on the line waits with whose it is.
 */
bool console_has_room(const struct domain *d);

/* A typed character, or -1. */
int console_read(void);
/* Whether what is typed is to interrupt; if not, the line is held up. */
void console_listen(bool on);

/*
 * From the timer interrupt: shows lines that wait for their end too long, and
 * some of what is to be drawn; true: there is more of that.
 */
bool console_poll(void);
/* Lines wait for COM1 from here on, nobody else for it. */
void console_start(void);
/* From the port's interrupt, and when console_due() says so; 0: not now. */
void console_send(void);
bool console_interrupts(void);
uint64_t console_due(void);

/* Everything out, now. */
void console_flush(void);
/* From here on nothing is held back. */
void console_panic_mode(void);
