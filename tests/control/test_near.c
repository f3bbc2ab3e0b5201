/* SPDX-License-Identifier: MIT */
/* Which word a misspelt one was meant to be, and when none is near enough. */
#include "tests/hv/check.h"

#include <stdio.h>
#include <string.h>

#include "guest/control/near.h"

static const char *const words[] = {
    "create", "list",    "fill",    "for",         "stat",          "memory",
    "pse=",   "pse=off", "cpus=",   "vcpus=",      "pse=late",      "name=",
    "mem=",   "maxmem=", "restore", "superpages=", "superpages=off"};

static void expect(const char *word, const char *meant)
{
    char text[100] = "";
    struct near n;

    near_begin(&n, word);
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        near_offer(&n, words[i]);
    if (meant)
        snprintf(text, sizeof(text), "; did you mean '%s'?", meant);
    assert_string_equal(near_text(&n), text);
}

static void a_letter_is_left_out_put_in_or_another(void **state)
{
    (void)state;
    expect("lst", "list");
    expect("liist", "list");
    expect("lisp", "list");
    expect("reztore", "restore");
    expect("creat", "create");
}

static void neighbours_change_places(void **state)
{
    (void)state;
    expect("craete", "create");
    expect("lits", "list");
    expect("ofr", "for");
    expect("rcaete", "create"); /* twice, each once */
}

static void what_is_too_far_or_is_the_word_itself_is_none(void **state)
{
    char none[300];

    (void)state;
    expect("me", NULL);
    expect("", NULL);
    expect("list", NULL);
    expect("colour", NULL);
    expect("lxxt", NULL); /* two of four */
    memset(none, 'x', sizeof(none));
    none[sizeof(none) - 1] = 0;
    expect(none, NULL);
}

static void a_value_does_not_hide_its_name(void **state)
{
    (void)state;
    expect("nmae=a-long-name-that-is-no-matter", "name=");
    expect("memm=8M", "mem=");
    expect("pse=lat", "pse=late");
    expect("superpages=of", "superpages=off");
    expect("pse=l", NULL);
    expect("cpus=x", NULL); /* the name is right; vcpus= is no help */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_is_left_out_put_in_or_another),
        cmocka_unit_test(neighbours_change_places),
        cmocka_unit_test(what_is_too_far_or_is_the_word_itself_is_none),
        cmocka_unit_test(a_value_does_not_hide_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
