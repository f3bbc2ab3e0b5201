/* SPDX-License-Identifier: MIT */
/*
 * ctl.c: one request, filled in, handed over, its errors put into words.
 */
#include "guest/control/ctl.h"

#include "guest/lib/guest.h"

static struct flagstone_control request;
static char remembered[CTL_REMEMBERED][sizeof(request.name)];
static unsigned oldest;

struct flagstone_control *ctl_new(enum flagstone_control_cmd cmd)
{
    memset(&request, 0, sizeof(request));
    request.cmd = cmd;
    return &request;
}

struct flagstone_control *ctl_named(enum flagstone_control_cmd cmd,
                                    const char *name)
{
    struct flagstone_control *c = ctl_new(cmd);

    format(c->name, sizeof(c->name), "%s", name);
    return c;
}

bool ctl_refuse(struct flagstone_control *c, int64_t rc)
{
    c->text[sizeof(c->text) - 1] = '\0';
    if (rc == -XEN_EFAULT || !c->text[0])
        return refuse("the hypervisor answers %ld", rc);
    return refuse("%s", c->text);
}

bool ctl_run(struct flagstone_control *c)
{
    int64_t rc = ctl_try(c);

    return !rc || ctl_refuse(c, rc);
}

bool ctl_machine(struct flagstone_machine *m)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_machine);

    if (!ctl_run(c))
        return false;
    *m = c->machine;
    return true;
}

bool ctl_next_domain(uint32_t from, struct flagstone_domain *d)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_domain);

    c->domid = from;
    if (ctl_try(c))
        return false;
    *d = c->domain;
    return true;
}

bool ctl_remembers(const char *name)
{
    for (unsigned i = 0; i < CTL_REMEMBERED; i++)
        if (remembered[i][0] && !strcmp(remembered[i], name))
            return true;
    return false;
}

void ctl_remember(const char *name)
{
    if (ctl_remembers(name))
        return;
    format(remembered[oldest], sizeof(remembered[0]), "%s", name);
    oldest = (oldest + 1) % CTL_REMEMBERED;
}

bool ctl_has_domain(const char *name, struct flagstone_domain *d)
{
    for (uint32_t id = 0; ctl_next_domain(id, d); id = d->domid + 1)
        if (!strcmp(d->name, name)) {
            ctl_remember(name);
            return true;
        }
    return false;
}

bool ctl_domain(const char *name, struct flagstone_domain *d)
{
    return ctl_has_domain(name, d) ||
           refuse("there is no domain named '%s'", name);
}

bool ctl_nth_image(uint64_t n, struct flagstone_image *i)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_image);

    c->n = n;
    if (ctl_try(c))
        return false;
    *i = c->image;
    return true;
}

bool ctl_image(const char *name, struct flagstone_image *i)
{
    for (uint64_t n = 0; ctl_nth_image(n, i); n++)
        if (!strcmp(i->name, name))
            return true;
    return refuse("there is no image named '%s'", name);
}

bool ctl_nth_module(uint64_t n, struct flagstone_module *m)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_module);

    c->n = n;
    if (ctl_try(c))
        return false;
    *m = c->module;
    return true;
}

int64_t ctl_module(enum flagstone_module_kind kind, const char *name,
                   struct flagstone_module *m)
{
    for (uint64_t n = 0; ctl_nth_module(n, m); n++)
        if (m->kind == kind && !strcmp(m->name, name))
            return (int64_t)n;
    return -1;
}

bool ctl_read(uint64_t module, void *buf, uint64_t size, uint64_t *len)
{
    for (*len = 0; *len < size;) {
        struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_read);

        c->n = module;
        c->offset = *len;
        c->data = (uint64_t)buf + *len;
        c->len = size - *len;
        if (!ctl_run(c))
            return false;
        if (!c->len)
            break;
        *len += MIN(c->len, size - *len);
    }
    return true;
}

bool ctl_on_domain(enum flagstone_control_cmd cmd, const char *name, uint64_t n)
{
    struct flagstone_domain d;
    struct flagstone_control *c;

    if (!ctl_domain(name, &d))
        return false;
    c = ctl_new(cmd);
    c->domid = d.domid;
    c->n = n;
    return ctl_run(c);
}

bool ctl_with_number(enum flagstone_control_cmd cmd, uint64_t n)
{
    struct flagstone_control *c = ctl_new(cmd);

    c->n = n;
    return ctl_run(c);
}
