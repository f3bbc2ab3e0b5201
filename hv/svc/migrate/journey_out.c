/* SPDX-License-Identifier: MIT */
/*
 * journey_out.c: what there is of a domain is taken down, and goes into an
 * image or is laid anew in place. Until it is let go the domain is only read.
 */
#include "hv/svc/migrate/journey.h"

#include "hv/base/fail.h"
#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"
#include "hv/svc/migrate/resume.h"
#include "mm/pv/type.h"

/* --- taking down what there is -------------------------------------------- */

/* Tables that an interrupted operation of the guest's left half way down. */
static enum err drain(struct journey *j)
{
    for (; j->vcpu < j->d->nr_vcpus; j->vcpu++) {
        struct mm_op op;
        enum err rc;

        mm_op_begin(&op, &j->d->mm, &j->d->vcpu[j->vcpu]->mm);
        rc = type_drain(&op);
        mm_op_end(&op);
        if (rc)
            return rc;
    }
    return ERR_NONE;
}

static enum err take_census(struct journey *j)
{
    enum err rc;

    journey_op_begin(j);
    if (!j->census_begun) {
        census_begin(&j->census, &j->op, resume_p2m(j->d));
        j->census_begun = true;
    }
    rc = census_step(&j->census);
    journey_op_end(j);
    if (rc && rc != ERR_RESTART)
        return fail(j->text, rc, "%s: %s", j->d->name, j->census.why);
    return rc;
}

static enum err take_frozen(struct journey *j)
{
    enum err rc = resume_check(j->d, j->text);

    return rc ? rc : freeze_take(&journey_frozen, j->d, &j->census, j->text);
}

/* --- to an image ---------------------------------------------------------- */

static enum err save_memory(struct journey *j)
{
    enum err rc;

    if (!j->image) {
        rc = images_new(j->name, &j->image, j->text);
        if (rc)
            return rc;
        save_begin(&j->save, &j->census, &j->image->image, &journey_frozen,
                   journey_frozen.domain.bytes);
    }
    rc = save_step(&j->save);
    if (rc && rc != ERR_RESTART)
        return fail(j->text, rc, "%s: %s", j->d->name, j->save.why);
    if (!rc)
        images_describe(j->image);
    return rc;
}

static enum err end_census(struct journey *j)
{
    enum err rc = j->census_begun ? census_end(&j->census) : ERR_NONE;

    j->census_begun = rc;
    return rc;
}

static enum err save_last(struct journey *j)
{
    enum err rc = end_census(j);

    if (rc)
        return rc;
    return j->rc && j->image ? images_discard(j->image) : ERR_NONE;
}

const struct journey_plan journey_save = {
    {drain, take_census, take_frozen, save_memory}, save_last};

/* --- anew in place -------------------------------------------------------- */

/* From here on the domain cannot go back to what it was. */
static enum err let_go(struct journey *j)
{
    for (; j->vcpu < j->d->nr_vcpus; j->vcpu++) {
        enum err rc = vcpu_let_go(j->d->vcpu[j->vcpu]);

        if (rc)
            return rc;
    }
    relocate_begin(&j->relocate, &j->census);
    j->relocate_begun = true;
    return ERR_NONE;
}

static enum err relocate_memory(struct journey *j)
{
    enum err rc;

    journey_op_begin(j);
    rc = relocate_step(&j->relocate);
    journey_op_end(j);
    j->relocate_begun = rc == ERR_RESTART;
    if (rc && rc != ERR_RESTART) {
        (void)fail(j->text, rc, "%s is lost: %s", j->d->name, j->relocate.why);
        domain_crash(j->d, "laying it anew: %s", j->relocate.why);
    }
    return rc;
}

static enum err thaw_relocated(struct journey *j)
{
    enum err rc =
        freeze_thaw(&journey_frozen, j->d, &j->vcpu, &j->census.map, j->text);

    if (rc == ERR_RESTART)
        return rc;
    if (rc) {
        domain_crash(j->d, "laid anew: %s", j->text);
        return rc;
    }
    j->result = j->relocate.result;
    j->d->life.healed += j->result.healed;
    j->d->moved = true;
    return ERR_NONE;
}

const struct journey_plan journey_relocate = {
    {drain, take_census, take_frozen, let_go, relocate_memory, thaw_relocated},
    end_census};
