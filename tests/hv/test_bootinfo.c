/* SPDX-License-Identifier: MIT */
/* Multiboot2 information, as GRUB writes it and as nobody should. */
#include "tests/hv/check.h"

#include "tests/hv/bootinfo_check.h"

#define KEEP_START 0x200000u
#define KEEP_END   0x300000u

static uint8_t buf[1 << 17];
static size_t at;
static struct bootinfo bi;

static void put(const void *p, size_t n)
{
    assert_true(at + n <= sizeof(buf));
    memcpy(buf + at, p, n);
    at += n;
}

static void put32(uint32_t v)
{
    put(&v, 4);
}

static void put64(uint64_t v)
{
    put(&v, 8);
}

static void align8(void)
{
    while (at % 8)
        put("", 1);
}

static int start(void **state)
{
    (void)state;
    memset(buf, 0xee, sizeof(buf));
    at = 0;
    put64(0);
    return 0;
}

static enum err finish(void)
{
    uint32_t total;

    put32(0);
    put32(8);
    total = (uint32_t)at;
    memcpy(buf, &total, 4);
    return bootinfo_parse(&bi, buf, sizeof(buf), KEEP_START, KEEP_END);
}

static void add_cmdline(const char *s)
{
    put32(1);
    put32((uint32_t)(8 + strlen(s) + 1));
    put(s, strlen(s) + 1);
    align8();
}

static void add_module(uint32_t from, uint32_t to, const char *s)
{
    put32(3);
    put32((uint32_t)(16 + strlen(s) + 1));
    put32(from);
    put32(to);
    put(s, strlen(s) + 1);
    align8();
}

struct entry {
    uint64_t base, len;
    uint32_t type;
};

static void add_mmap(const struct entry *e, unsigned n)
{
    put32(6);
    put32(16 + 24 * n);
    put32(24);
    put32(0);
    for (unsigned i = 0; i < n; i++) {
        put64(e[i].base);
        put64(e[i].len);
        put32(e[i].type);
        put32(0);
    }
}

static void expect_range(unsigned i, uint64_t from, uint64_t to, int kind)
{
    assert_true(i < bi.nr_ranges);
    assert_int_equal(bi.ranges[i].start, from);
    assert_int_equal(bi.ranges[i].end, to);
    assert_int_equal(bi.ranges[i].kind, kind);
}

static const struct entry pc[] = {
    {0, 0x9fc00, 1}, {0x100000, 0x3ff00000, 1}, {0x9fc00, 0x400, 2}};

static void what_grub_says_is_understood(void **state)
{
    (void)state;
    add_cmdline("debug exit=qemu");
    add_module(0x400000, 0x500000, "name=a -- b");
    add_mmap(pc, 3);
    assert_int_equal(finish(), ERR_NONE);
    check_bootinfo(&bi, buf, sizeof(buf), KEEP_START, KEEP_END);
    assert_string_equal(bi.cmdline, "debug exit=qemu");
    assert_int_equal(bi.nr_modules, 1);
    assert_string_equal(bi.modules[0].cmdline, "name=a -- b");
    assert_int_equal(bi.nr_notes, 0);
    expect_range(0, 0, 0x9fc00, BOOTINFO_RAM);
    expect_range(1, 0x9fc00, 0xa0000, BOOTINFO_RESERVED);
    expect_range(2, 0x100000, 0x40000000, BOOTINFO_RAM);
}

static void add_loader(const char *name, uint32_t len)
{
    put32(2);
    put32(8 + len);
    put(name, len);
    align8();
}

/* It is for people: one that is damaged is none, and no more. */
static void the_loader_has_a_name(void **state)
{
    (void)state;
    add_mmap(pc, 3);
    assert_int_equal(finish(), ERR_NONE);
    assert_string_equal(bi.loader, "");
    start(state);
    add_loader("GRUB 2.06", sizeof("GRUB 2.06"));
    add_mmap(pc, 3);
    assert_int_equal(finish(), ERR_NONE);
    check_bootinfo(&bi, buf, sizeof(buf), KEEP_START, KEEP_END);
    assert_string_equal(bi.loader, "GRUB 2.06");
    start(state);
    add_loader("GRUB 2.06", sizeof("GRUB 2.06") - 1); /* without its zero */
    add_mmap(pc, 3);
    assert_int_equal(finish(), ERR_NONE);
    assert_string_equal(bi.loader, "");
}

/* What GRUB 2.06 makes of module2 lines, and what a person wrote. */
static void words_are_as_they_were_written(void **state)
{
    static const struct {
        const char *grubs, *written;
    } lines[] = {
        {"name=a -- x=\\\"b c\\\" d", "name=a -- x=\"b c\" d"},
        {"\"name=a b\" -- c", "name=a b -- c"},
        {"\"it\\'s \\\\ and \\\\\\\\\"", "it's \\ and \\\\"},
        {"ends with \\", "ends with \\"},
        {"\"\"", ""},
    };

    (void)state;
    add_cmdline("\"exit=qemu\" \\\"a");
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        add_module((uint32_t)(0x400000 + (i << 20)),
                   (uint32_t)(0x500000 + (i << 20)), lines[i].grubs);
    add_mmap(pc, 3);
    assert_int_equal(finish(), ERR_NONE);
    check_bootinfo(&bi, buf, sizeof(buf), KEEP_START, KEEP_END);
    assert_string_equal(bi.cmdline, "exit=qemu \"a");
    assert_int_equal(bi.nr_modules, ARRAY_SIZE(lines));
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        assert_string_equal(bi.modules[i].cmdline, lines[i].written);
}

/* By the system table's address, of 32 or 64 bits. */
static void the_firmware_is_told_by_its_table(void **state)
{
    for (uint32_t tag = 10; tag <= 13; tag++) {
        (void)start(state);
        add_mmap(pc, 3);
        put32(tag);
        put32(16);
        put64(0x7f000000);
        assert_int_equal(finish(), ERR_NONE);
        assert_int_equal(bi.efi, tag == 11 || tag == 12);
    }
}

static void overlaps_are_not_ram_and_are_reported(void **state)
{
    const struct entry e[] = {{0x100000, 0x900000, 1},
                              {0x400000, 0x100000, 2},
                              {0x480000, 0x100000, 4},
                              {0xa00000, 0x100000, 1}};

    (void)state;
    add_mmap(e, 4);
    assert_int_equal(finish(), ERR_NONE);
    assert_int_equal(bi.nr_ranges, 4);
    expect_range(0, 0x100000, 0x400000, BOOTINFO_RAM);
    expect_range(1, 0x400000, 0x480000, BOOTINFO_RESERVED);
    expect_range(2, 0x480000, 0x580000, BOOTINFO_NVS);
    expect_range(3, 0x580000, 0xb00000, BOOTINFO_RAM);
    assert_int_not_equal(bi.nr_notes, 0);
}

static void ranges_that_wrap_are_dropped(void **state)
{
    const struct entry e[] = {{0x100000, 0x100000, 1},
                              {UINT64_MAX - 10, 100, 1},
                              {BIT(52), 4096, 1},
                              {0x300000, UINT64_MAX, 1},
                              {0x500000, 0, 1}};

    (void)state;
    add_mmap(e, 5);
    assert_int_equal(finish(), ERR_NONE);
    assert_int_equal(bi.nr_ranges, 1);
    assert_int_equal(bi.nr_notes, 3);
}

static void bad_modules_are_dropped_with_a_note(void **state)
{
    (void)state;
    add_module(0x400000, 0x500000, "good");
    add_module(0x500000, 0x500000, "empty");
    add_module(0x600000, 0x500000, "backwards");
    add_module(0x2f0000, 0x310000, "over the hypervisor");
    add_module(0x4ff000, 0x600000, "over the first");
    add_module(0xe0000000, 0xe0001000, "not in RAM");
    add_mmap(pc, 3);
    assert_int_equal(finish(), ERR_NONE);
    check_bootinfo(&bi, buf, sizeof(buf), KEEP_START, KEEP_END);
    assert_int_equal(bi.nr_modules, 1);
    assert_string_equal(bi.modules[0].cmdline, "good");
    assert_int_equal(bi.nr_notes, 5);
}

static void every_cut_is_refused(void **state)
{
    size_t total;

    (void)state;
    add_cmdline("debug");
    add_module(0x400000, 0x500000, "x");
    add_mmap(pc, 3);
    assert_int_equal(finish(), ERR_NONE);
    total = at;
    for (size_t len = 0; len < total; len++) {
        uint32_t claimed = (uint32_t)len;
        uint8_t *cut = malloc(len ? len : 1); /* so that ASan sees the end */

        memcpy(cut, buf, len);
        if (len >= 4)
            memcpy(cut, &claimed, 4);
        assert_int_equal(bootinfo_parse(&bi, cut, len, KEEP_START, KEEP_END),
                         ERR_INVAL);
        free(cut);
    }
}

static void strings_without_an_end_are_refused(void **state)
{
    (void)state;
    put32(1);
    put32(8 + 4);
    put("abcd", 4);
    align8();
    assert_int_equal(finish(), ERR_INVAL);
}

/* --- more ranges than there is room for ----------------------------------- */

#define MANY 4000u
static struct entry many[MANY];

static uint64_t ram_bytes(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < bi.nr_ranges; i++)
        if (bi.ranges[i].kind == BOOTINFO_RAM)
            sum += bi.ranges[i].end - bi.ranges[i].start;
    return sum;
}

/* Each page: is it RAM to the map as given, whatever else claims it? */
static bool truly_ram(unsigned n, uint64_t page)
{
    bool ram = false;

    for (unsigned i = 0; i < n; i++) {
        if (page < many[i].base || page >= many[i].base + many[i].len)
            continue;
        if (many[i].type != BOOTINFO_RAM)
            return false;
        ram = true;
    }
    return ram;
}

static void assert_only_ram_is_ram(unsigned n)
{
    for (unsigned i = 0; i < bi.nr_ranges; i++)
        if (bi.ranges[i].kind == BOOTINFO_RAM)
            for (uint64_t p = bi.ranges[i].start; p < bi.ranges[i].end;
                 p += 4096)
                assert_true(truly_ram(n, p));
}

static void neighbours_that_agree_are_no_more_than_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        many[i] = (struct entry){0x100000 + i * 0x1000ul, 0x1000, 1};
    add_mmap(many, MANY);
    assert_int_equal(finish(), ERR_NONE);
    assert_int_equal(bi.nr_ranges, 1);
    assert_false(bi.too_many);
    expect_range(0, 0x100000, 0x100000 + MANY * 0x1000ul, BOOTINFO_RAM);
}

/* RAM of 1 GiB at the end of so many crumbs is used, with the largest of them.
 */
static void of_too_many_the_largest_are_used(void **state)
{
    uint64_t next = 0x100000, all = 0;

    (void)state;
    for (unsigned i = 0; i < MANY - 2; i += 2) {
        uint64_t len = 0x1000ul * (1 + i * 7 % 64);

        many[i] = (struct entry){next, len, 1};
        many[i + 1] = (struct entry){next + len, 0x1000, 2 + i % 3};
        next += len + 0x1000;
        all += len;
    }
    many[MANY - 2] = (struct entry){next, 1ul << 30, 1};
    many[MANY - 1] = (struct entry){next + (1ul << 30), 0x1000, 2};
    add_mmap(many, MANY);
    assert_int_equal(finish(), ERR_NONE);
    check_bootinfo(&bi, buf, sizeof(buf), KEEP_START, KEEP_END);
    assert_true(bi.too_many);
    expect_range(bi.nr_ranges - 2, next, next + (1ul << 30), BOOTINFO_RAM);
    assert_int_equal(ram_bytes() + bi.ram_unused, all + (1ul << 30));
    /* 96 at least, of 64 pages each. */
    assert_true(ram_bytes() - (1ul << 30) >= 90 * 0x38000);
}

/* Whatever claims come in whatever order: what is not surely RAM is not RAM. */
static void too_many_in_any_order_make_no_ram(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        unsigned n = 300 + round * 50;

        for (unsigned i = 0; i < n; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            many[i] = (struct entry){0x100000 + (seed >> 40) % 4096 * 0x1000,
                                     0x1000 * (1 + (seed >> 20) % 4),
                                     (seed >> 60) % 3 ? 1 : 2 + seed % 4};
        }
        start(NULL);
        add_mmap(many, n);
        assert_int_equal(finish(), ERR_NONE);
        check_bootinfo(&bi, buf, sizeof(buf), KEEP_START, KEEP_END);
        assert_only_ram_is_ram(n);
    }
}

/* Multiboot2, 3.6.12; behind the fixed part come colours, if it has any. */
static void add_framebuffer(uint8_t type, const void *colours, uint32_t n)
{
    put32(8);
    put32(32 + n);
    put64(UINT64_C(0x4000000000));
    put32(5120);
    put32(1280);
    put32(800);
    put(&(const uint8_t[]){32, type, 0, 0}, 4);
    if (n)
        put(colours, n);
    align8();
}

static void framebuffers_are_told_apart(void **state)
{
    static const uint8_t rgb[] = {20, 10, 10, 10, 0, 10};
    static const uint8_t palette[] = {1, 0, 0, 0, 1, 2, 3};
    static const struct {
        uint8_t type;
        const void *colours;
        uint32_t n;
        enum bootinfo_screen screen;
    } kinds[] = {{0, palette, 7, BOOTINFO_SCREEN_INDEXED},
                 {1, rgb, 6, BOOTINFO_SCREEN_RGB},
                 {1, rgb, 5, BOOTINFO_SCREEN_NONE},
                 {2, NULL, 0, BOOTINFO_SCREEN_TEXT},
                 {3, NULL, 0, BOOTINFO_SCREEN_NONE}};

    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        start(state);
        add_framebuffer(kinds[i].type, kinds[i].colours, kinds[i].n);
        assert_int_equal(finish(), ERR_NONE);
        assert_int_equal(bi.fb.screen, kinds[i].screen);
        assert_int_equal(bi.fb.addr, UINT64_C(0x4000000000));
        assert_int_equal(bi.fb.pitch, 5120);
    }
    start(state);
    add_framebuffer(1, rgb, 6);
    assert_int_equal(finish(), ERR_NONE);
    assert_int_equal(bi.fb.red_shift, 20);
    assert_int_equal(bi.fb.blue_bits, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_grub_says_is_understood, start),
        cmocka_unit_test_setup(the_loader_has_a_name, start),
        cmocka_unit_test_setup(words_are_as_they_were_written, start),
        cmocka_unit_test(the_firmware_is_told_by_its_table),
        cmocka_unit_test_setup(overlaps_are_not_ram_and_are_reported, start),
        cmocka_unit_test_setup(ranges_that_wrap_are_dropped, start),
        cmocka_unit_test_setup(bad_modules_are_dropped_with_a_note, start),
        cmocka_unit_test_setup(every_cut_is_refused, start),
        cmocka_unit_test_setup(strings_without_an_end_are_refused, start),
        cmocka_unit_test_setup(neighbours_that_agree_are_no_more_than_one,
                               start),
        cmocka_unit_test_setup(of_too_many_the_largest_are_used, start),
        cmocka_unit_test_setup(too_many_in_any_order_make_no_ram, start),
        cmocka_unit_test_setup(framebuffers_are_told_apart, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
