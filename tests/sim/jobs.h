/* SPDX-License-Identifier: MIT */
/*
 * jobs.h: runs that are independent of each other, some at a time, each a
 * process; and the file that keeps what they came to.
 *
 * Invariants: a result is one line, "@{" identity "," rest "}", which is
 * appended by one write when its run has ended: so the file is whole whenever
 * all this is interrupted. A run whose identity is there already is not run
 * again. The identity has all that the result depends on, the program itself
 * (by its checksum) included.
 */
#pragma once

#include <stdio.h>

#include "base.h"

#define JOB_IDENTITY 512
#define JOB_LINE     4096

struct job {
    char identity[JOB_IDENTITY]; /* "key":value,... */
    char name[64];               /* for people */
    double weight;               /* how long it takes, beside others */
    unsigned turn;               /* those of a lower one begin before it */
    /* Writes the rest of the line; 0: it went well. In a process of its own. */
    int (*run)(FILE *out, void *arg);
    void *arg;
    char *line; /* the result, NULL: there is none */
};

/* False: some had no result; those that have are there. */
bool jobs_run(struct job *jobs, unsigned n, const char *path,
              unsigned at_a_time, bool again);
/* Of this program: 16 digits. */
const char *jobs_checksum(void);
/* A value of a result. */
double job_number(const char *line, const char *key);
