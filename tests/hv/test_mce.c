/* SPDX-License-Identifier: MIT */
/* What a machine check bank says, in words: every code there can be. */
#include "tests/hv/check.h"

#include <stdio.h>
#include <string.h>

#include "hv/arch/mce_text.h"

static char text[MCE_TEXT + 1];

static const char *said(uint64_t status)
{
    memset(text, '#', sizeof(text));
    mce_text(text, status);
    assert_non_null(memchr(text, '\0', MCE_TEXT));
    assert_int_equal(text[MCE_TEXT], '#');
    return text;
}

/* SDM vol. 3, tables 16-8 to 16-14. */
static void the_codes_of_the_manual(void **state)
{
    static const struct {
        unsigned code;
        const char *text;
    } table[] = {
        {0x0000, "no error"},
        {0x0001, "unclassified"},
        {0x0005, "internal parity"},
        {0x0400, "internal timer"},
        {0x0407, "internal, unclassified"},
        {0x000d, "cache hierarchy, level 1"},
        {0x0016, "data TLB, level 2"},
        {0x0090, "memory read, channel 0"},
        {0x00c5, "memory scrub, channel 5"},
        {0x0151, "instruction cache, level 1, fetch"},
        {0x0186, "data cache, level 2, snoop"},
        {0x0e0b, "bus or interconnect, I/O, error"},
        {0x0813, "bus or interconnect, memory, read"},
        {0x1151, "instruction cache, level 1, fetch"}, /* filtered */
        {0x0006, "a code not known here"},
        {0x0300, "a code not known here"},
    };
    char whole[MCE_TEXT];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
        snprintf(whole, sizeof(whole), "%s: corrected", table[i].text);
        assert_string_equal(said(table[i].code), whole);
    }
}

static void how_bad_it_is(void **state)
{
    (void)state;
    assert_string_equal(said(MCE_UC | 0x90),
                        "memory read, channel 0: not corrected");
    assert_string_equal(said(MCE_UC | MCE_PCC | MCE_OVER | 0x90),
                        "memory read, channel 0: not corrected, the processor "
                        "cannot go on, others lost");
}

static void every_code_is_said_within_bounds(void **state)
{
    (void)state;
    for (uint64_t code = 0; code < 0x10000; code++) {
        assert_null(strchr(said(code), '?'));
        assert_true(strlen(said(code | MCE_UC | MCE_PCC | MCE_OVER)) > 40);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_codes_of_the_manual),
        cmocka_unit_test(how_bad_it_is),
        cmocka_unit_test(every_code_is_said_within_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
