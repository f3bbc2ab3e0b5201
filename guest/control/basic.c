/* SPDX-License-Identifier: MIT */
/* basic.c: commands about the shell itself: echo, sleep, the end. */
#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/lib/guest.h"

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
    {"echo", "[TEXT...]", "print a text", run_echo, NULL, true},
    {"sleep", "SECONDS", "wait", run_sleep, NULL, true},
    {"quit", "", "destroy all domains and switch off", run_quit, NULL, false},
    {"end", "", "the same as quit", run_quit, NULL, false},
    {0},
};
