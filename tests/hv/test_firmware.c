/* SPDX-License-Identifier: MIT */
/* What people are told of the firmware, from sound and from damaged tags. */
#include "tests/hv/check.h"

#include <stdlib.h>
#include <string.h>

#include "boot/firmware.h"

/* UEFI's system table, a loader's name, the end. */
static const uint32_t sound[] = {56, 0,          12,         16,   0, 0, 2,
                                 18, 0x42555247, 0x302e3220, 0x36, 0, 0, 8};

static struct firmware parse(const void *words, size_t len)
{
    /* The strings point into it: it stays, and ends where ASan sees it. */
    static void *copy;
    struct firmware fw;

    free(copy);
    copy = malloc(len);
    memcpy(copy, words, len);
    firmware_parse(&fw, copy, len);
    return fw;
}

static void the_loader_is_found(void **state)
{
    struct firmware fw = parse(sound, sizeof(sound));

    (void)state;
    assert_string_equal(fw.loader, "GRUB 2.06");
}

static void an_end_ends_it(void **state)
{
    uint32_t w[ARRAY_SIZE(sound)];
    struct firmware fw;

    (void)state;
    memcpy(w, sound, sizeof(w));
    w[2] = 0;
    fw = parse(w, sizeof(w));
    assert_string_equal(fw.loader, "");
}

static void a_name_that_does_not_end_or_is_no_text_is_none(void **state)
{
    uint32_t w[ARRAY_SIZE(sound)];

    (void)state;
    memcpy(w, sound, sizeof(w));
    w[7] = 17; /* cut off right before its zero */
    assert_string_equal(parse(w, sizeof(w)).loader, "");
    w[7] = 18;
    w[8] = 0x1b555247; /* an escape */
    assert_string_equal(parse(w, sizeof(w)).loader, "");
}

static void whatever_is_cut_off_nothing_beyond_is_read(void **state)
{
    (void)state;
    for (size_t len = 0; len <= sizeof(sound); len++)
        parse(sound, len);
}

static void any_size_of_a_tag_is_survived(void **state)
{
    (void)state;
    for (unsigned at = 0; at < ARRAY_SIZE(sound); at++)
        for (unsigned bit = 0; bit < 32; bit++) {
            uint32_t w[ARRAY_SIZE(sound)];

            memcpy(w, sound, sizeof(w));
            w[at] ^= 1u << bit;
            parse(w, sizeof(w));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loader_is_found),
        cmocka_unit_test(an_end_ends_it),
        cmocka_unit_test(a_name_that_does_not_end_or_is_no_text_is_none),
        cmocka_unit_test(whatever_is_cut_off_nothing_beyond_is_read),
        cmocka_unit_test(any_size_of_a_tag_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
