/* SPDX-License-Identifier: MIT */
/*
 * job.h: long work that may stop and go on, as a row of steps, one after the
 * other. What the work is about embeds the job; a step gets the job and finds
 * that by container_of(), so all steps are of one type and called as it.
 *
 * Invariant: all before *step are done, and will not be called again; `cursor`
 * is how far *step is, in its own measure, and 0 when it is called first.
 */
#pragma once

#include "base.h"
#include "mm/base/port.h"

struct job;
/* ERR_RESTART: call this one again. Any other error ends the job. */
typedef enum err (*job_step)(struct job *j);

#define JOB_WHY 160

struct job {
    const job_step *step; /* the next; NULL behind the last */
    uint64_t cursor;
    char why[JOB_WHY]; /* the step that failed says here what was wrong */
};

void job_begin(struct job *j, const job_step *steps);
/*
 * Step after step while there is time. ERR_RESTART: call again. Any other
 * error is that of *step, where it stays.
 */
enum err job_run(struct job *j);

/* For a step: fn for each of nr records, `cursor` being the next. */
static always_inline enum err
job_each(struct job *j, uint64_t nr, enum err (*fn)(struct job *j, uint64_t n))
{
    while (j->cursor < nr) {
        enum err rc = fn(j, j->cursor);

        if (rc)
            return rc;
        j->cursor++;
        if (port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}
