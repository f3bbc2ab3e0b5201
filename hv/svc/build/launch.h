/* SPDX-License-Identifier: MIT */
/* launch.h: from boot modules to running guests. */
#pragma once

#include "boot/bootinfo.h"
#include "hv/svc/build/module.h"

/*
 * Starts what the modules describe; what cannot be started is said in one
 * line each and counted against the exit status. Afterwards the modules'
 * memory is free, but for what hv/svc/build/retained.h has.
 */
void launch_guests(const struct bootinfo *bi);

/* What a module line means where it does not say. */
struct module_defaults launch_defaults(void);
