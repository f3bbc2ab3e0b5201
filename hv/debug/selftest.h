/* SPDX-License-Identifier: MIT */
/* selftest.h: faults on request, for tests/boot: the option selftest=. */
#pragma once

#include "hv/base/cmdline.h"

/* Comes back where the fault is committed elsewhere, or later. */
void selftest_run(enum option_selftest what);
