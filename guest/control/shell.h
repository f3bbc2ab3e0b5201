/* SPDX-License-Identifier: MIT */
/*
 * shell.h: what all commands share: how they refuse, and how they wait.
 *
 * A command that cannot do what it is asked says why in one line, by
 * refuse(), and has changed nothing.
 */
#pragma once

#include "base.h"

#define SHELL_WHY 240

/* Always false, to be returned. */
printf_like(1, 2) bool refuse(const char *fmt, ...);
const char *shell_why(void);

/* Of the terminal: no line of a command's should be longer. */
unsigned shell_columns(void);
void shell_set_columns(unsigned columns);

/* Is it so by now? Asked again and again; refuse() ends the waiting too. */
typedef bool shell_test_t(void *ctx);
/* Until it is so; false: not within that time, or ctrl-c, or refused. */
bool shell_wait(shell_test_t *test, void *ctx, uint64_t ms, const char *what);
bool shell_sleep(uint64_t ms);
/* Has ctrl-c been pressed since shell_begin()? Whoever asks is to give up. */
bool shell_interrupted(void);
void shell_begin(void);
