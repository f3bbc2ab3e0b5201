/* SPDX-License-Identifier: MIT */
/*
 * attempt.c: commands with a command behind them: `fails` wants it refused,
 * `try` goes on either way. What was given up was not refused, and ends both.
 * One of them in a line, so that a line is two commands deep at most
 * (command.c).
 */
#include "guest/control/command.h"
#include "guest/control/value.h"
#include "guest/lib/guest.h"

static bool check_attempt(const struct args *a)
{
    static struct words w;
    const char *wrong = words_split(&w, a->slot[0].text, WORDS_LINE);

    if (!wrong && w.n &&
        (!strcmp(w.word[0], "try") || !strcmp(w.word[0], "fails")))
        return refuse("try and fails: no more than one of them in a line");
    return command_check(a->slot[0].text, WORDS_LINE);
}

static bool run_fails(const struct args *a)
{
    if (command_line(a->slot[0].text, WORDS_LINE))
        return refuse("fails: '%s' did not fail", a->slot[0].text);
    if (shell_interrupted())
        return false;
    printk("refused, as it should be: %s\n", shell_why());
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
    {"fails", "COMMAND...", "run a command that has to be refused", run_fails,
     check_attempt, false},
    {"try", "COMMAND...",
     "run a command and go on; $refused is 1 if it was refused, or 0", run_try,
     check_attempt, false},
    {0},
};
