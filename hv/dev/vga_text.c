/* SPDX-License-Identifier: MIT */
/*
 * vga_text.c: IBM VGA: a character and its colours in two bytes. Invariant:
 * bit 15, which may make a character blink, is never set.
 */
#include "hv/dev/vga_text.h"

#include "hv/arch/x86.h"

#define CRTC_INDEX   0x3d4
#define CRTC_DATA    0x3d5
#define CURSOR_START 0x0a
#define CURSOR_OFF   0x20

/* Code page 437 of U+00A0 to U+00FF; '?': it has none. */
static const uint8_t cp437[96] = {
    0xff, 0xad, 0x9b, 0x9c, '?',  0x9d, '|',  0x15, '"',  'C',  0xa6, 0xae,
    0xaa, '-',  'R',  '-',  0xf8, 0xf1, 0xfd, '3',  '\'', 0xe6, 0x14, 0xfa,
    ',',  '1',  0xa7, 0xaf, 0xac, 0xab, '?',  0xa8, 'A',  'A',  'A',  'A',
    0x8e, 0x8f, 0x92, 0x80, 'E',  0x90, 'E',  'E',  'I',  'I',  'I',  'I',
    'D',  0xa5, 'O',  'O',  'O',  'O',  0x99, 'x',  'O',  'U',  'U',  'U',
    0x9a, 'Y',  '?',  0xe1, 0x85, 0xa0, 0x83, 'a',  0x84, 0x86, 0x91, 0x87,
    0x8a, 0x82, 0x88, 0x89, 0x8d, 0xa1, 0x8c, 0x8b, 'd',  0xa4, 0x95, 0xa2,
    0x93, 'o',  0x94, 0xf6, 'o',  0x97, 0xa3, 0x96, 0x81, 'y',  '?',  0x98,
};

void vga_text_hide_cursor(void)
{
    x86_out8(CRTC_INDEX, CURSOR_START);
    x86_out8(CRTC_DATA, CURSOR_OFF);
}

uint16_t vga_text_of(terminal_cell_t cell)
{
    unsigned c = cell & 0xff;

    if (c >= 0xa0)
        c = cp437[c - 0xa0];
    return (uint16_t)((cell & 0x7f00) | c);
}

void vga_text_draw(volatile uint8_t *to, const terminal_cell_t *cells,
                   unsigned n)
{
    volatile uint16_t *words = (volatile uint16_t *)(volatile void *)to;

    for (unsigned i = 0; i < n; i++)
        words[i] = vga_text_of(cells[i]);
}
