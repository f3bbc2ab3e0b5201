/* SPDX-License-Identifier: MIT */
/*
 * scenario.c: a scenario may run others; each level has a text of its own.
 */
#include "guest/control/scenario.h"

#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/lib/console.h"
#include "guest/lib/guest.h"

#define DEPTH     4u
#define TEXT_SIZE 32768u

static char texts[DEPTH][TEXT_SIZE];
static unsigned depth;

struct scenario {
    const char *name, *text;
    uint64_t len;
    unsigned line; /* the one in hand, from 1 */
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

static bool check_line(const char *line, size_t len)
{
    struct command_call c;

    return command_read(&c, line, len);
}

static bool run_line(const char *line, size_t len)
{
    struct command_call c;

    if (!command_read(&c, line, len))
        return false;
    if (c.command && !c.command->quiet) {
        printk("flagstone> %s\n", c.words.line);
        console_drain();
    }
    return command_run(&c);
}

static bool each_line(struct scenario *s, line_does_t *does)
{
    const char *at = s->text, *end = s->text + s->len;

    for (s->line = 1; at < end; s->line++) {
        size_t n = 0;

        while (at + n < end && at[n] != '\n')
            n++;
        if (!does(at, n))
            return false;
        at += n + 1;
    }
    return true;
}

/* The line is named by the innermost scenario, and only once. */
static bool blame(const struct scenario *s)
{
    char why[SHELL_WHY];

    format(why, sizeof(why), "%s", shell_why());
    if (!strncmp(why, "scenario ", 9))
        return false;
    return refuse("scenario %s line %u: %s", s->name, s->line, why);
}

static bool checked(struct scenario *s, const char *name)
{
    bool ok;

    if (depth == DEPTH)
        return refuse("scenarios that run each other, deeper than %u", DEPTH);
    if (!load(s, name))
        return false;
    depth++;
    ok = each_line(s, check_line) || blame(s);
    depth--;
    return ok;
}

static bool check_run(const struct args *a)
{
    struct scenario s;

    return checked(&s, a->slot[0].text);
}

static bool run_run(const struct args *a)
{
    struct scenario s;
    bool ok;

    if (!checked(&s, a->slot[0].text))
        return false;
    depth++;
    ok = each_line(&s, run_line) || blame(&s);
    depth--;
    return ok;
}

bool scenario_run(const char *name, char why[SCENARIO_WHY])
{
    struct args a = {.slot = {{.text = name}}};
    bool ok = run_run(&a);

    if (!ok)
        format(why, SCENARIO_WHY, "%s", shell_why());
    return ok;
}

const struct command command_scenario[] = {
    {"run", "SCENARIO", "run the commands of a scenario", run_run, check_run,
     false},
    {0},
};
