/* SPDX-License-Identifier: MIT */
/* basic.c: commands about the shell itself: help, echo, sleep, the end. */
#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/lib/guest.h"

static void print_one(const struct command *c)
{
    printk("  %s%s%s\n      %s\n", c->name, *c->usage ? " " : "", c->usage,
           c->help);
}

static bool check_help(const struct args *a)
{
    return !a->slot[0].text || command_find(a->slot[0].text) ||
           refuse("unknown command '%.40s'", a->slot[0].text);
}

static bool run_help(const struct args *a)
{
    const struct command *c;

    if (a->slot[0].text) {
        print_one(command_find(a->slot[0].text));
        return true;
    }
    for (unsigned n = 0; (c = command_nth(n)); n++)
        print_one(c);
    return true;
}

static bool run_echo(const struct args *a)
{
    printk("%s\n", a->slot[0].text ? a->slot[0].text : "");
    return true;
}

static bool run_sleep(const struct args *a)
{
    return shell_sleep(MIN(a->slot[0].value, 3600u) * 1000);
}

static bool run_quit(const struct args *a)
{
    (void)a;
    return ctl_with_number(FLAGSTONE_CTL_end, 0);
}

const struct command command_basic[] = {
    {"help", "[COMMAND]", "what can be asked for", run_help, check_help, true},
    {"echo", "[TEXT...]", "print a text", run_echo, NULL, true},
    {"sleep", "SECONDS", "wait", run_sleep, NULL, true},
    {"quit", "", "destroy all domains and switch off", run_quit, NULL, false},
    {"end", "", "the same", run_quit, NULL, false},
    {0},
};
