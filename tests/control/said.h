/* SPDX-License-Identifier: MIT */
/* said.h: what a command printed on the fake hypervisor, or was refused for. */
#pragma once

#include "tests/hv/check.h"

#include <string.h>

#include "guest/control/command.h"
#include "tests/control/fake.h"

static inline void has(const char *text)
{
    if (!strstr(fake.said, text))
        fail_msg("'%s' is not in:\n%s", text, fake.said);
}

static inline void refuses(const char *line, const char *why)
{
    assert_false(command_line(line, strlen(line)));
    assert_string_equal(shell_why(), why);
}
