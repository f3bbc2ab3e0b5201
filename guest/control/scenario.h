/* SPDX-License-Identifier: MIT */
/*
 * scenario.h: commands from a text, one per line. All lines are read and
 * checked before the first is run; the first that is wrong is named.
 */
#pragma once

#include "base.h"

#define SCENARIO_WHY   320
#define SCENARIO_DEPTH 4u /* of those that run each other */

/* Is a line looked at, or run, that is one of a scenario's? */
bool scenario_reads(void);
/* Is one looked at, and none of it run yet? */
bool scenario_checks(void);
/* A module by name; false: `why` says in one line what is wrong. */
bool scenario_check(const char *name, char why[SCENARIO_WHY]);
bool scenario_run(const char *name, char why[SCENARIO_WHY]);
