/* SPDX-License-Identifier: MIT */
/* migrate.c: see migrate.h; the steps are in migrate_in.c and migrate_out.c. */
#include "hv/svc/migrate/migrate.h"

#include "hv/arch/ipi.h"
#include "hv/arch/x86.h"
#include "hv/base/fail.h"
#include "hv/base/print.h"
#include "hv/base/string.h"
#include "hv/call/downgrade_ring.h"
#include "hv/domain/tlb.h"
#include "hv/sched/lifecycle.h"
#include "hv/svc/migrate/migrate_job.h"
#include "hv/svc/migrate/resume.h"
#include "mm/pv/grant.h"

static struct migrate_job job;
struct freeze migrate_job_frozen;

bool migrate_uses_domain(const struct domain *d)
{
    return job.plan && job.d == d;
}

bool migrate_uses_image(const struct held_image *h)
{
    return job.plan && job.image == h;
}

/* --- any of them ---------------------------------------------------------- */

static enum err go_on(struct migrate_job *j)
{
    enum err rc = ERR_NONE;

    j->since = x86_rdtsc();
    if (!j->ending) {
        rc = job_run(&j->job);
        j->ending = rc != ERR_RESTART;
        j->rc = rc;
    }
    if (j->ending)
        rc = j->plan->last(j);
    j->ticks += x86_rdtsc() - j->since;
    return rc;
}

/* The same once more, or another one? */
static bool same(const struct migrate_job *j, const struct migrate_job *asked)
{
    return j->plan == asked->plan && !strcmp(j->name, asked->name) &&
           !strcmp(j->rename, asked->rename) && j->policy == asked->policy &&
           (asked->plan == &migrate_in_restore || j->d == asked->d);
}

/* ERR_RESTART, ERR_BUSY, or its result; the job is the caller's to look at. */
static enum err run_job(const struct migrate_job *asked, char *text)
{
    enum err rc;

    if (!job.plan) {
        job = *asked;
        job_begin(&job.job, job.plan->steps);
    } else if (!same(&job, asked)) {
        return fail(text, ERR_BUSY,
                    "another save, restore or relocation is under way");
    }
    rc = go_on(&job);
    if (rc == ERR_RESTART)
        return rc;
    job.plan = NULL;
    if (job.rc)
        memcpy(text, job.job.why, FLAGSTONE_TEXT);
    return job.rc;
}

static void set_name(char to[FLAGSTONE_NAME], const char *name)
{
    (void)print_format(to, FLAGSTONE_NAME, "%s", name);
}

static void tell_layout(const struct migrate_job *j,
                        struct flagstone_layout *out)
{
    const struct layout_result *r = &j->result;

    *out = (struct flagstone_layout){
        .large_before = r->large_before,
        .large_after = r->large_after,
        .shattered = r->shattered,
        .remap = r->remap,
        .supplied = r->supplied,
        .whole = r->whole,
        .scattered = r->scattered,
        .moved = r->moved,
        .healed = r->healed,
        .ticks = j->ticks,
    };
}

static void count(struct migrate_job *j)
{
    j->d->super_stats.restores++;
    j->d->super_stats.hv_l1 = j->result.supplied;
    j->d->super_stats.hv_ticks = j->ticks;
}

static enum err must_be_suspended(const struct domain *d, char *text)
{
    if (d->suspended && d->end == DOMAIN_ALIVE)
        return ERR_NONE;
    return fail(text, ERR_INVAL, "%s is not suspended", d->name);
}

/*
 * What others have mapped, or it of others, cannot be relocated. They may give
 * up what they have mapped, under its lock, but map nothing more: it is quiet.
 */
static enum err must_be_alone(struct domain *d, char *text)
{
    enum err rc = must_be_suspended(d, text);
    uint32_t mapped, lent;
    struct mm_op op;

    if (rc)
        return rc;
    mm_op_begin(&op, &d->mm, NULL);
    mapped = grant_mapped(&d->mm);
    lent = grant_lent(&d->mm);
    mm_op_end(&op);
    if (mapped)
        return fail(text, ERR_BUSY, "%s still has grants mapped: %u", d->name,
                    mapped);
    if (lent)
        return fail(text, ERR_BUSY, "others still have grants of %s mapped: %u",
                    d->name, lent);
    return ERR_NONE;
}

enum err migrate_save(struct domain *d, const char *name, char *text)
{
    struct migrate_job asked = {.plan = &migrate_out_save, .d = d};
    enum err rc = must_be_alone(d, text);

    set_name(asked.name, name);
    return rc ? rc : run_job(&asked, text);
}

enum err migrate_relocate(struct domain *d, struct flagstone_layout *layout,
                          char *text)
{
    const struct migrate_job asked = {.plan = &migrate_out_relocate, .d = d};
    enum err rc = must_be_alone(d, text);

    if (!rc)
        rc = run_job(&asked, text);
    if (rc)
        return rc;
    count(&job);
    tell_layout(&job, layout);
    grant_forget(&d->mm);
    return ERR_NONE;
}

static void announce(struct domain *d)
{
    if (d->moved)
        downgrade_ring_announce(d);
    d->moved = false;
}

enum err migrate_resume(struct domain *d, char *text)
{
    enum err rc = must_be_suspended(d, text);

    if (!rc && migrate_uses_domain(d))
        rc = fail(text, ERR_BUSY, "%s is being saved or relocated", d->name);
    if (!rc)
        rc = resume_run(d, text);
    if (!rc)
        announce(d);
    return rc;
}

enum err migrate_restore(const char *name, const char *rename,
                         enum flagstone_restore policy, struct domain **out,
                         struct flagstone_layout *layout, char *text)
{
    static const enum restore_policy policies[] = {
        [FLAGSTONE_RESTORE_fail] = RESTORE_FAIL,
        [FLAGSTONE_RESTORE_guest] = RESTORE_GUEST,
        [FLAGSTONE_RESTORE_shatter] = RESTORE_SHATTER,
    };
    struct migrate_job asked = {.plan = &migrate_in_restore};
    enum err rc;

    if ((unsigned)policy >= ARRAY_SIZE(policies))
        return fail(text, ERR_INVAL, "there is no restore policy %u", policy);
    asked.policy = policies[policy];
    set_name(asked.name, name);
    set_name(asked.rename, rename);
    rc = run_job(&asked, text);
    if (rc)
        return rc;
    count(&job);
    tell_layout(&job, layout);
    announce(job.d);
    *out = job.d;
    return ERR_NONE;
}

/* job.h's invariant, looked at: what is under way does not go. */
static void going(struct domain *d)
{
    ASSERT(!migrate_uses_domain(d));
}

void migrate_register(void)
{
    static struct domain_hooks hooks = {.going = going};

    resume_register();
    domain_register(&hooks);
}

/*
 * What is half built is taken down by the scheduler, what is half moved is
 * its owner's no more, and half an image stays until the machine goes off.
 */
void migrate_cancel(void)
{
    struct migrate_job *j = &job;

    if (!j->plan)
        return;
    while (j->snapshot_begun && snapshot_end(&j->snapshot))
        ipi_serve();
    while (j->restore_begun && restore_end(&j->restore))
        ipi_serve();
    while (j->relocate_begun && layout_free(&j->relocate.layout))
        ipi_serve();
    if (j->plan == &migrate_in_restore && j->d)
        domain_shutdown(j->d, DOMAIN_DESTROYED, 0);
    j->plan = NULL;
}
