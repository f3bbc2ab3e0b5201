/* SPDX-License-Identifier: MIT */
/* prompt.h: the shell: a line is typed, and run, for ever. */
#pragma once

#include "base.h"

noreturn_fn void prompt(void);
