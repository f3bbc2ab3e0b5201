/* SPDX-License-Identifier: MIT */
/* summary.h: a page of what the firmware says of the machine: `summary`. */
#pragma once

#include "boot/bootinfo.h"

/*
 * Says it if the command line asks for it. With no guest to be started that was
 * all: it does not return.
 */
void summary_run(const struct bootinfo *bi);
