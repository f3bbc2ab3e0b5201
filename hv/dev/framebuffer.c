/* SPDX-License-Identifier: MIT */
/*
 * framebuffer.c: a line of pixels is put together in ordinary memory and then
 * stored, 8 bytes at a time: a glyph is 8 pixels wide, so that is always a
 * whole number of stores.
 */
#include "hv/dev/framebuffer.h"

enum { GLYPH_W = 8, GLYPH_H = 16, LINE = 4096, MOST_PIXELS = 16384 };

/* Made by tools/font: U+0020 to U+007E, then U+00A0 to U+00FF. */
extern const uint32_t font_count;
extern const uint8_t font_glyphs[][GLYPH_H];

/* VGA's, which people know, with a blue that can be read. */
static const uint32_t rgb[16] = {
    0x000000, 0x3465d8, 0x00aa00, 0x00aaaa, 0xc83030, 0xaa00aa,
    0xaa5500, 0xbfbfbf, 0x606060, 0x7d9cff, 0x55ff55, 0x55ffff,
    0xff6060, 0xff70ff, 0xffff55, 0xffffff,
};

/* --- formats ------------------------------------------------------------- */

/* The nearest value of so many bits to one of 8. */
static uint32_t channel(unsigned value, unsigned bits, unsigned shift)
{
    const uint64_t most = bits ? BITS(bits - 1, 0) : 0;

    return (uint32_t)((value * most + 127) / 255 << shift);
}

static bool channel_fits(unsigned bits, unsigned shift, unsigned bpp)
{
    return bits && bits + shift <= bpp;
}

static const char *problem(const struct bootinfo_framebuffer *g)
{
    if (g->bpp < 8 || g->bpp > 32)
        return "pixels of less than 8 or more than 32 bits";
    if (!channel_fits(g->red_bits, g->red_shift, g->bpp) ||
        !channel_fits(g->green_bits, g->green_shift, g->bpp) ||
        !channel_fits(g->blue_bits, g->blue_shift, g->bpp))
        return "a colour that is not in its pixel";
    if (g->width > MOST_PIXELS || g->height > MOST_PIXELS)
        return "more than 16384 pixels a side";
    if (g->width < GLYPH_W || g->height < GLYPH_H)
        return "no room for a character";
    if (g->pitch < g->width * ((g->bpp + 7u) / 8))
        return "lines that overlap";
    return font_count ? NULL : "no font";
}

/* Integers keep glyphs sharp. */
static void choose_scale(struct framebuffer *f)
{
    f->scale = 1;
    while (f->width / (GLYPH_W * f->scale) > TERMINAL_COLS ||
           f->height / (GLYPH_H * f->scale) > TERMINAL_ROWS)
        f->scale++;
    f->cols = f->width / (GLYPH_W * f->scale);
    f->rows = f->height / (GLYPH_H * f->scale);
}

const char *framebuffer_setup(struct framebuffer *f,
                              const struct bootinfo_framebuffer *g)
{
    const char *why = problem(g);

    if (why)
        return why;
    *f = (struct framebuffer){.pitch = g->pitch,
                              .width = g->width,
                              .height = g->height,
                              .bytes = (g->bpp + 7u) / 8};
    choose_scale(f);
    for (unsigned i = 0; i < ARRAY_SIZE(rgb); i++)
        f->colour[i] =
            channel(rgb[i] >> 16 & 255, g->red_bits, g->red_shift) |
            channel(rgb[i] >> 8 & 255, g->green_bits, g->green_shift) |
            channel(rgb[i] & 255, g->blue_bits, g->blue_shift);
    return NULL;
}

/* --- stores -------------------------------------------------------------- */

/* A pitch may be any number of bytes. */
typedef uint64_t anywhere_t __attribute__((aligned(1), may_alias));
typedef uint32_t anywhere32_t __attribute__((aligned(1), may_alias));

#ifndef FRAMEBUFFER_STORE /* else a test's, which counts them */
#define FRAMEBUFFER_STORE(to, v) (*(volatile anywhere_t *)(to) = (v))
#endif

static void copy_out(volatile uint8_t *to, const uint8_t *from, unsigned n)
{
    for (unsigned i = 0; i < n; i += 8)
        FRAMEBUFFER_STORE(to + i, *(const anywhere_t *)(from + i));
}

void framebuffer_clear_margins(const struct framebuffer *f,
                               volatile uint8_t *video)
{
    const unsigned right = f->cols * GLYPH_W * f->scale * f->bytes;
    const unsigned below = f->rows * GLYPH_H * f->scale;

    for (unsigned y = 0; y < f->height; y++, video += f->pitch)
        for (unsigned x = y < below ? right : 0; x < f->width * f->bytes; x++)
            video[x] = 0;
}

/* --- glyphs -------------------------------------------------------------- */

static const uint8_t *glyph_of(unsigned c)
{
    unsigned index = c - ' ';

    if (c >= 0xa0)
        index -= 0xa0 - 0x7f;
    return font_glyphs[index < font_count ? index : 0];
}

/* The colour is stored whole: what is too long of it the next one replaces. */
static uint8_t *put_pixels(const struct framebuffer *f, uint8_t *to,
                           uint32_t colour)
{
    for (unsigned i = 0; i < f->scale; i++, to += f->bytes)
        *(anywhere32_t *)to = colour;
    return to;
}

static void put_glyph_line(const struct framebuffer *f, uint8_t *to,
                           terminal_cell_t cell, unsigned y)
{
    const unsigned bits = glyph_of(cell & 0xff)[y];
    const uint32_t ink = f->colour[cell >> 8 & 15];
    const uint32_t paper = f->colour[cell >> 12 & 7];

    for (unsigned bit = 0x80; bit; bit >>= 1)
        to = put_pixels(f, to, bits & bit ? ink : paper);
}

static void draw_some(const struct framebuffer *f, volatile uint8_t *to,
                      const terminal_cell_t *cells, unsigned n)
{
    const unsigned bytes = GLYPH_W * f->scale * f->bytes;
    uint8_t line[LINE + sizeof(uint32_t)];

    for (unsigned y = 0; y < GLYPH_H; y++) {
        for (unsigned i = 0; i < n; i++)
            put_glyph_line(f, line + i * bytes, cells[i], y);
        for (unsigned i = 0; i < f->scale; i++, to += f->pitch)
            copy_out(to, line, n * bytes);
    }
}

void framebuffer_draw(const struct framebuffer *f, volatile uint8_t *video,
                      unsigned row, unsigned col, const terminal_cell_t *cells,
                      unsigned n)
{
    const unsigned bytes = GLYPH_W * f->scale * f->bytes;
    volatile uint8_t *to =
        video + (uint64_t)row * GLYPH_H * f->scale * f->pitch;

    while (n) {
        const unsigned some = MIN(n, LINE / bytes);

        draw_some(f, to + (uint64_t)col * bytes, cells, some);
        col += some;
        cells += some;
        n -= some;
    }
}

unsigned framebuffer_cost(const struct framebuffer *f)
{
    return GLYPH_H * f->scale * f->scale * f->bytes;
}
