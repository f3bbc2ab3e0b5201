/* SPDX-License-Identifier: MIT */
/* Usage lines as grammar: what they take, what they refuse and in what words.
 */
#include "tests/hv/check.h"

#include <stdio.h>

#include <string.h>

#include "guest/control/usage.h"

static struct words w;
static struct args a;
static char why[USAGE_WHY];

static bool reads(const char *usage, const char *line)
{
    assert_null(words_split(&w, line, strlen(line)));
    return usage_read(usage, &w, 0, &a, why);
}

static void good(const char *usage, const char *line)
{
    if (!reads(usage, line))
        fail_msg("%s: '%s': %s", usage, line, why);
}

static void bad(const char *usage, const char *line, const char *text)
{
    assert_false(reads(usage, line));
    assert_string_equal(why, text);
}

static void values_have_slots(void **state)
{
    (void)state;
    good("NAME SIZE", "web 64M");
    assert_string_equal(a.slot[0].text, "web");
    assert_int_equal(a.slot[1].value, 64u << 20);
    bad("NAME SIZE", "web", "SIZE is missing");
    bad("NAME SIZE", "web 12Q", "'12Q' is not a size like 64M or 1G");
    bad("NAME SIZE", "web 64M x", "'x' is not understood here");
    bad("NAME", "a|b", "'a|b' is not a name (at most 15 characters)");
    bad("", "x", "'x' is not understood here");
}

#define RESTORE "IMAGE [fail|guest|shatter] [as NAME]"
static void optional_parts(void **state)
{
    (void)state;
    good(RESTORE, "img");
    assert_null(a.slot[1].text);
    assert_null(a.slot[2].text);
    good(RESTORE, "img shatter as two");
    assert_int_equal(a.slot[1].choice, 2);
    assert_string_equal(a.slot[2].text, "two");
    good(RESTORE, "img as two");
    assert_null(a.slot[1].text);
    assert_string_equal(a.slot[2].text, "two");
    bad(RESTORE, "img shater", "'shater' is not understood here");
    bad(RESTORE, "img as", "NAME is missing");
    bad(RESTORE, "", "IMAGE is missing");
}

static void choices_of_words_and_values(void **state)
{
    (void)state;
    good("NAME running|gone|SIZE [SECONDS]", "web gone");
    assert_int_equal(a.slot[1].choice, 1);
    good("NAME running|gone|SIZE [SECONDS]", "web 8M 3");
    assert_int_equal(a.slot[1].choice, 2);
    assert_int_equal(a.slot[1].value, 8u << 20);
    assert_int_equal(a.slot[2].value, 3);
    bad("NAME running|gone|SIZE [SECONDS]", "web off",
        "'off' is not running|gone|SIZE");
    bad("NAME running|gone|SIZE [SECONDS]", "web gone soon",
        "'soon' is not a number");
}

static void the_rest_as_typed(void **state)
{
    (void)state;
    good("KERNEL OPTIONS...", "keep name=a  mem=1M -- \"x  y\"");
    assert_string_equal(a.slot[1].text, "name=a  mem=1M -- \"x  y\"");
    bad("KERNEL OPTIONS...", "keep", "OPTIONS is missing");
    good("[TEXT...]", "");
    assert_null(a.slot[0].text);
}

static char seen[200];

static void note(void *ctx, const char *word, size_t len)
{
    (void)ctx;
    snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%.*s,",
             (int)len, word);
}

static void completion(void **state)
{
    static const struct {
        unsigned n;
        const char *words;
    } at[] = {{0, "IMAGE,"}, {1, "fail,guest,shatter,as,NAME,"}, {9, ""}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
        seen[0] = '\0';
        usage_words(RESTORE, at[i].n, note, NULL);
        assert_string_equal(seen, at[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_slots),
        cmocka_unit_test(optional_parts),
        cmocka_unit_test(choices_of_words_and_values),
        cmocka_unit_test(the_rest_as_typed),
        cmocka_unit_test(completion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
