/* SPDX-License-Identifier: MIT */
/* host.c: what the guest's formatter and assertions want, on the host. */
#include <stdio.h>
#include <stdlib.h>

#include "base.h"
#include "guest/lib/console.h"

void console_write(const char *text, size_t len)
{
    fwrite(text, 1, len, stdout);
}

noreturn_fn void bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}
