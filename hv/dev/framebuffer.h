/* SPDX-License-Identifier: MIT */
/*
 * framebuffer.h: cells of text as pixels, in whatever format the loader has
 * set: 8 to 32 bits to a pixel, each channel anywhere in it. Pure.
 *
 * Invariant: all that is stored lies in rows * cols cells, and those within
 * the width and height that were given; video memory is never read.
 */
#pragma once

#include "base.h"
#include "boot/bootinfo.h"
#include "hv/dev/terminal.h"

struct framebuffer {
    unsigned pitch, width, height; /* bytes; pixels */
    unsigned bytes;                /* of a pixel */
    unsigned scale; /* pixels of the screen per pixel of a glyph */
    unsigned cols, rows;
    uint32_t colour[16]; /* of VGA's text mode, as pixels */
};

/*
 * NULL, or why there can be no text on it. Glyphs are so large that no more
 * than a terminal's most columns and rows fit.
 */
const char *framebuffer_setup(struct framebuffer *f,
                              const struct bootinfo_framebuffer *given);

/*
 * n cells side by side, a line of pixels after the other: what combines stores
 * gets them in the order of their addresses.
 */
void framebuffer_draw(const struct framebuffer *f, volatile uint8_t *video,
                      unsigned row, unsigned col, const terminal_cell_t *cells,
                      unsigned n);
/* So many stores of 8 bytes a cell takes. */
unsigned framebuffer_cost(const struct framebuffer *f);
/* Blackens what no cell covers, right and below. */
void framebuffer_clear_margins(const struct framebuffer *f,
                               volatile uint8_t *video);
