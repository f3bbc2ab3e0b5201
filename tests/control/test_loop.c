/* SPDX-License-Identifier: MIT */
/* Variables put into lines, and the lines a loop goes back to. */
#include "tests/hv/check.h"

#include <string.h>

#include "guest/control/loop.h"

static struct loops l;
static const struct loop_at behind = {"body", 7};

static int fresh(void **state)
{
    (void)state;
    l.n = l.skip = 0;
    return 0;
}

static void opens(const char *line)
{
    char why[LOOP_WHY];

    if (!loop_open(&l, line, behind, false, why))
        fail_msg("'%s': %s", line, why);
}

static void becomes(const char *line, const char *to)
{
    char out[WORDS_LINE], why[LOOP_WHY];

    if (!loop_expand(&l, line, strlen(line), out, why))
        fail_msg("'%s': %s", line, why);
    assert_string_equal(out, to);
}

static void is_refused(const char *line, const char *words)
{
    char out[WORDS_LINE], why[LOOP_WHY];

    assert_false(loop_expand(&l, line, strlen(line), out, why));
    assert_string_equal(why, words);
}

static void a_variable_stands_for_its_word(void **state)
{
    (void)state;
    opens("for SIZE in 16M 32M");
    opens("for N_2 in a");
    becomes("create keep name=w$N_2 mem=$SIZE", "create keep name=wa mem=16M");
    becomes("${SIZE}B $SIZE.$N_2\"$SIZE\"", "16MB 16M.a\"16M\"");
    becomes("$size ${size} $ $$ 5$ $1", "$size ${size} $ $$ 5$ $1");
    becomes("fill 1 # of $NOTHING", "fill 1 ");
    becomes("echo \"# $SIZE\" a#$SIZE", "echo \"# 16M\" a#16M");
    becomes("${SIZE", "${SIZE");
    is_refused("$SIZES", "there is no variable named 'SIZES'");
    is_refused("x${N}", "there is no variable named 'N'");
}

static void a_word_of_a_quote_is_one(void **state)
{
    (void)state;
    opens("for X in \"a b\" c");
    becomes("fill $X", "fill a b");
}

static void a_line_has_an_end(void **state)
{
    char line[WORDS_LINE];

    (void)state;
    opens(
        "for LONG in aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    memset(line, 'x', sizeof(line));
    memcpy(line + WORDS_LINE - 10, "$LONG", 6);
    is_refused(line, "the line is too long");
    line[WORDS_LINE - 60] = '\0';
    becomes(line, line);
}

static void each_word_once(void **state)
{
    struct loop_at next = {"after", 9};
    char said[40];

    (void)state;
    opens("for A in 1 2");
    opens("for B in x");
    loop_say(&l, said, sizeof(said));
    assert_string_equal(said, " (A=1 B=x)");
    loop_done(&l, &next);
    assert_string_equal(next.text, "after");
    assert_int_equal(l.n, 1);
    loop_done(&l, &next);
    assert_ptr_equal(next.text, behind.text);
    assert_int_equal(next.line, behind.line);
    becomes("$A", "2");
    next.text = "after";
    loop_done(&l, &next);
    assert_string_equal(next.text, "after");
    assert_int_equal(l.n, 0);
    loop_say(&l, said, sizeof(said));
    assert_string_equal(said, "");
}

static void a_list_may_be_empty_if_a_variable_gave_it(void **state)
{
    char why[LOOP_WHY];

    (void)state;
    assert_false(loop_open(&l, "for A in ", behind, false, why));
    assert_string_equal(why, "for: WORDS are missing (VAR in WORDS...)");
    assert_int_equal(l.skip, 0);
    assert_true(loop_open(&l, "for A in ", behind, true, why));
    assert_int_equal(l.n, 0);
    assert_int_equal(l.skip, 1);
}

static void is(const char *line, enum loop_word word)
{
    if (loop_word(line, strlen(line)) != word)
        fail_msg("'%s' is not %u", line, word);
}

static void a_line_is_what_its_first_word_says(void **state)
{
    (void)state;
    is("for", LOOP_FOR);
    is(" \t for \"", LOOP_FOR);
    is("done\r", LOOP_DONE);
    is("done # of it", LOOP_DONE);
    is("", LOOP_NONE);
    is("  ", LOOP_NONE);
    is("fort", LOOP_NONE);
    is("fo", LOOP_NONE);
    is("done#", LOOP_NONE);
    is("# for", LOOP_NONE);
    is("$X done", LOOP_NONE);
    assert_int_equal(loop_word("forty", 3), LOOP_FOR);
    assert_int_equal(loop_word("done", 3), LOOP_NONE);
}

static void what_is_skipped_is_counted_whatever_it_is_like(void **state)
{
    char line[3 * WORDS_LINE] = "for X in", why[LOOP_WHY];

    (void)state;
    assert_true(loop_open(&l, "for A in ", behind, true, why));
    assert_int_equal(l.skipped, behind.line);
    memset(line + strlen(line), ' ', sizeof(line) - strlen(line));
    for (size_t i = 9; i < sizeof(line); i += 2)
        line[i] = 'x'; /* neither as long as a line nor as many words as one */
    loop_skip(&l, line, sizeof(line));
    assert_int_equal(l.skip, 2);
    loop_skip(&l, "for X in \"open", 14);
    assert_int_equal(l.skip, 3);
    for (unsigned left = 3; left-- > 0;) {
        loop_skip(&l, "fill $NOTHING", 13);
        loop_skip(&l, "done", 4);
        assert_int_equal(l.skip, left);
    }
    assert_int_equal(l.skipped, behind.line);
}

static void loops_have_a_depth(void **state)
{
    char line[] = "for A in 1", why[LOOP_WHY];

    (void)state;
    for (unsigned i = 0; i < LOOP_DEPTH; i++, line[4]++)
        opens(line);
    assert_false(loop_open(&l, line, behind, false, why));
    assert_string_equal(why, "for: loops in loops, deeper than 6");
    assert_int_equal(l.n, LOOP_DEPTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_variable_stands_for_its_word, fresh),
        cmocka_unit_test_setup(a_word_of_a_quote_is_one, fresh),
        cmocka_unit_test_setup(a_line_has_an_end, fresh),
        cmocka_unit_test_setup(each_word_once, fresh),
        cmocka_unit_test_setup(a_list_may_be_empty_if_a_variable_gave_it,
                               fresh),
        cmocka_unit_test_setup(a_line_is_what_its_first_word_says, fresh),
        cmocka_unit_test_setup(what_is_skipped_is_counted_whatever_it_is_like,
                               fresh),
        cmocka_unit_test_setup(loops_have_a_depth, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
