/* SPDX-License-Identifier: MIT */
/*
 * control_ask.c: what a guest is asked for and does when it likes; and how far
 * it may go.
 */
#include "hv/svc/control/control_op.h"

#include "hv/svc/store/store.h"
#include "mm/alloc/quota.h"

enum err control_ask(struct control_call *call)
{
    static const char *const words[] = {
        [FLAGSTONE_ASK_poweroff] = "poweroff",
        [FLAGSTONE_ASK_reboot] = "reboot",
        [FLAGSTONE_ASK_suspend] = "suspend",
    };
    struct flagstone_control *c = call->c;
    struct domain *d = control_find(call);

    if (!d)
        return ERR_SRCH;
    if (c->n >= ARRAY_SIZE(words))
        return fail(c->text, ERR_INVAL, "nothing to ask for is numbered %lu",
                    c->n);
    if (!domain_runs(d))
        return fail(c->text, ERR_INVAL, "%s %s", d->name,
                    d->paused ? "is paused" : "does not run");
    store_ask(d, words[c->n]);
    return ERR_NONE;
}

enum err control_target(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d = control_find(call);

    if (!d)
        return ERR_SRCH;
    if (!c->n || c->n > d->mm.max_pages)
        return fail(c->text, ERR_INVAL, "%s may have 1 to %lu pages, not %lu",
                    d->name, d->mm.max_pages, c->n);
    store_set_target(d, c->n);
    return ERR_NONE;
}

enum err control_vcpus(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d = control_find(call);

    if (!d)
        return ERR_SRCH;
    if (!c->n || c->n > d->nr_vcpus)
        return fail(c->text, ERR_INVAL,
                    "of %s's vCPUs 1 to %u can be online, not %lu", d->name,
                    d->nr_vcpus, c->n);
    if (!domain_is_up(d))
        return fail(c->text, ERR_INVAL, "%s does not run", d->name);
    store_set_vcpus(d, (unsigned)c->n);
    return ERR_NONE;
}

/* --- maxmem --------------------------------------------------------------- */

#define PAGES_MAX BIT(52 - PAGE_SHIFT) /* what a machine address can reach */

/*
 * Its pfns may be twice as many as the pages it might ever have
 * (mm/save/snapshot.h); with less than half of that it could not be saved or
 * relocated any more.
 */
static enum err check_maxmem(const struct domain *d, uint64_t pages, char *text)
{
    if (pages < d->target)
        return fail(text, ERR_INVAL,
                    "%s is to come to %lu pages: balloon it to %lu first",
                    d->name, d->target, pages);
    if (pages < d->maxmem_ever / 2)
        return fail(text, ERR_INVAL,
                    "%s might have %lu pages once: with fewer than half of "
                    "them it could not be saved",
                    d->name, d->maxmem_ever);
    if (!quota_may_be(&d->mm, pages))
        return fail(text, ERR_INVAL,
                    "%s holds %lu pages, in blocks of which it is charged for "
                    "%lu: too many for %lu",
                    d->name, d->mm.tot_pages, quota_charge(&d->mm), pages);
    return ERR_NONE;
}

/* Its vCPUs may be getting memory just now. */
static enum err set_maxmem(struct domain *d, uint64_t pages, char *text)
{
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &d->mm, NULL);
    rc = check_maxmem(d, pages, text);
    if (!rc)
        d->mm.max_pages = pages;
    mm_op_end(&op);
    return rc;
}

enum err control_maxmem(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d = control_find(call);
    uint64_t pages;
    enum err rc;

    if (!d)
        return ERR_SRCH;
    if (!c->n || c->n > PAGES_MAX)
        return fail(c->text, ERR_INVAL, "no domain can have %lu pages", c->n);
    pages = quota_maxmem(c->n) * BLOCK_FRAMES;
    rc = set_maxmem(d, pages, c->text);
    if (rc)
        return rc;
    d->maxmem_ever = MAX(d->maxmem_ever, pages);
    d->nr_pages = MIN(d->nr_pages, pages);
    store_tell_max(d);
    return ERR_NONE;
}
