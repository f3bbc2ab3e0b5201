/* SPDX-License-Identifier: MIT */
/* complete.h: what the tab key adds to a line. */
#pragma once

#include "guest/control/line.h"

/* Adds what is certain; where nothing is, prints what is possible. */
void complete(struct line *l);
