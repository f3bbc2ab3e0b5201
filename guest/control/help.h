/* SPDX-License-Identifier: MIT */
/*
 * help.h: what there is to be said of commands: of one, of those of a topic, or
 * which topics there are. None of it is more than 23 rows, so that it and the
 * prompt are on a screen of 24.
 */
#pragma once

#include "base.h"

#define HELP_ROWS 23u

/* Each in turn from n = 0; NULL: no more. */
const char *help_nth_topic(unsigned n);
