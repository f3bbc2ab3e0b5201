/* SPDX-License-Identifier: MIT */
/*
 * migrate_out.c: what there is of a domain is taken down, and goes into an
 * image or is relocated. Until it is let go the domain is only read.
 */
#include "hv/svc/migrate/migrate_job.h"

#include "hv/base/fail.h"
#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"
#include "hv/svc/migrate/resume.h"

/* --- taking down what there is -------------------------------------------- */

static enum err begin_snapshot(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);

    migrate_job_op_begin(j);
    snapshot_begin(&j->snapshot, &j->op, resume_p2m(j->d));
    migrate_job_op_end(j);
    j->snapshot_begun = true;
    return ERR_NONE;
}

static enum err take_snapshot(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);
    enum err rc;

    migrate_job_op_begin(j);
    rc = snapshot_step(&j->snapshot);
    migrate_job_op_end(j);
    if (rc && rc != ERR_RESTART)
        return fail(j->job.why, rc, "cannot take a snapshot of %s: %s",
                    j->d->name, j->snapshot.job.why);
    return rc;
}

static enum err take_record(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);
    enum err rc = resume_check(j->d, j->job.why);

    return rc ? rc
              : freeze_take(&migrate_job_frozen, j->d, &j->snapshot,
                            j->job.why);
}

/* --- to an image ---------------------------------------------------------- */

static enum err begin_image(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);
    enum err rc = images_new(j->name, &j->image, j->job.why);

    if (!rc)
        save_begin(&j->save, &j->snapshot, &j->image->image,
                   &migrate_job_frozen, migrate_job_frozen.domain.bytes);
    return rc;
}

static enum err save_memory(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);
    enum err rc = save_step(&j->save);

    if (rc && rc != ERR_RESTART)
        return fail(j->job.why, rc, "cannot save %s: %s", j->d->name,
                    j->save.job.why);
    return rc;
}

static enum err describe_image(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);

    images_describe(j->image);
    return ERR_NONE;
}

static enum err end_snapshot(struct migrate_job *j)
{
    enum err rc = j->snapshot_begun ? snapshot_end(&j->snapshot) : ERR_NONE;

    j->snapshot_begun = rc;
    return rc;
}

static enum err save_last(struct migrate_job *j)
{
    enum err rc = end_snapshot(j);

    if (rc)
        return rc;
    return j->rc && j->image ? images_discard(j->image) : ERR_NONE;
}

static const job_step save_steps[] = {
    begin_snapshot, take_snapshot,  take_record, begin_image,
    save_memory,    describe_image, NULL};
const struct migrate_job_plan migrate_out_save = {save_steps, save_last};

/* --- relocation ----------------------------------------------------------- */

/* From here on the domain cannot go back to what it was. */
static enum err let_go(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);

    for (; j->job.cursor < j->d->nr_vcpus; j->job.cursor++) {
        enum err rc = vcpu_let_go(j->d->vcpu[j->job.cursor]);

        if (rc)
            return rc;
    }
    relocate_begin(&j->relocate, &j->snapshot);
    j->relocate_begun = true;
    return ERR_NONE;
}

/* It stays as it is until nothing of the job needs it any more. */
static enum err lose(struct migrate_job *j, enum err rc, const char *why)
{
    j->lost = true;
    return fail(j->job.why, rc, "relocation of %s failed, and it is lost: %s",
                j->d->name, why);
}

static enum err relocate_memory(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);
    enum err rc;

    migrate_job_op_begin(j);
    rc = relocate_step(&j->relocate);
    migrate_job_op_end(j);
    j->relocate_begun = rc == ERR_RESTART;
    if (rc && rc != ERR_RESTART)
        return lose(j, rc, j->relocate.job.why);
    return rc;
}

static enum err thaw_relocated(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);
    char why[JOB_WHY];
    enum err rc = freeze_thaw(&migrate_job_frozen, j->d, &j->job.cursor,
                              &j->snapshot.map, why);

    if (rc == ERR_RESTART)
        return rc;
    if (rc)
        return lose(j, rc, why);
    j->result = j->relocate.result;
    j->d->super_stats.healed += j->result.healed;
    j->d->moved = true;
    return ERR_NONE;
}

static enum err relocate_last(struct migrate_job *j)
{
    enum err rc = end_snapshot(j);

    if (rc)
        return rc;
    if (j->lost)
        domain_crash(j->d, "%s", j->job.why);
    return ERR_NONE;
}

static const job_step relocate_steps[] = {
    begin_snapshot,  take_snapshot,  take_record, let_go,
    relocate_memory, thaw_relocated, NULL};
const struct migrate_job_plan migrate_out_relocate = {relocate_steps,
                                                      relocate_last};
