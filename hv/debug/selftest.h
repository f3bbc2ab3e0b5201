/* SPDX-License-Identifier: MIT */
/* selftest.h: faults on request, for tests/boot: the option selftest=. */
#pragma once

#include "hv/base/cmdline.h"

/* Comes back only with SELFTEST_NONE or one of SELFTEST_LATER on. */
void selftest_run(enum option_selftest what);
