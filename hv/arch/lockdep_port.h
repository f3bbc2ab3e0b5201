/* SPDX-License-Identifier: MIT */
/* lockdep_port.h: what mm/base/lockdep.h knows of this machine's locks. */
#pragma once

#include "mm/base/lockdep.h"

extern struct lockdep lockdep_port_all;

/* What it knows of CPU `id`'s. */
const struct lockdep_cpu *lockdep_port_of(unsigned id);
