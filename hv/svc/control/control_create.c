/* SPDX-License-Identifier: MIT */
/*
 * control_create.c: a domain from a kernel that was retained and a module line
 * that the control guest wrote: hostile text like any other, read once.
 */
#include "hv/svc/control/control_op.h"

#include "hv/base/string.h"
#include "hv/domain/guest.h"
#include "hv/sched/claims.h"
#include "hv/sched/lifecycle.h"
#include "hv/svc/build/build.h"
#include "hv/svc/build/launch.h"
#include "hv/svc/build/retained.h"

enum { LINE_MAX = 2048 };

/* The arguments are in it, so it stays while the domain is built. */
static char line[LINE_MAX];

static enum err read_line(struct flagstone_control *c)
{
    if (c->len >= sizeof(line))
        return fail(c->text, ERR_2BIG,
                    "the line has %lu characters, at most "
                    "%u are read",
                    c->len, LINE_MAX - 1);
    if (guest_read(line, c->data, c->len))
        return fail(c->text, ERR_INVAL, "cannot read the command line at %lx",
                    c->data);
    line[c->len] = '\0';
    for (uint64_t i = 0; i < c->len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            return fail(c->text, ERR_INVAL,
                        "character %lu of the line is not text", i + 1);
    return ERR_NONE;
}

static enum err read_config(struct module_config *m, char *text)
{
    const struct module_defaults defaults = launch_defaults();
    char why[MODULE_WHY];

    if (module_parse(m, line, &defaults, why))
        return fail(text, ERR_INVAL, "%s", why);
    if (m->kind != MODULE_GUEST)
        return fail(text, ERR_INVAL, "that line is not a guest's");
    if (m->control)
        return fail(text, ERR_INVAL, "there is a control guest already");
    if (m->terminal)
        return fail(text, ERR_INVAL, "the terminal is the control guest's");
    if (control_name_taken(m->name))
        return fail(text, ERR_EXIST, "there is a domain %s already", m->name);
    return ERR_NONE;
}

static enum err begin(struct flagstone_control *c)
{
    const struct retained *k = retained_find(MODULE_KERNEL, c->name);
    const struct retained *ramdisk = retained_find(MODULE_INITRD, c->name);
    struct build_file none = {NULL, 0};
    struct module_config m;
    enum err rc;

    if (!k)
        return fail(c->text, ERR_NOENT, "there is no kernel '%s'", c->name);
    rc = read_line(c);
    if (!rc)
        rc = read_config(&m, c->text);
    if (!rc)
        build_begin(&m, k->file, ramdisk ? ramdisk->file : none);
    return rc;
}

enum err control_create(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d;
    enum err rc = call->again ? ERR_NONE : begin(c);

    if (!rc)
        rc = build_step(&d, c->text);
    if (rc)
        return rc;
    domain_start(d);
    c->domid = d->id;
    return ERR_NONE;
}

enum err control_claim(struct control_call *call)
{
    struct flagstone_control *c = call->c;

    if (!module_name_ok(c->name))
        return fail(c->text, ERR_INVAL, "that is no name for a domain");
    if (control_name_taken(c->name))
        return fail(c->text, ERR_EXIST, "there is a domain %s already",
                    c->name);
    return claims_set(c->name, c->n, c->text);
}
