/* SPDX-License-Identifier: MIT */
/* Kernels that are as they should be load; others are refused, in words. */
#include "tests/hv/check.h"

#include "tests/hv/elf_check.h"
#include "tests/hv/elf_make.h"

static struct elf_file file;
static struct elf_kernel k;

static int make(void **state)
{
    (void)state;
    elf_make(&file);
    return 0;
}

static enum err parse_len(size_t len, const char **why)
{
    /* A copy of exact size, so that ASan sees one byte too far. */
    void *copy = malloc(len ? len : 1);
    enum err rc;

    memcpy(copy, &file, len);
    rc = elf_parse(&k, copy, len, why);
    free(copy);
    if (rc == ERR_NONE)
        assert_true(elf_promises(&k, len));
    else
        assert_non_null(*why);
    return rc;
}

static void good(void)
{
    const char *why = NULL;

    assert_int_equal(parse_len(sizeof(file), &why), ERR_NONE);
}

static void refused(const char *what)
{
    const char *why = NULL;

    assert_int_equal(parse_len(sizeof(file), &why), ERR_INVAL);
    if (!strstr(why, what))
        fail_msg("'%s' does not say '%s'", why, what);
}

static void a_plain_kernel(void **state)
{
    (void)state;
    good();
    assert_int_equal(k.nr_segments, 1);
    assert_int_equal(k.segment[0].va, ELF_BASE + ELF_PADDR);
    assert_int_equal(k.segment[0].mem_size, 3 * 4096);
    assert_int_equal(k.start, ELF_BASE + ELF_PADDR);
    assert_int_equal(k.end, ELF_BASE + ELF_PADDR + 3 * 4096);
    assert_int_equal(k.entry, ELF_BASE + ELF_PADDR + 16);
    assert_int_equal(k.hypercall_page, ELF_ABSENT);
    assert_int_equal(k.init_p2m, ELF_ABSENT);
    assert_false(k.mod_start_pfn);
    assert_string_equal(k.os, "test");
}

static void notes_say_what_is_wanted(void **state)
{
    (void)state;
    elf_note_number(&file, XEN_ELFNOTE_HYPERCALL_PAGE,
                    ELF_BASE + ELF_PADDR + 4096);
    elf_note_number(&file, XEN_ELFNOTE_INIT_P2M, UINT64_C(1) << 39);
    elf_note_number(&file, XEN_ELFNOTE_MOD_START_PFN, 1);
    elf_note_text(&file, XEN_ELFNOTE_FEATURES,
                  "!writable_page_tables|pae_pgdir_above_4gb|never_heard_of");
    good();
    assert_int_equal(k.hypercall_page, ELF_BASE + ELF_PADDR + 4096);
    assert_int_equal(k.init_p2m, UINT64_C(1) << 39);
    assert_true(k.mod_start_pfn);
    assert_int_equal(k.features, BIT(0) | BIT(4));
    assert_int_equal(k.required, BIT(0));
}

static void numbers_have_one_to_eight_bytes(void **state)
{
    const uint64_t v = UINT64_C(0x8877665544332211);
    const uint64_t want[] = {
        [1] = 0x11, [2] = 0x2211, [4] = 0x44332211, [8] = v};

    (void)state;
    for (uint32_t len = 0; len <= 16; len++) {
        uint8_t desc[16] = {0};

        make(state);
        memcpy(desc, &v, sizeof(v));
        elf_note(&file, XEN_ELFNOTE_SUPPORTED_FEATURES, desc, len);
        if (len != 1 && len != 2 && len != 4 && len != 8) {
            refused("number");
            continue;
        }
        good();
        assert_int_equal(k.features, want[len]);
    }
}

/* As Xen: linked to run anywhere, it is loaded where it says all the same. */
static void it_may_be_position_independent(void **state)
{
    (void)state;
    file.h.type = 3;
    good();
    assert_int_equal(k.start, ELF_BASE + ELF_PADDR);
    file.h.type = 1;
    refused("not an executable");
}

static void notes_of_others_are_not_ours(void **state)
{
    uint64_t at = file.ph[0].filesz;

    (void)state;
    elf_note_number(&file, XEN_ELFNOTE_ENTRY, 42);
    memcpy(file.notes + at + 12, "GNU", 4);
    good();
    assert_int_equal(k.entry, ELF_BASE + ELF_PADDR + 16);
}

static void the_paddr_offset_counts(void **state)
{
    (void)state;
    elf_note_number(&file, XEN_ELFNOTE_PADDR_OFFSET, ELF_BASE);
    file.ph[1].paddr += ELF_BASE;
    good();
    assert_int_equal(k.start, ELF_BASE + ELF_PADDR);
}

static void strangers_are_refused(void **state)
{
    (void)state;
    file.h.ident[4] = 1;
    refused("64-bit");
    elf_make(&file);
    file.h.machine = 40;
    refused("x86-64");
    elf_make(&file);
    file.h.type = 4;
    refused("executable");
    elf_make(&file);
    file.ph[0].type = 0;
    refused("no Xen notes");
    elf_make(&file);
    elf_note_text(&file, XEN_ELFNOTE_XEN_VERSION, "xen-9");
    refused("xen-3.0");
    elf_make(&file);
    elf_note_text(&file, XEN_ELFNOTE_FEATURES, "!magic");
    refused("feature");
    elf_make(&file);
    elf_note_text(&file, XEN_ELFNOTE_FEATURES, "!auto_translated_physmap");
    refused("feature");
}

static void segments_stay_inside(void **state)
{
    (void)state;
    file.ph[1].filesz = sizeof(file.text) + 1;
    refused("inside the file");
    elf_make(&file);
    file.ph[1].offset = ~UINT64_C(0) - 10;
    refused("inside the file");
    elf_make(&file);
    file.ph[1].filesz = file.ph[1].memsz + 1;
    refused("inside the file");
    elf_make(&file);
    file.ph[1].memsz = UINT64_C(1) << 31;
    refused("outside");
    elf_make(&file);
    file.ph[1].paddr = HV_VA_START - ELF_BASE;
    refused("outside");
    elf_make(&file);
    file.ph[1].memsz = 0;
    refused("nothing to load");
    elf_make(&file);
    file.h.phoff = ~UINT64_C(0);
    refused("program headers");
    elf_make(&file);
    file.h.phnum = 0xffff;
    refused("");
}

static void segments_do_not_overlap(void **state)
{
    (void)state;
    file.h.phnum = 3;
    file.ph[2] = file.ph[1];
    file.ph[2].paddr = file.ph[1].paddr + file.ph[1].memsz;
    good();
    assert_int_equal(k.nr_segments, 2);
    file.ph[2].paddr--; /* the last byte of the first */
    refused("overlap");
    file.ph[2].paddr = file.ph[1].paddr - file.ph[2].memsz;
    good();
    file.ph[2].paddr++;
    refused("overlap");
    file.ph[2].paddr = file.ph[1].paddr;
    file.ph[2].memsz = file.ph[2].filesz = 1; /* inside */
    refused("overlap");
}

static void addresses_are_in_segments(void **state)
{
    (void)state;
    elf_note_number(&file, XEN_ELFNOTE_ENTRY, ELF_BASE);
    refused("entry");
    elf_make(&file);
    elf_note_number(&file, XEN_ELFNOTE_HYPERCALL_PAGE, ELF_BASE);
    refused("hypercall page");
    elf_make(&file);
    elf_note_number(&file, XEN_ELFNOTE_HYPERCALL_PAGE,
                    ELF_BASE + ELF_PADDR + 8);
    refused("hypercall page");
    elf_make(&file);
    elf_note_number(&file, XEN_ELFNOTE_INIT_P2M, HV_VA_START);
    refused("INIT_P2M");
    elf_make(&file);
    elf_note_number(&file, XEN_ELFNOTE_VIRT_BASE, ELF_BASE + 1);
    refused("VIRT_BASE");
}

static void sections_serve_where_there_is_no_segment(void **state)
{
    struct packed_type {
        uint32_t name, type;
        uint64_t flags, addr, offset, size;
        uint32_t link, info;
        uint64_t align, entsize;
    } s = {.type = 7, .offset = file.ph[0].offset, .size = file.ph[0].filesz};

    (void)state;
    file.ph[0].type = 0;
    memcpy(file.text, &s, sizeof(s));
    file.h.shoff = offsetof(struct elf_file, text);
    file.h.shnum = 1;
    file.h.shentsize = sizeof(s);
    good();
    assert_int_equal(k.virt_base, ELF_BASE);
}

/* However short the file is cut, nothing behind its end is looked at. */
static void cut_anywhere(void **state)
{
    const char *why;

    (void)state;
    for (size_t len = 0; len < sizeof(file); len++)
        assert_int_equal(parse_len(len, &why), ERR_INVAL);
}

/* Any one byte may be anything. */
static void any_byte_changed(void **state)
{
    const size_t end = offsetof(struct elf_file, text);
    uint8_t *byte = (uint8_t *)&file;
    const char *why;

    (void)state;
    for (size_t i = 0; i < end; i++) {
        uint8_t was = byte[i];

        for (unsigned v = 0; v < 256; v += 5) {
            byte[i] = (uint8_t)v;
            (void)parse_len(sizeof(file), &why);
        }
        byte[i] = was;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_plain_kernel, make),
        cmocka_unit_test_setup(notes_say_what_is_wanted, make),
        cmocka_unit_test_setup(it_may_be_position_independent, make),
        cmocka_unit_test_setup(numbers_have_one_to_eight_bytes, make),
        cmocka_unit_test_setup(notes_of_others_are_not_ours, make),
        cmocka_unit_test_setup(the_paddr_offset_counts, make),
        cmocka_unit_test_setup(strangers_are_refused, make),
        cmocka_unit_test_setup(segments_stay_inside, make),
        cmocka_unit_test_setup(segments_do_not_overlap, make),
        cmocka_unit_test_setup(addresses_are_in_segments, make),
        cmocka_unit_test_setup(sections_serve_where_there_is_no_segment, make),
        cmocka_unit_test_setup(cut_anywhere, make),
        cmocka_unit_test_setup(any_byte_changed, make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
