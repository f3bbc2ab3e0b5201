/* SPDX-License-Identifier: MIT */
/* launch.h: from boot modules to running guests. */
#pragma once

#include "boot/bootinfo.h"

/*
 * Starts what the modules describe; what cannot be started is said in one
 * line each and counted against the exit status.
 */
void launch_guests(const struct bootinfo *bi);
