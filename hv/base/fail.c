/* SPDX-License-Identifier: MIT */
/* fail.c: see fail.h. */
#include "hv/base/fail.h"

#include "flagstone/control.h"
#include "hv/base/print.h"

enum err fail(char *text, enum err rc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_vformat(text, FLAGSTONE_TEXT, fmt, ap);
    va_end(ap);
    print_plain(text, FLAGSTONE_TEXT);
    return rc;
}
