/* SPDX-License-Identifier: MIT */
/* series.h: what was sampled in a run, over time, as text for people. */
#pragma once

#include <stdio.h>

#include "base.h"

/* A row for each of SERIES_ROWS equal parts of the time in which there is a
 * sample: the means of it. False: there is none in the file. */
#define SERIES_ROWS 24u
bool series_print(FILE *samples, const char *title);
