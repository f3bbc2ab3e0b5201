/* SPDX-License-Identifier: MIT */
/*
 * scenario.c: a scenario may run others; each level has a text of its own, and
 * sees the variables of the loops that run it.
 *
 * Lines are checked as they are run: each as often as its loops say, with their
 * words in it; once, those of the scenarios it runs with them. That ends, and
 * so does the run: there is a most they may come to.
 */
#include "guest/control/scenario.h"

#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/loop.h"
#include "guest/control/names.h"
#include "guest/lib/console.h"
#include "guest/lib/guest.h"

#define TEXT_SIZE 32768u
#define LINES     100000u /* that all of it may come to */

static char texts[SCENARIO_DEPTH][TEXT_SIZE];
static unsigned depth, lines;
static bool running; /* all of it has been checked */
static struct loops loops;

struct scenario {
    const char *name, *text;
    uint64_t len;
    struct loop_at at; /* the line in hand, from 1 */
};

static bool load(struct scenario *s, const char *name)
{
    struct flagstone_module m;
    int64_t module = ctl_module(FLAGSTONE_MODULE_scenario, name, &m);

    *s = (struct scenario){.name = name, .text = texts[depth]};
    if (module < 0)
        return refuse("there is no scenario named '%.40s'", name);
    if (m.len > TEXT_SIZE)
        return refuse("scenario %s is longer than %u bytes", name, TEXT_SIZE);
    return ctl_read((uint64_t)module, texts[depth], m.len, &s->len);
}

typedef bool line_does_t(const char *line, size_t len);

static bool run_line(const char *line, size_t len)
{
    struct command_call *c = command_take();
    bool ok = command_read(c, line, len);

    if (ok && c->command && !c->command->quiet) {
        printk("flagstone> %s\n", c->words.line);
        console_drain();
    }
    ok = ok && command_run(c);
    command_give(c);
    return ok;
}

/* One line, its variables put in; *next is set where a loop goes back. `line`
 * is not looked at any more when a command runs other scenarios. */
static bool one_line(size_t len, const struct scenario *s, unsigned outer,
                     line_does_t *does, struct loop_at *next)
{
    static char line[WORDS_LINE], why[LOOP_WHY];
    const enum loop_word word = loop_word(s->at.text, len);
    bool given = false;

    if (loops.skip) {
        loop_skip(&loops, s->at.text, len);
        return true;
    }
    if (!loop_expand(&loops, s->at.text, len, line, why))
        return refuse("%s", why);
    for (size_t i = 0; i < len; i++)
        given |= s->at.text[i] == '$';
    if (word == LOOP_FOR)
        return loop_open(&loops, line, *next, given, why) || refuse("%s", why);
    if (word != LOOP_DONE)
        return does(line, strlen(line));
    if (loops.n == outer)
        return refuse("done: there is no loop to be done with");
    loop_done(&loops, next);
    return true;
}

/* Each line is looked at once when it is checked, and when it is run. */
static bool goes_on(void)
{
    if (shell_interrupted())
        return refuse("given up");
    if (lines++ < LINES)
        return true;
    if (loops.n)
        return refuse("the loop of %s comes to more than %u lines",
                      loops.open[0].name, LINES);
    return refuse("with what it runs it comes to more than %u lines", LINES);
}

static bool each_line(struct scenario *s, line_does_t *does)
{
    const char *end = s->text + s->len;
    unsigned outer = loops.n;

    for (s->at = (struct loop_at){s->text, 1}; s->at.text < end;) {
        struct loop_at next = {s->at.text, s->at.line + 1};

        while (next.text < end && *next.text != '\n')
            next.text++;
        size_t n = (size_t)(next.text++ - s->at.text);
        if (!goes_on() || !one_line(n, s, outer, does, &next))
            return false;
        s->at = next;
    }
    if (loops.n == outer && !loops.skip)
        return true;
    s->at.line = (loops.n > outer ? loops.open[outer].line : loops.skipped) - 1;
    loops.n = outer; /* of which of its words is all the same */
    return refuse("for: no line 'done' ends it");
}

/* The line is named by the innermost scenario, and only once: what it said is
 * kept, as no beginning of a text is its alone. */
static bool blame(const struct scenario *s)
{
    static char blamed[SHELL_WHY], why[SHELL_WHY], words[80];

    if (!strcmp(shell_why(), blamed))
        return false;
    format(why, sizeof(why), "%s", shell_why());
    loop_say(&loops, words, sizeof(words));
    refuse("scenario %s line %u%s: %s", s->name, s->at.line, words, why);
    format(blamed, sizeof(blamed), "%s", shell_why());
    return false;
}

/* All its lines; its loops are closed afterwards, however it ended. */
static bool each_line_or_blame(struct scenario *s, line_does_t *does)
{
    const unsigned outer = loops.n;
    const bool before = running;
    bool ok;

    if (!depth++)
        lines = 0;
    running = does == run_line;
    ok = each_line(s, does) || blame(s);
    depth--;
    running = before;
    loops.n = outer;
    loops.skip = 0;
    return ok;
}

/* Behind `fails`, too, its lines have to be right. */
static bool checked(struct scenario *s, const char *name)
{
    bool failing, ok;

    if (depth == SCENARIO_DEPTH)
        return refuse("scenarios that run each other, deeper than %u",
                      SCENARIO_DEPTH);
    if (!load(s, name))
        return false;
    if (!depth)
        names_begin();
    failing = names_fail(false);
    ok = each_line_or_blame(s, command_check);
    names_fail(failing);
    return ok;
}

bool scenario_reads(void)
{
    return depth;
}

bool scenario_checks(void)
{
    return depth && !running;
}

static bool is_right(const char *name)
{
    struct scenario s;

    return running || checked(&s, name);
}

static bool runs(const char *name)
{
    struct scenario s;

    return load(&s, name) && each_line_or_blame(&s, run_line);
}

static bool check_run(const struct args *a)
{
    return is_right(a->slot[0].text);
}

static bool run_run(const struct args *a)
{
    return runs(a->slot[0].text);
}

/* At the prompt, or behind another word. */
static bool check_loop(const struct args *a)
{
    (void)a;
    return refuse("for and done: each on a line of its own of a scenario");
}

static bool say_why(bool ok, char why[SCENARIO_WHY])
{
    if (!ok)
        format(why, SCENARIO_WHY, "%s", shell_why());
    return ok;
}

bool scenario_check(const char *name, char why[SCENARIO_WHY])
{
    struct scenario s;

    return say_why(checked(&s, name), why);
}

bool scenario_run(const char *name, char why[SCENARIO_WHY])
{
    return say_why(is_right(name) && runs(name), why);
}

const struct command command_scenario[] = {
    {"run", "SCENARIO", "run the commands of a scenario", run_run, check_run,
     false},
    {"for", LOOP_USAGE,
     "in a scenario: the lines up to `done`, once for each word, as $VAR",
     check_loop, check_loop, true},
    {"done", "", "the end of what `for` says again", check_loop, check_loop,
     true},
    {0},
};
