/* SPDX-License-Identifier: MIT */
/*
 * screen.h: a small terminal (hv/dev/terminal.h) on VGA text or on a linear
 * framebuffer, and a status line below it.
 */
#pragma once

#include "base.h"
#include "boot/bootinfo.h"

/*
 * Uses the screen through the boot tables, if they reach it. NULL, or why what
 * the loader has set cannot be used; without any screen that is NULL, too.
 */
const char *screen_init(const struct bootinfo_framebuffer *fb);
bool screen_present(void);
unsigned screen_columns(void);

/*
 * The same screen, now through the hypervisor's own tables. Says what kind of
 * memory it is as the processor has it, or that it cannot be reached; NULL:
 * there is no screen.
 */
const char *screen_remap(void);

/*
 * Changes what is to be seen; screen_refresh() shows it, as far as it takes no
 * more than about so many stores of 8 bytes; true: all is shown.
 */
#define SCREEN_ALL UINT32_MAX
void screen_put(char c);
void screen_put_prose(char c); /* terminal_put_prose() */
bool screen_refresh(unsigned stores);
/* Cells that screen_put() has erased or moved, ever: it is paid in these. */
uint64_t screen_work(void);

/* The line at the bottom: this text, as far as it fits. */
void screen_status(const char *text);
/* The reader goes back by so many half pages, or forward; or to the end. */
void screen_page(int halves);
void screen_page_end(void);
