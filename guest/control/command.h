/* SPDX-License-Identifier: MIT */
/*
 * command.h: what can be asked for, one row per command, in groups; and a
 * line of text turned into one of them, checked, and run.
 */
#pragma once

#include "guest/control/shell.h"
#include "guest/control/usage.h"

struct command {
    const char *name, *usage, *help;
    bool (*run)(const struct args *a);
    /* What can be said against the words before anything is run; or NULL. */
    bool (*check)(const struct args *a);
    bool quiet; /* a scenario does not show it */
};

/* Each ends with a row of zeroes. */
extern const struct command command_basic[], command_help[], command_attach[],
    command_domains[], command_images[], command_pressure[], command_policy[],
    command_figures[], command_record[], command_attempt[], command_story[],
    command_storm[], command_scenario[], command_view[], command_map[],
    command_trace[], command_top[];

struct command_call {
    const struct command *command; /* NULL: the line is empty */
    struct words words;
    struct args args;
};

/* Nothing of that size is on the stack, since a command may run a scenario:
 * those in hand, the innermost last. */
struct command_call *command_take(void);
void command_give(struct command_call *c);

/* Understands a line and changes nothing; false: refused. */
bool command_read(struct command_call *c, const char *line, size_t len);
bool command_run(const struct command_call *c);
/* With a call of their own: understands it; and runs it. */
bool command_check(const char *line, size_t len);
bool command_line(const char *line, size_t len);

/* NULL: there is no such command. */
const struct command *command_find(const char *name);
/* refuse() in these words, with the command that may be meant. */
bool command_unknown(const char *name);
/* Each in turn from n = 0; NULL: no more. */
const struct command *command_nth(unsigned n);
