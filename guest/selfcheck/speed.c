/* SPDX-License-Identifier: MIT */
/*
 * speed.c: how fast text gets out, by the slowest way that it takes: a serial
 * line at 115,200 baud takes 11,520 characters a second, a framebuffer that is
 * not write-combining a few thousand.
 */
#include "guest/lib/console.h"
#include "guest/selfcheck/selfcheck.h"

#define AHEAD 1024u /* what the hypervisor may keep for the line, and more */
#define TEXT  2048u
#define SLOW  2000u

static void write_lines(uint64_t bytes)
{
    static char line[64];
    memset(line, '.', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (uint64_t i = 0; i < bytes / sizeof(line); i++)
        console_write(line, sizeof(line));
    console_drain();
}

void check_console(struct finding *f)
{
    write_lines(AHEAD); /* now as much waits as will afterwards */
    const uint64_t start = timer_now();
    write_lines(TEXT);
    const uint64_t us = MAX((timer_now() - start) / 1000, UINT64_C(1));
    const uint64_t speed = TEXT * UINT64_C(1000000) / us;
    found(f, speed < SLOW ? VERDICT_FAIL : VERDICT_PASS,
          "%lu characters a second%s", speed,
          speed < SLOW ? ", fewer than 2000" : "");
}
