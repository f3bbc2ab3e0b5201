/* SPDX-License-Identifier: MIT */
/* selftest.h: faults on request, for tests/boot: the option selftest=. */
#pragma once

#include "hv/base/cmdline.h"

/* Does not come back unless what = SELFTEST_NONE, or a protection fails. */
void selftest_run(enum option_selftest what);
