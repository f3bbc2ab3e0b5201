/* SPDX-License-Identifier: MIT */
/*
 * attempt.c: commands with a command behind them: `fails` wants it refused,
 * with a text, so that no typo passes for that; `try` goes on either way. What
 * was given up was not refused, and ends both. One of them in a line, so that a
 * line is two commands deep at most (command.c).
 */
#include "guest/control/command.h"
#include "guest/control/names.h"
#include "guest/control/value.h"
#include "guest/lib/guest.h"

static bool check_inner(const char *line)
{
    static struct words w;
    const char *wrong = words_split(&w, line, WORDS_LINE);

    if (!wrong && w.n &&
        (!strcmp(w.word[0], "try") || !strcmp(w.word[0], "fails")))
        return refuse("try and fails: no more than one of them in a line");
    return command_check(line, WORDS_LINE);
}

static bool check_try(const struct args *a)
{
    return check_inner(a->slot[0].text) && names_make(NAMES_LABEL, "refused");
}

/* Names that nobody has are often the point; their text is looked at then. */
static bool check_fails(const struct args *a)
{
    bool before, ok;

    if (!a->slot[0].quoted)
        return refuse("fails: which refusal is wanted? fails \"TEXT\" COMMAND, "
                      "TEXT being some of it");
    before = names_fail(true);
    ok = check_inner(a->slot[1].text);
    names_fail(before);
    return ok;
}

static bool has(const char *text, const char *part)
{
    const size_t n = strlen(part);

    for (; *text; text++)
        if (!strncmp(text, part, n))
            return true;
    return false;
}

static bool run_fails(const struct args *a)
{
    static char why[SHELL_WHY]; /* what is run has said all it has to */

    if (command_line(a->slot[1].text, WORDS_LINE))
        return refuse("fails: '%s' did not fail", a->slot[1].text);
    if (shell_interrupted())
        return false;
    format(why, sizeof(why), "%s", shell_why());
    if (!has(why, a->slot[0].text))
        return refuse("fails: refused, but not with '%s': %s", a->slot[0].text,
                      why);
    printk("refused, as it should be: %s\n", why);
    return true;
}

static bool run_try(const struct args *a)
{
    bool ok = command_line(a->slot[0].text, WORDS_LINE);

    if (!ok && shell_interrupted())
        return false;
    if (!ok)
        printk("refused: %s\n", shell_why());
    return value_note("refused", !ok);
}

const struct command command_attempt[] = {
    {"fails", "TEXT COMMAND...",
     "run a command that has to be refused in words that have \"TEXT\" in them",
     run_fails, check_fails, false},
    {"try", "COMMAND...",
     "run a command and go on; $refused is 1 if it was refused, or 0", run_try,
     check_try, false},
    {0},
};
