/* SPDX-License-Identifier: MIT */
/* Every word of the command line is either taken or complained about. */
#include "tests/hv/check.h"

#include <stdio.h>
#include <string.h>

#include "hv/base/cmdline.h"
#include "hv/base/log.h"

static char said[1024];
static unsigned lines;

void log_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(said, sizeof(said), fmt, ap);
    va_end(ap);
    lines++;
}

static int forget(void **state)
{
    (void)state;
    said[0] = '\0';
    lines = 0;
    return 0;
}

static void good_words_are_taken(void **state)
{
    (void)state;
    cmdline_parse("  exit=hang timeslice=30  console=com1,fb debug "
                  "superpages=require fragment_reserve=17 "
                  "fast=off cpus=256 reuse=off");
    assert_int_equal(lines, 0);
    assert_int_equal(options.exit, EXIT_HANG);
    assert_int_equal(options.timeslice, 30);
    assert_int_equal(options.console, CONSOLE_COM1 | CONSOLE_FB);
    assert_int_equal(options.loglevel, LOG_DEBUG);
    assert_int_equal(options.superpages, OPT_SUPERPAGES_REQUIRE);
    assert_int_equal(options.fragment_reserve, 17);
    assert_int_equal(options.fast, 0);
    assert_int_equal(options.reuse, 0);
    assert_int_equal(options.cpus, 256);
    cmdline_parse("cpus=1");
    assert_int_equal(lines, 0);
    assert_int_equal(options.cpus, 1);
}

static void bad_words_are_named_and_change_nothing(void **state)
{
    static const char *const bad[] = {
        "timeslice",      "timeslice=",
        "timeslice=0",    "timeslice=1001",
        "timeslice=-1",   "timeslice=1x",
        "cpus",           "cpus=0",
        "cpus=257",       "cpus=2,3",
        "cpus=-1",        "timeslice=99999999999999999999",
        "exit=",          "exit=nowhere",
        "exit=qem",       "exit=qemux",
        "console=com1,x", "console",
        "console=",       "console=com1,",
        "console=,com1",  "console=com1,,fb",
        "debug=1",        "debug=",
        "profile=",       "fast",
        "fast=of",        "Exit=acpi",
        "reuse",          "reuse=1",
        "exi=acpi",       "=",
        "=acpi",          "exit==acpi",
        "nonsense",
    };
    struct options before = options;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        forget(NULL);
        cmdline_parse(bad[i]);
        assert_int_equal(lines, 1);
        assert_non_null(strstr(said, bad[i]));
        assert_memory_equal(&before, &options, sizeof(options));
    }
}

static void a_bad_word_does_not_hide_the_next(void **state)
{
    (void)state;
    cmdline_parse("nonsense timeslice=77");
    assert_int_equal(lines, 1);
    assert_int_equal(options.timeslice, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(good_words_are_taken, forget),
        cmocka_unit_test_setup(bad_words_are_named_and_change_nothing, forget),
        cmocka_unit_test_setup(a_bad_word_does_not_hide_the_next, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
