/* SPDX-License-Identifier: MIT */
/*
 * screen.c: so that a machine without a serial port shows something. Text is
 * kept in `wanted`, what stands on the glass in `shown`; a refresh draws only
 * the cells that differ, and never reads the slow video memory. Scrolling moves
 * no text: row r of the glass is wanted[(top + r) % rows].
 */
#include "hv/dev/screen.h"

#include "hv/arch/layout.h"
#include "hv/arch/paging.h"
#include "hv/arch/x86.h"
#include "hv/base/string.h"

enum { MAX_COLS = 240, MAX_ROWS = 100, GLYPH_W = 8, GLYPH_H = 16, TAB = 8 };

#define TEXT_ATTRIBUTE 0x0700 /* light grey on black */

/* Made by tools/font; ASCII from ' ' on. */
extern const uint32_t font_count;
extern const uint8_t font_glyphs[][GLYPH_H];

static struct bootinfo_framebuffer fb;
static volatile uint8_t *video; /* NULL: nothing to draw on */
static unsigned cols, rows, at_col, at_row, top;
static char wanted[MAX_ROWS][MAX_COLS], shown[MAX_ROWS][MAX_COLS];
static uint32_t ink;

static uint64_t video_size(void)
{
    return (uint64_t)fb.pitch * fb.height;
}

static uint32_t channel(unsigned bits, unsigned shift)
{
    return bits && bits <= 8 && shift <= 24
               ? (uint32_t)(BITS(bits - 1, 0) * 3 / 4 << shift)
               : 0;
}

static bool usable_rgb(void)
{
    return (fb.bpp == 32 || fb.bpp == 24 || fb.bpp == 16) && font_count &&
           fb.width <= 16384 && fb.height <= 16384 &&
           fb.pitch >= fb.width * (fb.bpp / 8) && fb.pitch <= 65536;
}

void screen_init(const struct bootinfo_framebuffer *given)
{
    unsigned w = 1, h = 1;

    fb = *given;
    if (fb.screen == BOOTINFO_SCREEN_RGB && usable_rgb()) {
        w = GLYPH_W;
        h = GLYPH_H;
        ink = channel(fb.red_bits, fb.red_shift) |
              channel(fb.green_bits, fb.green_shift) |
              channel(fb.blue_bits, fb.blue_shift);
    } else if (fb.screen != BOOTINFO_SCREEN_TEXT || fb.pitch < fb.width * 2 ||
               fb.width > MAX_COLS || fb.height > MAX_ROWS) {
        fb.screen = BOOTINFO_SCREEN_NONE;
        return;
    }
    cols = MIN(fb.width / w, (unsigned)MAX_COLS);
    rows = MIN(fb.height / h, (unsigned)MAX_ROWS);
    memset(wanted, ' ', sizeof(wanted));
    memset(shown, 0, sizeof(shown));
    if (!cols || !rows)
        fb.screen = BOOTINFO_SCREEN_NONE;
    else if (fb.addr < HV_BOOT_LIMIT && HV_BOOT_LIMIT - fb.addr >= video_size())
        video = direct_of_maddr(maddr_of(fb.addr));
}

const char *screen_remap(void)
{
    video = NULL;
    if (fb.screen != BOOTINFO_SCREEN_NONE && fb.addr < BIT(52))
        video = paging_map_video(maddr_of(fb.addr), video_size());
    if (!video)
        return NULL;
    return paging_type_at(video) == PAGING_WC ? "write-combining" : "slow";
}

static void draw_pixel(volatile uint8_t *p, bool on)
{
    uint32_t v = on ? ink : 0;

    if (fb.bpp == 32)
        *(volatile uint32_t *)(volatile void *)p = v;
    else
        for (unsigned i = 0; i < fb.bpp / 8u; i++)
            p[i] = (uint8_t)(v >> 8 * i);
}

static void draw_glyph(unsigned row, unsigned col, char c)
{
    unsigned index = (unsigned char)c - ' ';
    const uint8_t *glyph = font_glyphs[index < font_count ? index : 0];
    volatile uint8_t *line = video + (uint64_t)row * GLYPH_H * fb.pitch +
                             (uint64_t)col * GLYPH_W * (fb.bpp / 8);

    for (unsigned y = 0; y < GLYPH_H; y++, line += fb.pitch)
        for (unsigned x = 0; x < GLYPH_W; x++)
            draw_pixel(line + x * (fb.bpp / 8), glyph[y] & (0x80 >> x));
}

static void draw_cell(unsigned row, unsigned col, char c)
{
    volatile uint8_t *cell = video + row * fb.pitch + col * 2;

    if (fb.screen == BOOTINFO_SCREEN_RGB)
        draw_glyph(row, col, c);
    else
        *(volatile uint16_t *)(volatile void *)cell =
            (uint16_t)(TEXT_ATTRIBUTE | (unsigned char)c);
}

static char *wanted_row(unsigned r)
{
    return wanted[(top + r) % rows];
}

/* Returns how many cells it has drawn, `most` or less. */
static unsigned draw_row(unsigned r, unsigned most)
{
    const char *row = wanted_row(r);
    unsigned n = 0;

    for (unsigned c = 0; c < cols && n < most; c++) {
        if (shown[r][c] == row[c])
            continue;
        draw_cell(r, c, row[c]);
        shown[r][c] = row[c];
        n++;
    }
    return n;
}

bool screen_refresh(unsigned cells)
{
    if (!video)
        return true;
    for (unsigned r = 0; r < rows && cells; r++)
        cells -= draw_row(r, cells);
    x86_sfence(); /* nothing stays in the buffers that combine stores */
    return cells;
}

static void new_line(void)
{
    at_col = 0;
    if (++at_row < rows)
        return;
    at_row = rows - 1;
    top = (top + 1) % rows;
    memset(wanted_row(at_row), ' ', sizeof(wanted[0]));
}

void screen_put(char c)
{
    if (fb.screen == BOOTINFO_SCREEN_NONE)
        return;
    if (c == '\n') {
        new_line();
    } else if (c == '\r') {
        at_col = 0;
    } else if (c == '\b') {
        at_col -= at_col > 0;
    } else if (c == '\t') {
        at_col = MIN((at_col + TAB) & ~(TAB - 1u), cols - 1);
    } else if ((unsigned char)c >= ' ') {
        if (at_col == cols)
            new_line();
        wanted_row(at_row)[at_col++] = c;
    }
}
