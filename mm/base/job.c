/* SPDX-License-Identifier: MIT */
/* job.c: see job.h. */
#include "mm/base/job.h"

#include "mm/base/port.h"

void job_begin(struct job *j, const job_step *steps)
{
    *j = (struct job){.step = steps};
}

enum err job_run(struct job *j)
{
    while (*j->step) {
        enum err rc = (*j->step)(j);

        if (rc)
            return rc;
        j->cursor = 0;
        if (*++j->step && port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}
