/* SPDX-License-Identifier: MIT */
/*
 * migrate_job.h: the inside of migrate.h. A migration job is a row of steps
 * (job.h), and one that ends it whatever became of it. What mm/ does in a row
 * of its own is one step here, which is where its reason gets its subject.
 *
 * Invariant: the domain under way is suspended until the job's end, and neither
 * it nor the image is changed by anybody else (migrate_uses_*). So one that is
 * woken is woken by the last step of all, and one that is lost is ended last.
 */
#pragma once

#include "hv/svc/migrate/freeze.h"
#include "hv/svc/migrate/images.h"
#include "mm/base/job.h"
#include "mm/save/relocate.h"
#include "mm/save/restore.h"
#include "mm/save/save.h"

struct migrate_job;
struct migrate_job_plan {
    const job_step *steps;
    enum err (*last)(struct migrate_job *j); /* can only succeed; sees rc */
};
extern const struct migrate_job_plan migrate_out_save, migrate_out_relocate,
    migrate_in_restore;

struct migrate_job {
    /* What was asked for. */
    const struct migrate_job_plan *plan; /* NULL: nothing is under way */
    struct domain *d;                    /* restore: once it is there */
    char name[FLAGSTONE_NAME], rename[FLAGSTONE_NAME];
    enum restore_policy policy;
    /* How far it is. */
    struct job job;
    bool ending;
    bool lost;             /* relocate: the domain has to be ended for it */
    enum err rc;           /* of the step that failed */
    uint64_t ticks, since; /* TSC it took, and when this part of it began */
    /* What it has. */
    struct held_image *image;
    struct mm_op op;
    struct snapshot snapshot;
    bool snapshot_begun, restore_begun, relocate_begun;
    union {
        struct save save;
        struct image_check check;
        struct restore restore;
        struct relocate relocate;
    };
    struct layout_result result;
};
_Static_assert(JOB_WHY == FLAGSTONE_TEXT, "what fail() fills");

static inline struct migrate_job *migrate_job_of(struct job *j)
{
    return container_of(j, struct migrate_job, job);
}

/* Around what is done in one go to the memory of the domain under way. */
static inline void migrate_job_op_begin(struct migrate_job *j)
{
    mm_op_begin(&j->op, &j->d->mm, &j->d->vcpu[0]->mm);
}
static inline void migrate_job_op_end(struct migrate_job *j)
{
    mm_op_end(&j->op);
}

/* Of the domain under way. */
extern struct freeze migrate_job_frozen;
