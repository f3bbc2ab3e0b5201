/* SPDX-License-Identifier: MIT */
/*
 * console.h: what people see and type. Two kinds of text share it, the
 * hypervisor's lines ("(hv) ...") and the guests' streams, and never in the
 * same line.
 */
#pragma once

#include "base.h"
#include "boot/bootinfo.h"

struct domain;

/*
 * COM1 works from this call on, and shows what is logged (hv/base/log.h); the
 * screen once its place is known.
 */
void console_init(void);
void console_init_screen(const struct bootinfo *bi);
void console_remap_screen(void);

/*
 * The one way of a guest's bytes to the devices. They are held up to the end
 * of a line and shown as "name| line", text only
 * (hv/base/console_text.h): no line of a guest's looks like one of the
 * hypervisor's. With `terminal` they pass as they are, for a guest that moves
 * about on the terminal; whoever starts it says so, and believes it. Returns
 * how many bytes were a turn, whatever became of them on the line: at least
 * one, if there are any.
 */
must_check size_t console_guest_write(struct domain *d, const void *buf,
                                      size_t len);
/* While somebody is attached to it, its bytes pass as they are, too. */
void console_attach(struct domain *d, bool on);
/*
 * For who draws a line anew: how often a line that was not ended, of a guest
 * whose bytes pass as they are, was ended by somebody else; and how many bytes
 * were shown of all but the control guest.
 */
uint64_t console_lines_broken(void);
uint64_t console_shown_by_others(void);
/* The guest is gone: shows what it left without an end of line. */
void console_guest_end(struct domain *d);

/*
 * Is it d's turn to write, or (NULL) the hypervisor's of what need not be said
 * at once? What there is no room for on the line waits with whose it is.
 */
bool console_has_room(const struct domain *d);

/*
 * Whoever sits before a screen that is in use may have a keyboard; true: it may
 * interrupt.
 */
bool console_init_keyboard(void);
bool console_on_screen(void); /* is it in use? */

/* A typed character, or -1; page up and page down turn the screen's pages. */
int console_read(void);
/* Whether what is typed is to interrupt; if not, the line is held up. */
void console_listen(bool on);

/*
 * From the timer interrupt: shows lines that wait for their end too long, and
 * some of what is to be drawn; true: there is more of that.
 */
bool console_poll(void);
/* Draws all there is to draw, and waits for that. */
void console_draw(void);
/* The line below the screen's text. */
void console_status(const char *text);
/* Lines wait for COM1 from here on, nobody else for it. */
void console_start(void);
/* From the port's interrupt, and when console_due() says so; 0: not now. */
void console_send(void);
bool console_interrupts(void);
uint64_t console_due(void);
