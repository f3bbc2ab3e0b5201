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
#include "mm/pv/type.h"

/* --- taking down what there is -------------------------------------------- */

/* Tables that an interrupted operation of the guest's left half way down. */
static enum err finish_deferred(struct migrate_job *j)
{
    for (; j->vcpu < j->d->nr_vcpus; j->vcpu++) {
        struct mm_op op;
        enum err rc;

        mm_op_begin(&op, &j->d->mm, &j->d->vcpu[j->vcpu]->mm);
        rc = type_finish_deferred(&op);
        mm_op_end(&op);
        if (rc)
            return rc;
    }
    return ERR_NONE;
}

static enum err take_snapshot(struct migrate_job *j)
{
    enum err rc;

    migrate_job_op_begin(j);
    if (!j->snapshot_begun) {
        snapshot_begin(&j->snapshot, &j->op, resume_p2m(j->d));
        j->snapshot_begun = true;
    }
    rc = snapshot_step(&j->snapshot);
    migrate_job_op_end(j);
    if (rc && rc != ERR_RESTART)
        return fail(j->text, rc, "cannot take a snapshot of %s: %s", j->d->name,
                    j->snapshot.job.why);
    return rc;
}

static enum err take_frozen(struct migrate_job *j)
{
    enum err rc = resume_check(j->d, j->text);

    return rc ? rc
              : freeze_take(&migrate_job_frozen, j->d, &j->snapshot, j->text);
}

/* --- to an image ---------------------------------------------------------- */

static enum err save_memory(struct migrate_job *j)
{
    enum err rc;

    if (!j->image) {
        rc = images_new(j->name, &j->image, j->text);
        if (rc)
            return rc;
        save_begin(&j->save, &j->snapshot, &j->image->image,
                   &migrate_job_frozen, migrate_job_frozen.domain.bytes);
    }
    rc = save_step(&j->save);
    if (rc && rc != ERR_RESTART)
        return fail(j->text, rc, "cannot save %s: %s", j->d->name,
                    j->save.job.why);
    if (!rc)
        images_describe(j->image);
    return rc;
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

const struct migrate_job_plan migrate_out_save = {
    {finish_deferred, take_snapshot, take_frozen, save_memory}, save_last};

/* --- relocation ----------------------------------------------------------- */

/* From here on the domain cannot go back to what it was. */
static enum err let_go(struct migrate_job *j)
{
    for (; j->vcpu < j->d->nr_vcpus; j->vcpu++) {
        enum err rc = vcpu_let_go(j->d->vcpu[j->vcpu]);

        if (rc)
            return rc;
    }
    relocate_begin(&j->relocate, &j->snapshot);
    j->relocate_begun = true;
    return ERR_NONE;
}

static enum err relocate_memory(struct migrate_job *j)
{
    enum err rc;

    migrate_job_op_begin(j);
    rc = relocate_step(&j->relocate);
    migrate_job_op_end(j);
    j->relocate_begun = rc == ERR_RESTART;
    if (rc && rc != ERR_RESTART) {
        (void)fail(j->text, rc, "relocation of %s failed, and it is lost: %s",
                   j->d->name, j->relocate.job.why);
        domain_crash(j->d, "relocation failed: %s", j->relocate.job.why);
    }
    return rc;
}

static enum err thaw_relocated(struct migrate_job *j)
{
    enum err rc = freeze_thaw(&migrate_job_frozen, j->d, &j->vcpu,
                              &j->snapshot.map, j->text);

    if (rc == ERR_RESTART)
        return rc;
    if (rc) {
        domain_crash(j->d, "relocation failed, memory had moved: %s", j->text);
        return rc;
    }
    j->result = j->relocate.result;
    j->d->super_stats.healed += j->result.healed;
    j->d->moved = true;
    return ERR_NONE;
}

const struct migrate_job_plan migrate_out_relocate = {
    {finish_deferred, take_snapshot, take_frozen, let_go, relocate_memory,
     thaw_relocated},
    end_snapshot};
