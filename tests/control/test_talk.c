/* SPDX-License-Identifier: MIT */
/*
 * `console`: what is typed comes to the domain, in order and all of it, until
 * ctrl-]; and `log`: the last lines that the hypervisor has said.
 */
#include "tests/control/said.h"

#include <stdio.h>

#include "guest/control/scenario.h"

static int fresh(void **state)
{
    (void)state;
    fake_reset();
    shell_begin();
    fake_add_domain("web", 16);
    return 0;
}

static void runs(const char *line)
{
    fake.said[0] = fake.asked[0] = '\0';
    if (!command_line(line, strlen(line)))
        fail_msg("'%s': %s", line, shell_why());
}

static void keys_reach_the_domain_until_ctrl_bracket(void **state)
{
    (void)state;
    fake.typed = "ls -l\r\x03\x1dlist";
    runs("console web");
    assert_string_equal(fake.heard, "ls -l\r\x03");
    assert_string_equal(fake.typed, "list");
    assert_string_equal(fake.asked, "52 web 1|52 web 0|");
    has("at the console of 'web'; ctrl-] comes back\n");
    has("\nback from 'web'\n");
}

static void a_domain_that_goes_ends_it(void **state)
{
    (void)state;
    fake.typed = "exit\x04";
    runs("console web");
    assert_string_equal(fake.asked, "52 web 1|");
    has("'web' is gone\n");
    refuses("console web", "there is no domain named 'web'");
}

static void a_text_is_typed_as_a_line(void **state)
{
    (void)state;
    fake.room = 2;
    runs("console web echo a  b");
    assert_string_equal(fake.heard, "echo a  b\r");
    assert_string_equal(fake.asked, "");
    fake.stubborn = true;
    refuses("console web x", "'web' does not read what is typed");
    fake.typed = "x";
    refuses("console web", "'web' does not read what is typed");
}

static void only_another_has_a_console(void **state)
{
    char why[SCENARIO_WHY];

    (void)state;
    refuses("console control",
            "console: 'control' is the control guest, whose console this is");
    fake_add_module("keys", FLAGSTONE_MODULE_scenario, "console web\n");
    assert_false(scenario_run("keys", why));
    assert_string_equal(why, "scenario keys line 1: console: a scenario has no "
                             "keys: say what is to be typed");
    fake_add_module("text", FLAGSTONE_MODULE_scenario, "console web halt\n");
    assert_true(scenario_run("text", why));
    assert_string_equal(fake.heard, "halt\r");
}

static void log_is(const char *line, const char *text)
{
    runs(line);
    assert_string_equal(fake.said, text);
}

static void the_last_lines_are_shown(void **state)
{
    (void)state;
    strcpy(fake.log, "cut\n(hv) one\n(hv) two\n(hv) three\n");
    fake.log_from = 70000;
    log_is("log 1", "(hv) three\n");
    log_is("log 2", "(hv) two\n(hv) three\n");
    log_is("log 9", fake.log);
    log_is("log", fake.log);
    log_is("log 0", "");
    fake.log[0] = '\0';
    for (unsigned i = 0; i < 30; i++)
        snprintf(fake.log + strlen(fake.log), 20, "(hv) %u\n", i);
    runs("log");
    assert_int_equal(strncmp(fake.said, "(hv) 10\n", 8), 0);
}

static void who_runs_the_shell_is_not_asked(void **state)
{
    static const char *const lines[] = {"ask suspend control",
                                        "ask poweroff control",
                                        "shutdown control", "heal control"};
    char why[100];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
        snprintf(why, sizeof(why),
                 "%.*s: 'control' is the control guest, which runs this shell: "
                 "quit ends it",
                 (int)strcspn(lines[i], " "), lines[i]);
        fake.asked[0] = '\0';
        refuses(lines[i], why);
        assert_string_equal(fake.asked, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(keys_reach_the_domain_until_ctrl_bracket, fresh),
        cmocka_unit_test_setup(a_domain_that_goes_ends_it, fresh),
        cmocka_unit_test_setup(a_text_is_typed_as_a_line, fresh),
        cmocka_unit_test_setup(only_another_has_a_console, fresh),
        cmocka_unit_test_setup(the_last_lines_are_shown, fresh),
        cmocka_unit_test_setup(who_runs_the_shell_is_not_asked, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
