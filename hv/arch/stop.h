/* SPDX-License-Identifier: MIT */
/* stop.h: one CPU ends the machine, and all others stop. */
#pragma once

#include "base.h"

/*
 * From here on this CPU is alone; does not return if another has asked first.
 * Again by the same one, it is nothing.
 */
void stop_others(void);
/*
 * Does not return if another CPU ends the machine: from an NMI, and where none
 * may come.
 */
void stop_if_asked(void);
/* A line if some have not stopped; with `debug` also if all have. */
void stop_report(void);
