/* SPDX-License-Identifier: MIT */
/*
 * migrate_in.c: from an image to a domain that runs. Nothing in the image is
 * believed before its check, and what the hypervisor's own record in it says
 * is checked once more. What fails takes the new domain with it.
 */
#include "hv/svc/migrate/migrate_job.h"

#include "hv/arch/x86.h"
#include "hv/base/fail.h"
#include "hv/base/string.h"
#include "hv/sched/lifecycle.h"
#include "hv/svc/migrate/resume.h"
#include "hv/svc/store/store.h"
#include "hv/trap/cpuid.h"

/* --- from an image -------------------------------------------------------- */

static enum err find_image(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);
    struct held_image *h = images_find(j->name);

    if (!h)
        return fail(j->job.why, ERR_NOENT, "there is no image %s", j->name);
    j->image = h;
    image_check_begin(&j->check, &h->image);
    return ERR_NONE;
}

static enum err check_image(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);
    enum err rc = image_check_step(&j->check);

    if (rc && rc != ERR_RESTART)
        return fail(j->job.why, rc, "image %s: %s", j->name, j->check.job.why);
    return rc;
}

/*
 * A stock kernel that was shown large pages reads its tables back, and knows
 * nothing of entries that are absent or lead to tables that are not its own: it
 * is restored whole, or not at all.
 */
static enum restore_policy policy_for(const struct shown *s,
                                      enum restore_policy asked)
{
    return s->pse == SHOWN_PSE_LATE || s->pse == SHOWN_PSE_NOW ? RESTORE_FAIL
                                                               : asked;
}

static enum err read_record(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);
    const struct image *i = &j->image->image;
    uint64_t bytes = image_header(i)->section[IMAGE_HV].bytes;
    enum err rc;

    if (bytes > sizeof(migrate_job_frozen))
        return fail(j->job.why, ERR_INVAL,
                    "image %s: the domain's record of %lu bytes is too long",
                    j->name, bytes);
    image_read(i, IMAGE_HV, 0, &migrate_job_frozen, bytes);
    j->ticks = 0; /* the price of laying it out does not include the check */
    j->since = x86_rdtsc();
    rc = freeze_check(&migrate_job_frozen, bytes, j->job.why);
    return rc ? rc
              : cpuid_fits(&migrate_job_frozen.domain.shown,
                           migrate_job_frozen.domain.name, j->job.why);
}

static bool name_taken(const char *name)
{
    const struct domain *d = domain_list;

    while (d && strcmp(d->name, name) != 0)
        d = d->next;
    return d;
}

static enum err make_domain(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);
    const struct freeze_domain *f = &migrate_job_frozen.domain;
    uint64_t frames = image_header(&j->image->image)->nr_frames;
    char name[DOMAIN_NAME_MAX];
    const struct domain_config c = {
        .name = name,
        .mem = f->nr_pages << PAGE_SHIFT,
        .maxmem = f->max_pages << PAGE_SHIFT,
        .vcpus = f->nr_vcpus,
        .superpages = (enum superpages)f->superpages,
        .relinquish = (enum relinquish)f->relinquish,
    };

    memcpy(name, j->rename[0] ? j->rename : f->name, sizeof(name));
    if (!freeze_name_ok(name))
        return fail(j->job.why, ERR_INVAL, "that is no name for a domain");
    if (name_taken(name))
        return fail(j->job.why, ERR_EXIST, "there is a domain %s already",
                    name);
    if (frames > f->max_pages)
        return fail(j->job.why, ERR_INVAL,
                    "image %s: %lu pages, more than the domain's %lu", j->name,
                    frames, f->max_pages);
    if (domain_create(&c, &f->shown, &j->d))
        return fail(j->job.why, ERR_NOMEM, "no memory for the domain itself");
    domain_set_quiet(j->d, true);
    j->d->suspended = true;
    migrate_job_op_begin(j);
    restore_begin(&j->restore, &j->op, &j->image->image,
                  policy_for(&f->shown, j->policy));
    migrate_job_op_end(j);
    j->restore_begun = true;
    return ERR_NONE;
}

static enum err restore_memory(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);
    enum err rc;

    migrate_job_op_begin(j);
    rc = restore_step(&j->restore);
    migrate_job_op_end(j);
    if (rc && rc != ERR_RESTART)
        return fail(j->job.why, rc, "image %s: %s", j->name,
                    j->restore.job.why);
    return rc;
}

static enum err thaw_restored(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);

    return freeze_thaw(&migrate_job_frozen, j->d, &j->job.cursor,
                       &j->restore.map, j->job.why);
}

/* Can the guest execute anything at all? */
static enum err check_resume_point(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);
    struct domain *d = j->d;
    const struct vcpu *v = d->vcpu[0];
    mfn_t root = v->in_kernel ? v->mm.root_kernel : v->mm.root_user;

    j->result = j->restore.result;
    if (resume_mapped(d->mm.mm, root, v->regs.rip) &&
        resume_mapped(d->mm.mm, root, v->regs.rsp))
        return resume_check(d, j->job.why);
    if (j->result.remap)
        return fail(j->job.why, ERR_INVAL,
                    "image %s: its kernel is mapped large and cannot remap "
                    "itself: restore=shatter",
                    j->name);
    return fail(j->job.why, ERR_INVAL,
                "image %s: the place where it suspended is not mapped",
                j->name);
}

/* Its store is new. */
static void tell_store(struct domain *d, const struct freeze_domain *f)
{
    store_set_target(d, f->target);
    store_set_vcpus(d, d->nr_vcpus - f->offline);
}

/* Before it is woken: it may be gone again when there is time to go on. */
static enum err end_restore(struct migrate_job *j)
{
    enum err rc = j->restore_begun ? restore_end(&j->restore) : ERR_NONE;

    j->restore_begun = rc;
    return rc;
}

static enum err let_go_of_image(struct job *job)
{
    return end_restore(migrate_job_of(job));
}

static enum err wake(struct job *job)
{
    struct migrate_job *j = migrate_job_of(job);
    const struct freeze_domain *f = &migrate_job_frozen.domain;
    struct domain *d = j->d;
    enum err rc;

    d->features = f->features;
    d->whole = j->result.whole;
    d->super_stats.restores = f->restores;
    d->started = true;
    d->moved = true;
    rc = resume_run(d, j->job.why);
    if (!rc)
        tell_store(d, f);
    return rc;
}

/* One that came to nothing is taken apart before anybody hears of it. */
static enum err restore_last(struct migrate_job *j)
{
    enum err rc = end_restore(j);

    if (rc)
        return rc;
    if (!j->rc || !j->d)
        return ERR_NONE;
    j->d->started = false;
    rc = domain_destroy(j->d);
    if (!rc)
        j->d = NULL;
    return rc;
}

static const job_step restore_steps[] = {
    find_image,     check_image,   read_record,        make_domain,
    restore_memory, thaw_restored, check_resume_point, let_go_of_image,
    wake,           NULL};
const struct migrate_job_plan migrate_in_restore = {restore_steps,
                                                    restore_last};
