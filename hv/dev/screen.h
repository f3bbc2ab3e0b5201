/* SPDX-License-Identifier: MIT */
/* screen.h: a terminal of sorts on VGA text or on a linear framebuffer. */
#pragma once

#include "base.h"
#include "boot/bootinfo.h"

/* Uses the screen through the boot tables, if they reach it. */
void screen_init(const struct bootinfo_framebuffer *fb);

/*
 * The same screen, now through the hypervisor's own tables. Says what kind of
 * memory it is as the processor has it; NULL: there is no screen.
 */
const char *screen_remap(void);

/*
 * Changes what is to be seen; screen_refresh() shows it, as far as it takes no
 * more than so many cells; true: all is shown.
 */
#define SCREEN_ALL UINT32_MAX
void screen_put(char c);
bool screen_refresh(unsigned cells);
