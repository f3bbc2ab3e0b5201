/* SPDX-License-Identifier: MIT */
/* selftest.h: faults on request, for tests/boot: selftest= on the command. */
#pragma once

#include "base.h"

enum selftest {
    SELFTEST_NONE,
    SELFTEST_BUG,         /* an assertion that does not hold */
    SELFTEST_WRITE_TEXT,  /* each of these must fault: W^X, ... */
    SELFTEST_WRITE_ALIAS, /* ... also through the direct map, ... */
    SELFTEST_EXEC_DATA,   /* ... NX, ... */
    SELFTEST_STACK,       /* ... the guard page below the stack, ... */
    SELFTEST_NULL,        /* ... and nothing is mapped at 0 */
};

/* Does not come back unless what = SELFTEST_NONE, or a protection fails. */
void selftest_run(enum selftest what);
