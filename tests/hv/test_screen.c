/* SPDX-License-Identifier: MIT */
/*
 * The screen on video memory of the test's, which counts stores and is compared
 * with what a naive painter makes of the same text, pixel by pixel.
 */
#include "tests/hv/check.h"

#include <stdlib.h>
#include <string.h>

/* Stores, and how often one is to another 64 bytes than the one before. */
static unsigned long stored, bursts;
static uintptr_t burst;

static void count_store(uintptr_t to)
{
    stored++;
    bursts += to / 64 != burst;
    burst = to / 64;
}

#define FRAMEBUFFER_STORE(to, v)                                               \
    (count_store((uintptr_t)(to)), *(volatile anywhere_t *)(to) = (v))
#include "hv/arch/cpu.h"
#include "hv/arch/x86.h"
#include "hv/base/log.h"
static unsigned crtc_stores;
#define x86_out8(port, v) ((void)(port), (void)(v), (void)crtc_stores++)
#define x86_sfence()      ((void)0)
#include "hv/dev/framebuffer.c"
#include "hv/dev/screen.c"
#include "hv/dev/vga_text.c"

/* A font in which each line of each glyph is another. */
const uint32_t font_count = 0x5f + 0x60;
uint8_t made_font[0x5f + 0x60][GLYPH_H];
extern const uint8_t font_glyphs[0x5f + 0x60][GLYPH_H]
    __attribute__((alias("made_font")));

struct cpu_features cpu_features;

void log_say(const char *fmt, ...)
{
    (void)fmt;
}

/* --- video memory --------------------------------------------------------- */

enum { MOST = 8 << 20, EDGE = 64, UNTOUCHED = 0xee };

static uint8_t memory[MOST + 2 * EDGE] __attribute__((aligned(64)));
static uint8_t expected[MOST];
static uint64_t mapped_at;

void *paging_map_video(maddr_t pa, uint64_t bytes)
{
    if (device_problem(pa.v, bytes)) /* as hv/arch/paging.c does */
        return NULL;
    mapped_at = pa.v;
    assert_true(bytes <= MOST);
    return memory + EDGE;
}

enum paging_type paging_type_at(const volatile void *p)
{
    assert_ptr_equal(p, memory + EDGE);
    return PAGING_WC;
}

/* Above what the boot tables map, so it is there with the remap. */
#define ADDR (UINT64_C(5) << 32 | 0x1000)

static struct bootinfo_framebuffer given;

static void open_screen(void)
{
    memset(memory, UNTOUCHED, sizeof(memory));
    cpu_features.phys_bits = 36;
    given.addr = ADDR;
    assert_null(screen_init(&given));
    assert_true(screen_refresh(SCREEN_ALL)); /* nowhere to draw yet */
    mapped_at = 0;
    assert_string_equal(screen_remap(), "write-combining");
    assert_int_equal(mapped_at, ADDR);
}

static void write_text(const char *s)
{
    for (; *s; s++)
        screen_put(*s);
}

/* --- the naive painter ---------------------------------------------------- */

static uint32_t naive_channel(unsigned v, unsigned bits, unsigned at)
{
    double most = (double)((UINT64_C(1) << bits) - 1);

    return (uint32_t)((uint64_t)(v * most / 255.0 + 0.5) << at);
}

static uint32_t naive_colour(unsigned index)
{
    const uint32_t c = rgb[index];

    return naive_channel(c >> 16 & 255, given.red_bits, given.red_shift) |
           naive_channel(c >> 8 & 255, given.green_bits, given.green_shift) |
           naive_channel(c & 255, given.blue_bits, given.blue_shift);
}

static void naive_pixel(unsigned x, unsigned y, uint32_t v)
{
    const unsigned bytes = (given.bpp + 7u) / 8;
    uint8_t *p = expected + (size_t)y * given.pitch + (size_t)x * bytes;

    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t naive_of(unsigned x, unsigned y)
{
    const unsigned s = pixels.scale;
    const unsigned col = x / (8 * s), line = y / (16 * s);
    terminal_cell_t cells[TERMINAL_COLS];
    unsigned c;

    if (col >= cols || line >= rows)
        return 0;
    wanted_row(line, cells);
    c = cells[col] & 0xff;
    if (c >= 0x7f && c < 0xa0)
        c = ' ';
    c = c < 0x7f ? c - 0x20 : c - 0xa0 + 0x5f;
    return naive_colour(made_font[c][y / s % 16] & (0x80 >> x / s % 8)
                            ? cells[col] >> 8 & 15
                            : cells[col] >> 12);
}

/* Nothing between the lines and around them has been stored to. */
static void all_is_as_painted(void)
{
    memset(expected, UNTOUCHED, sizeof(expected));
    for (unsigned y = 0; y < given.height; y++)
        for (unsigned x = 0; x < given.width; x++)
            naive_pixel(x, y, naive_of(x, y));
    assert_memory_equal(memory + EDGE, expected, MOST);
    for (unsigned i = 0; i < EDGE; i++) {
        assert_int_equal(memory[i], UNTOUCHED);
        assert_int_equal(memory[EDGE + MOST + i], UNTOUCHED);
    }
}

/* --- formats -------------------------------------------------------------- */

static const struct format {
    uint8_t bpp, red_bits, red, green_bits, green, blue_bits, blue;
} formats[] = {
    {32, 8, 16, 8, 8, 8, 0},     {32, 8, 0, 8, 8, 8, 16},
    {32, 8, 24, 8, 16, 8, 8},    {32, 10, 20, 10, 10, 10, 0},
    {32, 10, 0, 10, 10, 10, 20}, {30, 10, 20, 10, 10, 10, 0},
    {24, 8, 16, 8, 8, 8, 0},     {24, 8, 0, 8, 8, 8, 16},
    {16, 5, 11, 6, 5, 5, 0},     {16, 5, 10, 5, 5, 5, 0},
    {15, 5, 10, 5, 5, 5, 0},     {16, 4, 8, 4, 4, 4, 0},
    {8, 3, 5, 3, 2, 2, 0},       {32, 11, 21, 11, 10, 10, 0},
    {32, 16, 16, 8, 8, 8, 0},
};

static void format_is(const struct format *f, unsigned width, unsigned height,
                      unsigned odd)
{
    given = (struct bootinfo_framebuffer){
        .screen = BOOTINFO_SCREEN_RGB,
        .width = width,
        .height = height,
        .pitch = width * ((f->bpp + 7u) / 8) + odd,
        .bpp = f->bpp,
        .red_bits = f->red_bits,
        .red_shift = f->red,
        .green_bits = f->green_bits,
        .green_shift = f->green,
        .blue_bits = f->blue_bits,
        .blue_shift = f->blue,
    };
}

static const struct format usual = {32, 8, 16, 8, 8, 8, 0};

static int start(void **state)
{
    (void)state;
    srand(15);
    for (unsigned i = 0; i < font_count; i++)
        for (unsigned y = 0; i && y < GLYPH_H; y++)
            made_font[i][y] = (uint8_t)(rand() >> 8);
    stored = 0;
    return 0;
}

static void colourful_text(void)
{
    write_text("plain \x1b[31mred \x1b[1;42mbright on green\x1b[0m\n");
    for (unsigned i = 0; i < 16; i++) {
        screen_put('\n');
        for (unsigned c = 0; c < 8; c++) {
            char text[32];

            print_format(text, sizeof(text), "\x1b[%u;%um%c\xc3%c",
                         (i & 8 ? 90 : 30) + (i & 7), 40 + c,
                         'a' + (int)(i + c), 0xa0 + (int)(i + c));
            write_text(text);
        }
    }
}

static void every_format_is_drawn_as_a_naive_painter_does(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        format_is(&formats[i], 333 + i, 170 + 3 * i, i % 4 * 3);
        open_screen();
        screen_status("so many domains");
        colourful_text();
        assert_true(screen_refresh(SCREEN_ALL));
        all_is_as_painted();
    }
}

/* 200 KiB of lines, and only the first of each is looked at: sizes are large.
 */
static void large_screens_have_large_glyphs(void **state)
{
    static const struct {
        unsigned width, height, scale, cols, rows;
    } sizes[] = {
        {640, 480, 1, 80, 30},       {800, 600, 1, 100, 37},
        {1024, 768, 1, 128, 48},     {1920, 1080, 1, 240, 67},
        {1920, 1200, 1, 240, 75},    {1080, 1920, 2, 67, 60},
        {2560, 1440, 2, 160, 45},    {3840, 2160, 2, 240, 67},
        {4096, 2160, 3, 170, 45},    {7680, 4320, 4, 240, 67},
        {16384, 16384, 11, 186, 93},
    };
    struct framebuffer f;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        format_is(&usual, sizes[i].width, sizes[i].height, 0);
        assert_null(framebuffer_setup(&f, &given));
        assert_int_equal(f.scale, sizes[i].scale);
        assert_int_equal(f.cols, sizes[i].cols);
        assert_int_equal(f.rows, sizes[i].rows);
    }
}

static void scaled_glyphs_are_the_same_only_larger(void **state)
{
    static const struct format few = {16, 5, 11, 6, 5, 5, 0};

    (void)state;
    format_is(&few, 2000, 300, 5); /* more than 240 columns, in less memory */
    open_screen();
    assert_int_equal(pixels.scale, 2);
    colourful_text();
    assert_true(screen_refresh(SCREEN_ALL));
    all_is_as_painted();
    format_is(&few, 4100, 200, 1);
    open_screen();
    assert_int_equal(pixels.scale, 3);
    colourful_text();
    assert_true(screen_refresh(SCREEN_ALL));
    all_is_as_painted();
}

static void refused(const char *why)
{
    const char *said = screen_init(&given);

    assert_non_null(said);
    assert_string_equal(said, why);
    assert_false(screen_present());
    screen_put('x');
    assert_true(screen_refresh(SCREEN_ALL));
    assert_null(screen_remap());
}

static void what_cannot_be_used_is_refused_in_words(void **state)
{
    static const struct format two_bits = {4, 1, 0, 1, 1, 1, 2};
    static const struct format beyond = {16, 8, 16, 8, 8, 8, 0};
    static const struct format no_blue = {32, 8, 16, 8, 8, 0, 0};

    (void)state;
    format_is(&usual, 640, 480, 0);
    given.screen = BOOTINFO_SCREEN_INDEXED;
    refused("colours by a palette");
    format_is(&two_bits, 640, 480, 640);
    refused("pixels of less than 8 or more than 32 bits");
    format_is(&beyond, 640, 480, 0);
    refused("a colour that is not in its pixel");
    format_is(&no_blue, 640, 480, 0);
    refused("a colour that is not in its pixel");
    format_is(&usual, 640, 480, 0);
    given.pitch--;
    refused("lines that overlap");
    given.pitch = 1 << 20;
    refused("lines that are far apart");
    format_is(&usual, 16385, 480, 0);
    refused("more than 16384 pixels a side");
    format_is(&usual, 7, 480, 0);
    refused("no room for a character");
}

/*
 * Below 4 GiB the screen is stored to at once: the hypervisor would clear
 * margins in somebody's RAM, which may be its own. Nothing is mapped here where
 * that is, so a store would be the end of the test.
 */
static void video_memory_in_ram_is_refused(void **state)
{
    static struct bootinfo bi = {
        .nr_ranges = 3,
        .ranges = {{0x100000, 0x8000000, BOOTINFO_RAM},
                   {0x8000000, 0x9000000, BOOTINFO_RESERVED},
                   {0x9000000, 0x9010000, BOOTINFO_ACPI}}};

    (void)state;
    cpu_features.phys_bits = 0; /* nobody has asked yet */
    device_know(&bi);
    format_is(&usual, 641, 481, 0);
    given.addr = 0x200000;
    refused("an address in RAM");
    given.addr = 0x8000000 - 1;
    refused("an address in RAM");
    given.addr = 0x9000000 - 0x1000;
    refused("an address in RAM");
    given.addr = ~UINT64_C(0) - 0xfff;
    refused("an address beyond the processor's");
    device_know(NULL);
}

/* Reserved by the firmware, or in a hole of the map: where screens are. */
static void video_memory_beside_ram_is_used(void **state)
{
    static struct bootinfo bi = {
        .nr_ranges = 3,
        .ranges = {{0, 0x9f000, BOOTINFO_RAM},
                   {UINT64_C(1) << 32, ADDR - 0x1000, BOOTINFO_RAM},
                   {ADDR - 0x1000, ADDR + MOST, BOOTINFO_RESERVED}}};

    (void)state;
    device_know(&bi);
    format_is(&usual, 640, 480, 0);
    open_screen();
    assert_true(screen_present());
    assert_null(device_problem(0xb8000, 160 * 25));
    device_know(NULL);
}

static void no_screen_is_no_mistake(void **state)
{
    (void)state;
    given = (struct bootinfo_framebuffer){0};
    assert_null(screen_init(&given));
    assert_false(screen_present());
}

/* Video memory the processor has no address for would fault. */
static void an_address_too_large_is_out_of_reach(void **state)
{
    (void)state;
    format_is(&usual, 640, 480, 0);
    given.addr = BIT(36) - 4096;
    cpu_features.phys_bits = 0; /* as it is when the loader's word is read */
    assert_null(screen_init(&given));
    cpu_features.phys_bits = 36;
    mapped_at = 0;
    assert_string_equal(screen_remap(), "out of reach");
    assert_int_equal(mapped_at, 0);
    assert_true(screen_refresh(SCREEN_ALL));
}

/* --- how much is stored --------------------------------------------------- */

/*
 * What the same cells took when each was drawn by itself, pixel by pixel: 128
 * stores, to 16 lines of pixels.
 */
static void tell_of_a_line(unsigned long cells)
{
    print_message("1024x768, 32 bits, a line scrolled changes %lu cells: %lu "
                  "stores of 8 bytes in %lu bursts; cell by cell: %lu of 4 in "
                  "%lu\n",
                  cells, stored, bursts, cells * 128, cells * 16);
}

static unsigned long scroll_by_one(const char *line)
{
    stored = bursts = 0;
    write_text(line);
    assert_true(screen_refresh(SCREEN_ALL));
    return stored;
}

static void fill_the_screen(void)
{
    char text[64];

    for (unsigned i = 0; i < rows + 5; i++) {
        print_format(text, sizeof(text),
                     "(hv) line %u says something of domain %u\n", i, i % 7);
        write_text(text);
    }
    assert_true(screen_refresh(SCREEN_ALL));
}

static void only_cells_that_differ_are_stored(void **state)
{
    unsigned long n;

    (void)state;
    format_is(&usual, 1024, 768, 0);
    open_screen();
    fill_the_screen();
    assert_int_equal(scroll_by_one(""), 0);
    /* A character, and the cursor behind it. */
    assert_int_equal(scroll_by_one("x"), 2 * 64);
    n = scroll_by_one("\n(hv) line 99 says something of domain 9\n");
    assert_true(n < rows * 12 * 64UL); /* all rows have gone up */
    tell_of_a_line(n / 64);
    assert_true(bursts < n / 64 * 16);
    all_is_as_painted();
}

static void many_lines_cost_no_more_than_the_screen(void **state)
{
    unsigned long n;

    (void)state;
    format_is(&usual, 1024, 768, 0);
    open_screen();
    stored = 0;
    for (unsigned i = 0; i < 100; i++)
        fill_the_screen();
    n = stored / 100;
    print_message("%u lines between two refreshes: %lu stores\n", rows + 5, n);
    assert_true(n <= (unsigned long)rows * cols * 64);
}

/* Bit by bit it becomes the same, and no step is larger than it may be. */
static void a_little_at_a_time_is_the_same_in_the_end(void **state)
{
    unsigned steps = 0;
    bool done = false;

    (void)state;
    format_is(&formats[6], 500, 200, 0);
    open_screen();
    colourful_text();
    while (!done) {
        stored = 0;
        done = screen_refresh(5000);
        assert_true(stored <= 5000);
        steps++;
    }
    assert_true(steps > 5);
    all_is_as_painted();
}

static void pages_turn_back_and_are_told_of(void **state)
{
    terminal_cell_t row[TERMINAL_COLS];

    (void)state;
    format_is(&usual, 640, 160, 0);
    open_screen();
    fill_the_screen();
    fill_the_screen();
    screen_page(1);
    wanted_row(terminal.rows, row);
    assert_int_equal(row[1], STATUS_COLOURS | '4'); /* lines of nine */
    assert_true(screen_refresh(SCREEN_ALL));
    all_is_as_painted();
    screen_page_end();
    screen_status("x");
    wanted_row(terminal.rows, row);
    assert_int_equal(row[1], STATUS_COLOURS | 'x');
}

/* --- VGA text ------------------------------------------------------------- */

static void vga_text_has_code_page_437(void **state)
{
    const uint16_t *words = (const uint16_t *)(const void *)(memory + EDGE);

    (void)state;
    given = (struct bootinfo_framebuffer){.screen = BOOTINFO_SCREEN_TEXT,
                                          .width = 80,
                                          .height = 25,
                                          .pitch = 160};
    crtc_stores = 0;
    open_screen();
    assert_int_equal(crtc_stores, 2); /* no cursor but ours */
    write_text("A\x1b[1;31;44m\xc3\xa4\xc3\x9f\x1b[0m\xc3\x80");
    screen_status("S");
    assert_true(screen_refresh(SCREEN_ALL));
    assert_int_equal(words[0], 0x0700 | 'A');
    assert_int_equal(words[1], 0x1c84);
    assert_int_equal(words[2], 0x1ce1);
    assert_int_equal(words[3], 0x0700 | 'A');
    assert_int_equal(words[4], 0x7000 | ' ');
    assert_int_equal(words[24 * 80 + 1], 0x7000 | 'S');
    assert_int_equal(memory[EDGE + 80 * 25 * 2], UNTOUCHED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_format_is_drawn_as_a_naive_painter_does,
                               start),
        cmocka_unit_test_setup(large_screens_have_large_glyphs, start),
        cmocka_unit_test_setup(scaled_glyphs_are_the_same_only_larger, start),
        cmocka_unit_test_setup(what_cannot_be_used_is_refused_in_words, start),
        cmocka_unit_test_setup(video_memory_in_ram_is_refused, start),
        cmocka_unit_test_setup(video_memory_beside_ram_is_used, start),
        cmocka_unit_test_setup(no_screen_is_no_mistake, start),
        cmocka_unit_test_setup(an_address_too_large_is_out_of_reach, start),
        cmocka_unit_test_setup(only_cells_that_differ_are_stored, start),
        cmocka_unit_test_setup(many_lines_cost_no_more_than_the_screen, start),
        cmocka_unit_test_setup(a_little_at_a_time_is_the_same_in_the_end,
                               start),
        cmocka_unit_test_setup(pages_turn_back_and_are_told_of, start),
        cmocka_unit_test_setup(vga_text_has_code_page_437, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
