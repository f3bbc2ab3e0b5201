/* SPDX-License-Identifier: MIT */
/*
 * screen.c: what is to be seen is the terminal's; what stands on the glass is
 * in `shown`. A refresh draws only the cells that differ, those side by side
 * together, and never reads the slow video memory.
 */
#include "hv/dev/screen.h"

#include "hv/arch/device.h"
#include "hv/arch/layout.h"
#include "hv/arch/paging.h"
#include "hv/arch/x86.h"
#include "hv/base/print.h"
#include "hv/base/string.h"
#include "hv/dev/framebuffer.h"
#include "hv/dev/terminal.h"
#include "hv/dev/vga_text.h"

/* The last row is the status line, where there are rows enough. */
enum { LEAST_ROWS = 5, STATUS_COLOURS = 0x7000, MOST_PITCH = 1 << 17 };

static struct terminal terminal;
static struct framebuffer pixels;
static volatile uint8_t *video; /* NULL: nothing to draw on */
static enum bootinfo_screen kind;
static uint64_t addr, size;
static unsigned cols, rows, pitch;
static unsigned cost; /* stores of a cell */
static char status[TERMINAL_COLS + 1];
static terminal_cell_t shown[TERMINAL_ROWS][TERMINAL_COLS]; /* 0: nothing yet */

/* --- beginning ----------------------------------------------------------- */

static const char *setup_text(const struct bootinfo_framebuffer *fb)
{
    if (!fb->width || !fb->height || fb->width > TERMINAL_COLS ||
        fb->height > TERMINAL_ROWS || fb->pitch < fb->width * 2)
        return "text of an impossible size";
    cols = fb->width;
    rows = fb->height;
    cost = 1;
    return NULL;
}

static const char *setup_pixels(const struct bootinfo_framebuffer *fb)
{
    const char *why = framebuffer_setup(&pixels, fb);

    cols = pixels.cols;
    rows = pixels.rows;
    cost = framebuffer_cost(&pixels);
    return why;
}

static const char *setup(const struct bootinfo_framebuffer *fb)
{
    if (fb->screen == BOOTINFO_SCREEN_INDEXED)
        return "colours by a palette";
    if (fb->pitch > MOST_PITCH)
        return "lines that are far apart";
    return fb->screen == BOOTINFO_SCREEN_TEXT ? setup_text(fb)
                                              : setup_pixels(fb);
}

static unsigned text_rows(void)
{
    return rows >= LEAST_ROWS ? rows - 1 : rows;
}

/* What the loader has left is not the terminal's. */
static void take_over(void)
{
    if (kind == BOOTINFO_SCREEN_TEXT)
        vga_text_hide_cursor();
    else
        framebuffer_clear_margins(&pixels, video);
}

const char *screen_init(const struct bootinfo_framebuffer *fb)
{
    const char *why = fb->screen == BOOTINFO_SCREEN_NONE ? NULL : setup(fb);

    size = (uint64_t)fb->pitch * fb->height;
    if (!why && fb->screen != BOOTINFO_SCREEN_NONE)
        why = device_problem(fb->addr, size);
    video = NULL;
    kind = why ? BOOTINFO_SCREEN_NONE : fb->screen;
    if (kind == BOOTINFO_SCREEN_NONE)
        return why;
    addr = fb->addr;
    pitch = fb->pitch;
    memset(shown, 0, sizeof(shown));
    terminal_init(&terminal, cols, text_rows());
    if (addr < HV_BOOT_LIMIT && HV_BOOT_LIMIT - addr >= size) {
        video = direct_of_maddr(maddr_of(addr));
        take_over();
    }
    return NULL;
}

bool screen_present(void)
{
    return kind != BOOTINFO_SCREEN_NONE;
}

unsigned screen_columns(void)
{
    return cols;
}

const char *screen_remap(void)
{
    const bool first = !video;

    video = NULL;
    if (kind == BOOTINFO_SCREEN_NONE)
        return NULL;
    video = paging_map_video(maddr_of(addr), size);
    if (!video)
        return "out of reach";
    if (first)
        take_over();
    return paging_type_at(video) == PAGING_WC ? "write-combining" : "slow";
}

/* --- what is to be seen -------------------------------------------------- */

void screen_put(char c)
{
    if (kind != BOOTINFO_SCREEN_NONE)
        terminal_put(&terminal, (uint8_t)c);
}

void screen_put_prose(char c)
{
    if (kind != BOOTINFO_SCREEN_NONE)
        terminal_put_prose(&terminal, (uint8_t)c);
}

uint64_t screen_work(void)
{
    return terminal.work;
}

void screen_status(const char *text)
{
    print_format(status, sizeof(status), " %s", text);
}

void screen_page(int halves)
{
    terminal_look_back(&terminal, halves * (int)MAX(terminal.rows / 2, 1u));
}

void screen_page_end(void)
{
    terminal_look_here(&terminal);
}

static void wanted_status(terminal_cell_t *row)
{
    char text[TERMINAL_COLS + 1];
    size_t n;

    if (terminal.back)
        print_format(text, sizeof(text), " %u lines back; page down",
                     terminal.back);
    else
        print_format(text, sizeof(text), "%s", status);
    n = strlen(text);
    for (unsigned c = 0; c < cols; c++)
        row[c] = (terminal_cell_t)(STATUS_COLOURS |
                                   (uint8_t)(c < n ? text[c] : ' '));
}

static void wanted_row(unsigned r, terminal_cell_t *row)
{
    if (r == terminal.rows)
        wanted_status(row);
    else
        terminal_row(&terminal, r, row);
}

/* --- drawing ------------------------------------------------------------- */

static void draw(unsigned r, unsigned c, const terminal_cell_t *cells,
                 unsigned n)
{
    if (kind == BOOTINFO_SCREEN_TEXT)
        vga_text_draw(video + (uint64_t)r * pitch + c * 2, cells, n);
    else
        framebuffer_draw(&pixels, video, r, c, cells, n);
    memcpy(&shown[r][c], cells, n * sizeof(*cells));
}

/* Draws the first `most` of the cells that differ; returns how many it has. */
static unsigned draw_row(unsigned r, unsigned most)
{
    terminal_cell_t row[TERMINAL_COLS];
    unsigned drawn = 0, c = 0;

    wanted_row(r, row);
    if (!memcmp(shown[r], row, cols * sizeof(*row)))
        return 0;
    while (drawn < most) {
        unsigned n = 0;

        while (c < cols && shown[r][c] == row[c])
            c++;
        while (c + n < cols && n < most - drawn &&
               shown[r][c + n] != row[c + n])
            n++;
        if (!n)
            break;
        draw(r, c, row + c, n);
        drawn += n;
    }
    return drawn;
}

bool screen_refresh(unsigned stores)
{
    unsigned cells = MAX(stores / MAX(cost, 1u), 1u);

    if (!video)
        return true;
    for (unsigned r = 0; r < rows && cells; r++)
        cells -= draw_row(r, cells);
    x86_sfence(); /* nothing stays in the buffers that combine stores */
    return cells;
}
