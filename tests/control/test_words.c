/* SPDX-License-Identifier: MIT */
/* Lines into words; words into names, numbers, sizes; and module options. */
#include "tests/hv/check.h"

#include <string.h>

#include "guest/control/module_line.h"
#include "guest/control/words.h"

static struct words w;

static void split(const char *line, unsigned n)
{
    assert_null(words_split(&w, line, strlen(line)));
    assert_int_equal(w.n, n);
}

static void words_stand_between_blanks(void **state)
{
    (void)state;
    split("  save\tweb   one \r", 3);
    assert_string_equal(w.word[0], "save");
    assert_string_equal(w.word[1], "web");
    assert_string_equal(w.word[2], "one");
    assert_string_equal(w.rest[1], "web   one");
    split("", 0);
    split("   ", 0);
}

static void quotes_and_comments(void **state)
{
    (void)state;
    split("echo \"a  b # c\" d#e # the rest", 3);
    assert_string_equal(w.word[1], "a  b # c");
    assert_string_equal(w.word[2], "d#e");
    split("# all of it", 0);
    assert_non_null(words_split(&w, "echo \"open", 10));
}

static void a_line_that_is_too_much(void **state)
{
    char line[2 * WORDS_LINE];

    (void)state;
    memset(line, 'a', sizeof(line));
    assert_null(words_split(&w, line, WORDS_LINE - 1));
    assert_string_equal(words_split(&w, line, WORDS_LINE),
                        "the line is too long");
    for (unsigned i = 1; i < 2 * WORDS_MAX + 2; i += 2)
        line[i] = ' ';
    assert_null(words_split(&w, line, 2 * WORDS_MAX));
    assert_int_equal(w.n, WORDS_MAX);
    assert_string_equal(words_split(&w, line, 2 * WORDS_MAX + 2),
                        "too many words");
}

static void sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"64M", 64u << 20},   {"1G", 1u << 30},
                {"4K", 4096},         {"12", 12u << 20},
                {"0x10M", 16u << 20}, {"4194303G", UINT64_C(4194303) << 30}};
    static const char *const bad[] = {"",
                                      "M",
                                      "0",
                                      "0M",
                                      "1K",
                                      "6K",
                                      "12Q",
                                      "1MM",
                                      "-1M",
                                      "1.5G",
                                      "64m",
                                      "4194304G",
                                      "99999999999999999999M",
                                      "18446744073709551615G",
                                      "0x",
                                      "64M ",
                                      "17592186044416M"};
    uint64_t v;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
        assert_true(words_size(good[i].text, &v));
        assert_int_equal(v, good[i].bytes);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        if (words_size(bad[i], &v))
            fail_msg("'%s' is a size", bad[i]);
}

static void numbers(void **state)
{
    uint64_t v;

    (void)state;
    assert_true(words_number("18446744073709551615", &v));
    assert_int_equal(v, ~UINT64_C(0));
    assert_true(words_number("0xff", &v));
    assert_int_equal(v, 255);
    assert_false(words_number("18446744073709551616", &v));
    assert_false(words_number("", &v));
    assert_false(words_number("12a", &v));
    assert_false(words_number("0x", &v));
}

static void names(void **state)
{
    (void)state;
    assert_true(words_is_name("web-1.old"));
    assert_true(words_is_name("fifteen-letters"));
    assert_false(words_is_name("sixteen-letters-"));
    assert_false(words_is_name(""));
    assert_false(words_is_name("a b"));
    assert_false(words_is_name("a=b"));
    assert_false(words_is_name("a|b"));
    assert_false(words_is_name("\x80"));
}

static void module_options(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"mem=64M", "name= is missing"},
        {"name=web", "mem= is missing"},
        {"name=web memm=64M",
         "unknown option 'memm=64M'; did you mean 'mem='?"},
        {"name=web mem=12Q", "bad 'mem=12Q': a size like 64M"},
        {"name=web mem=1M mem=2M", "said twice: 'mem=2M'"},
        {"name=web mem=64M superpages=maybe",
         "bad 'superpages=maybe': off|prefer|require"},
        {"name=web mem=64M vcpus=0", "bad 'vcpus=0': 1 to 32"},
        {"name=a=b mem=64M",
         "bad 'name=a=b': at most 15 characters, none of | \\ \" ="},
        {"name=web mem=64M control", "unknown option 'control'"},
    };
    struct module_line m;
    char why[100];

    (void)state;
    assert_true(module_line_read(
        &m, "name=web mem=64M maxmem=1G vcpus=2 relinquish=cut -- mem=x", why,
        sizeof(why)));
    assert_string_equal(m.name, "web");
    assert_int_equal(m.mem, 64u << 20);
    assert_true(m.relinquish);
    assert_false(m.superpages);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(module_line_read(&m, bad[i].text, why, sizeof(why)));
        assert_string_equal(why, bad[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_stand_between_blanks),
        cmocka_unit_test(quotes_and_comments),
        cmocka_unit_test(a_line_that_is_too_much),
        cmocka_unit_test(sizes),
        cmocka_unit_test(numbers),
        cmocka_unit_test(names),
        cmocka_unit_test(module_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
