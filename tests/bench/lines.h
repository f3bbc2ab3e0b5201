/* SPDX-License-Identifier: MIT */
/*
 * lines.h: simulated CPUs, each a context of one thread, that go on by one
 * access to memory at a time, in an order drawn from a seed; and which cache
 * lines go from one to another by that, as MESI would have it.
 *
 * Invariant: who built what runs with -fsanitize=thread, without its library,
 * has each access told here (lines.c). Nothing depends on the host's
 * processors, so the same comes out each time.
 */
#pragma once

#include "base.h"

#define LINES_CPUS 64u

struct lines_counts {
    uint64_t steps;     /* accesses, those of who waits included */
    uint64_t transfers; /* a line was another CPU's, or others had it, too */
    uint64_t failed;    /* compare-and-exchange: somebody was faster */
};

/* n CPUs call work(cpu) again and again: the counts of n x `times` of these,
 * once all are warm. Then some are in the midst of one: what they work on is
 * lost. */
struct lines_counts lines_run(unsigned n, unsigned times,
                              void (*work)(unsigned cpu));
/* Who runs; outside of lines_run() who is said to. */
unsigned lines_cpu(void);
void lines_as(unsigned cpu);
