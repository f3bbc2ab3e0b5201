/* SPDX-License-Identifier: MIT */
/*
 * vga_text.h: cells of text in the memory of a VGA in text mode, whose font is
 * code page 437.
 */
#pragma once

#include "base.h"
#include "hv/dev/terminal.h"

/* Its own cursor goes away: there is one among the cells. */
void vga_text_hide_cursor(void);
/* What stands in that memory for the cell. */
uint16_t vga_text_of(terminal_cell_t cell);
/* n cells side by side, the first at `to`. */
void vga_text_draw(volatile uint8_t *to, const terminal_cell_t *cells,
                   unsigned n);
