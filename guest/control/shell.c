/* SPDX-License-Identifier: MIT */
/*
 * shell.c: waiting is sleeping and looking, since nothing announces to the
 * control guest what another one does.
 */
#include "guest/control/shell.h"

#include "guest/control/terminal.h"
#include "guest/lib/guest.h"

#define LOOK_NS UINT64_C(2000000)

static char why[SHELL_WHY];
static bool interrupted;
static unsigned columns = 80;

bool refuse(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    format_v(why, sizeof(why), fmt, args);
    va_end(args);
    return false;
}

const char *shell_why(void)
{
    return why;
}

unsigned shell_columns(void)
{
    return columns;
}

void shell_set_columns(unsigned n)
{
    columns = n;
}

void shell_begin(void)
{
    interrupted = false;
}

bool shell_interrupted(void)
{
    interrupted |= terminal_interrupted();
    return interrupted;
}

bool shell_wait(shell_test_t *test, void *ctx, uint64_t ms, const char *what)
{
    uint64_t end = timer_now() + ms * 1000000;

    why[0] = '\0';
    while (!test(ctx)) {
        if (why[0])
            return false;
        if (shell_interrupted())
            return refuse("given up");
        if (timer_now() >= end)
            return refuse("%s: not within %lu.%03lu s", what, ms / 1000,
                          ms % 1000);
        timer_sleep(LOOK_NS);
    }
    return true;
}

static bool is_over(void *ctx)
{
    return timer_now() >= *(const uint64_t *)ctx;
}

bool shell_sleep(uint64_t ms)
{
    uint64_t end = timer_now() + ms * 1000000;

    return shell_wait(is_over, &end, ms + 60000, "sleep");
}
