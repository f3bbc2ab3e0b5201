/* SPDX-License-Identifier: MIT */
/*
 * What the shell says of itself: each command is in one topic of `help`, what
 * is printed fits a screen of 80 columns and 24 rows and uses a wider one, and
 * what the tab key completes.
 */
#include "tests/control/said.h"

#include <stdio.h>

#include "guest/control/help.h"

static int fresh(void **state)
{
    (void)state;
    fake_reset();
    shell_begin();
    shell_set_columns(80);
    return 0;
}

/* Runs it; the longest row, and how many there are. */
static void says(const char *line, size_t *longest, size_t *rows)
{
    fake.said[0] = '\0';
    if (!command_line(line, strlen(line)))
        fail_msg("'%s': %s", line, shell_why());
    *longest = *rows = 0;
    for (const char *s = fake.said; *s; s += strcspn(s, "\n") + 1, ++*rows)
        if (*s != '@') /* JSON is for scripts */
            *longest = MAX(*longest, strcspn(s, "\n"));
}

static void it_fits_a_screen(void **state)
{
    char line[64];
    const struct command *c;
    size_t longest, rows;

    (void)state;
    says("help", &longest, &rows);
    assert_in_range(longest, 40, 79);
    assert_in_range(rows, 10, HELP_ROWS);
    for (unsigned n = 0; help_nth_topic(n); n++) {
        snprintf(line, sizeof(line), "help %s", help_nth_topic(n));
        says(line, &longest, &rows);
        if (longest > 79 || rows > HELP_ROWS)
            fail_msg("%s: %zu columns, %zu rows", line, longest, rows);
    }
    for (unsigned n = 0; (c = command_nth(n)); n++) {
        snprintf(line, sizeof(line), "help %s", c->name);
        says(line, &longest, &rows);
        if (longest > 79 || rows > HELP_ROWS)
            fail_msg("%s: %zu columns, %zu rows", line, longest, rows);
        has(c->usage);
    }
    refuses("help me", "unknown command 'me'");
}

static void a_wide_terminal_is_used(void **state)
{
    size_t longest, rows, before;

    (void)state;
    says("help create", &longest, &before);
    shell_set_columns(132);
    says("help create", &longest, &rows);
    assert_in_range(longest, 80, 131);
    assert_true(rows < before);
}

static unsigned times(const char *word)
{
    const size_t n = strlen(word);
    unsigned count = 0;

    for (const char *s = fake.said; (s = strstr(s, word)); s += n)
        count += (s[-1] == ' ') && (s[n] == ' ' || s[n] == '\n');
    return count;
}

/* In `help` the topics' own texts are not commands: so by topic. */
static void each_command_is_in_one_topic(void **state)
{
    char line[64], said[64];
    const struct command *c;
    size_t longest, rows;

    (void)state;
    for (unsigned n = 0; (c = command_nth(n)); n++) {
        unsigned topics = 0;

        for (unsigned t = 0; help_nth_topic(t); t++) {
            snprintf(line, sizeof(line), "help %s", help_nth_topic(t));
            says(line, &longest, &rows);
            snprintf(said, sizeof(said), "\n  %s%s%s", c->name,
                     *c->usage ? " " : "", c->usage);
            topics += strstr(fake.said, said) != NULL;
        }
        if (topics != 1)
            fail_msg("%s is in %u topics", c->name, topics);
        says("help", &longest, &rows);
        assert_true(times(c->name) >= 1);
    }
}

static void figures_settings_and_options_are_completed(void **state)
{
    (void)state;
    fake_add_domain("web", 16);
    tab("expect mach", "expect machine.");
    tab("expect machine.blocks_f", "expect machine.blocks_free ");
    tab("expect web.superpage", "expect web.superpage_maps ");
    tab("expect we", "expect web.");
    tab("until last.large_a", "until last.large_after ");
    tab("expect web.mem = machine.res", "expect web.mem = machine.reserve ");
    command_line("note nightly 5", 14);
    tab("expect web.mem = $nigh", "expect web.mem = $nightly ");
    tab("policy resto", "policy restore=");
    tab("policy restore=sh", "policy restore=shatter ");
    tab("policy restore=fail over", "policy restore=fail overcommit=");
    tab("policy overcommit=", "policy overcommit=o");
    tab("create k na", "create k name=");
    tab("create k name=a superpages=re", "create k name=a superpages=require ");
    tab("create k name=a mem=8M pse=l", "create k name=a mem=8M pse=late ");
    tab("try expect web.superpage", "try expect web.superpage_maps ");
    tab("fails \"x\" expect web.superpage",
        "fails \"x\" expect web.superpage_maps ");
    tab("fails \"x\" destr", "fails \"x\" destroy ");
    tab("help ima", "help images ");
    tab("expect nobody.m", "expect nobody.m");
}

/* Many of them, in rows that fit. */
static void what_could_follow_is_shown_in_rows(void **state)
{
    size_t longest = 0;

    (void)state;
    fake.said[0] = '\0';
    tab("expect machine.", "expect machine.");
    for (const char *s = fake.said; *s; s += strcspn(s, "\n") + 1)
        longest = MAX(longest, strcspn(s, "\n"));
    assert_in_range(longest, 40, 79);
    has("machine.blocks_free  machine.reserve");
}

static void tables_fit_a_screen(void **state)
{
    static const char *const lines[] = {"list", "images", "top 1", "map",
                                        "policy"};
    struct flagstone_domain *d = fake_add_domain("a-name-as-long-", 16);
    size_t longest, rows;

    (void)state;
    d->stats.superpage_maps = d->target = 999999;
    fake.machine.blocks = 2097152; /* 4 TiB */
    fake.machine.ballast_blocks = fake.machine.ballast_frames = 9999999;
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
        says(lines[i], &longest, &rows);
        if (longest > 79)
            fail_msg("%s: %zu columns", lines[i], longest);
    }
}

static void the_policy_says_what_it_could_be(void **state)
{
    size_t longest, rows;

    (void)state;
    says("policy restore=guest", &longest, &rows);
    says("policy", &longest, &rows);
    has("restore=guest         of fail|guest|shatter\n");
    has("superpages=default    of default|off|prefer|require\n");
    has("reserve=2             or another number of blocks\n");
    says("policy restore=shatter", &longest, &rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_fits_a_screen, fresh),
        cmocka_unit_test_setup(a_wide_terminal_is_used, fresh),
        cmocka_unit_test_setup(each_command_is_in_one_topic, fresh),
        cmocka_unit_test_setup(figures_settings_and_options_are_completed,
                               fresh),
        cmocka_unit_test_setup(what_could_follow_is_shown_in_rows, fresh),
        cmocka_unit_test_setup(tables_fit_a_screen, fresh),
        cmocka_unit_test_setup(the_policy_says_what_it_could_be, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
