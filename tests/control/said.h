/* SPDX-License-Identifier: MIT */
/*
 * said.h: what a command printed on the fake hypervisor, or was refused for;
 * and what the tab key makes of a line.
 */
#pragma once

#include "tests/hv/check.h"

#include <string.h>

#include "guest/control/command.h"
#include "guest/control/complete.h"
#include "tests/control/fake.h"

static inline void has(const char *text)
{
    if (!strstr(fake.said, text))
        fail_msg("'%s' is not in:\n%s", text, fake.said);
}

static inline void refuses(const char *line, const char *why)
{
    if (command_line(line, strlen(line)))
        fail_msg("'%s' was not refused", line);
    assert_string_equal(shell_why(), why);
}

static inline void tab(const char *before, const char *after)
{
    struct line l;

    line_init(&l);
    line_insert(&l, before, strlen(before));
    complete(&l);
    assert_string_equal(l.text, after);
}
