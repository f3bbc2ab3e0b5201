/* SPDX-License-Identifier: MIT */
/* A module's line: every word counts, and a typo is not guessed at. */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/svc/build/module.h"

static const struct module_defaults defaults = {SUPERPAGES_PREFER};
static struct module_config m;
static char why[MODULE_WHY];

static void good(const char *text)
{
    if (module_parse(&m, text, &defaults, why))
        fail_msg("'%s': %s", text, why);
}

static void bad(const char *text, const char *what)
{
    memset(why, 'x', sizeof(why));
    assert_int_equal(module_parse(&m, text, &defaults, why), ERR_INVAL);
    assert_non_null(memchr(why, '\0', sizeof(why)));
    if (!strstr(why, what))
        fail_msg("'%s': '%s' does not say '%s'", text, why, what);
}

static void everything_said(void **state)
{
    (void)state;
    good("/guest  name=web mem=512M maxmem=1G vcpus=2 superpages=require "
         "relinquish=cut cpu=x86-64-v2,-popcnt control terminal -- a=b  -- c");
    assert_int_equal(m.kind, MODULE_GUEST);
    assert_string_equal(m.name, "web");
    assert_int_equal(m.mem, 512u << 20);
    assert_int_equal(m.maxmem, 1u << 30);
    assert_int_equal(m.vcpus, 2);
    assert_int_equal(m.superpages, SUPERPAGES_REQUIRE);
    assert_int_equal(m.relinquish, RELINQUISH_CUT);
    assert_int_equal(m.cpu.level, 2);
    assert_int_equal(m.cpu.less[SHOWN_1C], BIT(23));
    assert_true(m.control);
    assert_true(m.terminal);
    assert_string_equal(m.args, "a=b  -- c");
}

static void when_large_pages_are_shown(void **state)
{
    (void)state;
    good("name=a mem=64M");
    assert_int_equal(m.cpu.pse, SHOWN_PSE_OFF);
    good("name=a mem=64M pse=late cpu=x86-64-v3");
    assert_int_equal(m.cpu.pse, SHOWN_PSE_LATE);
    good("name=a mem=64M cpu=x86-64-v3 pse=always");
    assert_int_equal(m.cpu.pse, SHOWN_PSE_ALWAYS);
    assert_int_equal(m.cpu.level, 3);
    bad("name=a mem=64M pse=on", "bad 'pse=on'");
    bad("name=a mem=64M pse=late superpages=off", "superpages=off refuses");
}

static void processors_are_ids_and_spans(void **state)
{
    (void)state;
    good("name=a mem=64M cpus=0,2-4,255");
    for (unsigned i = 0; i < CPU_MAX; i++)
        assert_int_equal(cpu_set_has(&m.cpus, i),
                         i == 0 || (i >= 2 && i <= 4) || i == 255);
    good("name=a mem=64M cpus=7");
    assert_false(cpu_set_has(&m.cpus, 0));
}

static void defaults_where_nothing_is_said(void **state)
{
    (void)state;
    good("name=a mem=3M");
    assert_int_equal(m.mem, 4u << 20); /* whole blocks */
    assert_int_equal(m.maxmem, 4u << 20);
    assert_int_equal(m.vcpus, 1);
    assert_int_equal(m.superpages, SUPERPAGES_PREFER);
    assert_int_equal(m.relinquish, RELINQUISH_KEEP);
    assert_false(m.control);
    assert_string_equal(m.args, "");
    assert_false(cpu_set_says(&m.cpus));
    good("name=a mem=64 --");
    assert_int_equal(m.mem, 64u << 20);
    assert_string_equal(m.args, "");
    good("name=a mem=4096K");
    assert_int_equal(m.mem, 4u << 20);
}

static void ramdisks(void **state)
{
    (void)state;
    good("/boot/initrd.img initrd=web");
    assert_int_equal(m.kind, MODULE_INITRD);
    assert_string_equal(m.name, "web");
    bad("initrd=web mem=1M", "initrd= stands alone");
}

static void what_the_control_guest_may_ask_for(void **state)
{
    (void)state;
    good("/boot/keep.elf kernel=keep");
    assert_int_equal(m.kind, MODULE_KERNEL);
    assert_string_equal(m.name, "keep");
    good("scenario=story");
    assert_int_equal(m.kind, MODULE_SCENARIO);
    assert_string_equal(m.name, "story");
    bad("kernel=keep mem=1M", "kernel= stands alone");
    bad("kernel=keep scenario=keep", "stands alone");
    bad("scenario=story -- fast", "scenario= stands alone");
    bad("kernel=", "bad 'kernel='");
    bad("scenario", "bad 'scenario'");
}

static void names(void **state)
{
    (void)state;
    assert_true(module_name_ok("web"));
    assert_true(module_name_ok("fifteen-letters"));
    assert_false(module_name_ok("sixteen-letters-"));
    assert_false(module_name_ok(""));
    assert_false(module_name_ok("a b"));
    assert_false(module_name_ok("a\"b"));
    assert_false(module_name_ok("\x1b[2J"));
    assert_true(module_name_ok("7.x_86+-"));
    for (int c = 0; c < 256; c++) { /* a line begins with it, JSON holds it */
        const char begin[] = {(char)c, 'a', '\0'}, in[] = {'a', (char)c, '\0'};
        bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                      (c >= 'A' && c <= 'Z');
        bool mark = c && strchr("-._+", c);

        assert_int_equal(module_name_ok(begin), letter);
        assert_int_equal(module_name_ok(in), letter || mark || !c);
    }
}

static void typos(void **state)
{
    static const char *const lines[][2] = {
        {"name=a mem=64M meml=3", "'meml=3'"},
        {"name=a mem=64X", "'mem=64X'"},
        {"name=a mem=", "'mem='"},
        {"name=a mem", "'mem'"},
        {"name=a mem=0", "'mem=0'"},
        {"name=a mem=99999999999G", "mem="},
        {"name=a mem=4097G", "mem="},
        {"name=a mem=18446744073709551617", "mem="},
        {"name=a mem=64M mem=64M", "'mem=64M'"},
        {"name=a mem=64M control=1", "'control=1'"},
        {"name=a mem=64M vcpus=0", "'vcpus=0'"},
        {"name=a mem=64M vcpus=33", "'vcpus=33'"},
        {"name=a mem=64M vcpus=two", "'vcpus=two'"},
        {"name=a mem=64M cpus=", "'cpus='"},
        {"name=a mem=64M cpus=256", "'cpus=256'"},
        {"name=a mem=64M cpus=1,", "'cpus=1,'"},
        {"name=a mem=64M cpus=1,,2", "'cpus=1,,2'"},
        {"name=a mem=64M cpus=3-2", "'cpus=3-2'"},
        {"name=a mem=64M cpus=-1", "'cpus=-1'"},
        {"name=a mem=64M cpus=1-", "'cpus=1-'"},
        {"name=a mem=64M cpus=x", "'cpus=x'"},
        {"name=a mem=64M cpus=1-2-3", "'cpus=1-2-3'"},
        {"name=a mem=64M cpus=99999999999", "'cpus=99999999999'"},
        {"name=a mem=64M superpages=maybe", "'superpages=maybe'"},
        {"name=a mem=64M relinquish=", "'relinquish='"},
        {"name=a mem=64M maxmem=32M", "maxmem="},
        {"name= mem=64M", "'name='"},
        {"name=sixteen-letters- mem=64M", "name="},
        {"name=a|b mem=64M", "name="},
        {"mem=64M", "no name="},
        {"name=a", "no mem="},
        {"", "no name="},
        {"/only/a/path", "no name="},
        {"name=a /second/path mem=1M", "'/second/path'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        bad(lines[i][0], lines[i][1]);
}

static void long_words_are_cut_not_overrun(void **state)
{
    char text[400];

    (void)state;
    memset(text, 'q', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    bad(text, "unknown word");
    memcpy(text, "mem=", 4);
    bad(text, "bad 'mem=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_said),
        cmocka_unit_test(when_large_pages_are_shown),
        cmocka_unit_test(processors_are_ids_and_spans),
        cmocka_unit_test(defaults_where_nothing_is_said),
        cmocka_unit_test(ramdisks),
        cmocka_unit_test(what_the_control_guest_may_ask_for),
        cmocka_unit_test(names),
        cmocka_unit_test(typos),
        cmocka_unit_test(long_words_are_cut_not_overrun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
