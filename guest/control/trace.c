/* SPDX-License-Identifier: MIT */
/*
 * trace.c: the command that shows a domain's hypercalls as they come. Whoever
 * was not traced before is not afterwards, however it ends.
 *
 * The hypervisor keeps the calls of who has gone by its id: which name had that
 * id is kept here, for the last few that were traced.
 */
#include "guest/control/call_text.h"
#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/scenario.h"
#include "guest/control/terminal.h"
#include "guest/lib/guest.h"

#define LOOK_NS UINT64_C(2000000)
#define ROOM    16u /* calls that are read at once */
#define TRACED  8u

enum { ON, OFF, FOR }; /* as the usage has them */

static struct flagstone_call ring[ROOM];

struct tracing {
    struct flagstone_domain d;
    uint64_t calls, lost;
    bool gone; /* the domain is */
};

/* Newest first; an id is there once, as it may come again. */
static struct traced {
    char name[WORDS_NAME];
    uint32_t domid;
} traced[TRACED];

static void remember(const struct flagstone_domain *d)
{
    unsigned at = 0;

    while (at + 1 < TRACED && traced[at].domid != d->domid)
        at++;
    for (; at; at--)
        traced[at] = traced[at - 1];
    format(traced[0].name, sizeof(traced[0].name), "%s", d->name);
    traced[0].domid = d->domid;
}

/* Was one of that name traced, whose id nobody has now? */
static bool has_gone(const char *name, struct flagstone_domain *d)
{
    for (unsigned i = 0; i < TRACED; i++) {
        const struct traced *t = &traced[i];

        if (strcmp(t->name, name) != 0)
            continue;
        if (ctl_next_domain(t->domid, d) && d->domid == t->domid)
            return false;
        *d = (struct flagstone_domain){.domid = t->domid};
        format(d->name, sizeof(d->name), "%s", name);
        return true;
    }
    return false;
}

/* What there is by now; *n: how many. False: refused, or it is gone. */
static bool read_some(struct tracing *t, uint64_t *n)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_trace_read);
    int64_t rc;

    c->domid = t->d.domid;
    c->data = (uint64_t)ring;
    c->len = ROOM;
    rc = ctl_try(c);
    t->gone = rc == -XEN_ESRCH;
    if (rc)
        return t->gone || ctl_refuse(c, rc);
    *n = MIN(c->len, (uint64_t)ROOM);
    if (c->n > t->lost)
        printk("      ... %lu lost\n", c->n - t->lost);
    t->lost = c->n;
    return true;
}

static bool show_some(struct tracing *t, uint64_t *n)
{
    char text[CALL_TEXT];

    *n = 0;
    if (!read_some(t, n))
        return false;
    for (uint64_t i = 0; i < *n; i++) {
        call_text(text, &ring[i]);
        printk("%s\n", text);
    }
    t->calls += *n;
    return true;
}

/* Until the time is over, or a key is pressed. */
static bool follow(struct tracing *t, uint64_t end)
{
    uint64_t n;

    while (!t->gone) {
        const bool last = timer_now() >= end || terminal_pressed();

        if (!show_some(t, &n))
            return false;
        if (last)
            break;
        if (!n)
            timer_sleep(LOOK_NS);
    }
    if (t->gone)
        printk("'%s' is gone\n", t->d.name);
    printk("@{\"trace\":\"%s\",\"calls\":%lu,\"lost\":%lu}\n", t->d.name,
           t->calls, t->lost);
    return true;
}

/* What is in the ring: it may be filled as fast as it is read. */
static bool show_rest(struct tracing *t)
{
    uint64_t n = 1;

    for (uint64_t all = 0; n && all < 1000 && !t->gone; all += n)
        if (!show_some(t, &n))
            return false;
    printk("@{\"trace\":\"%s\",\"calls\":%lu,\"lost\":%lu}\n", t->d.name,
           t->calls, t->lost);
    return true;
}

/* Once: what is read to its end is kept no longer. */
static bool show_what_it_did_last(const char *name)
{
    struct tracing t = {0};
    uint64_t n;

    if (!has_gone(name, &t.d))
        return ctl_domain(name, &t.d);
    if (!show_some(&t, &n))
        return false;
    if (t.gone)
        return refuse("'%s' is gone, and what it did is no longer kept", name);
    return show_rest(&t);
}

static bool turn(const struct tracing *t, bool on)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_trace);

    c->domid = t->d.domid;
    c->n = on;
    if (!ctl_run(c))
        return false;
    if (on)
        remember(&t->d);
    return true;
}

static bool run_trace(const struct args *a)
{
    const struct arg *how = &a->slot[1];
    struct tracing t = {0};
    uint64_t end = ~UINT64_C(0);
    bool ok;

    if (!ctl_has_domain(a->slot[0].text, &t.d)) {
        const bool off = how->text && how->choice == OFF;

        return off ? show_what_it_did_last(a->slot[0].text)
                   : ctl_domain(a->slot[0].text, &t.d);
    }
    if (how->text && how->choice == ON)
        return turn(&t, true);
    if (how->text && how->choice == OFF)
        return show_rest(&t) && (t.gone || turn(&t, false));
    if (how->text)
        end = timer_now() + MIN(how->value, 3600u) * 1000000000;
    else
        printk("any key ends\n");
    if (!t.d.traced && !turn(&t, true))
        return false;
    ok = follow(&t, end);
    if (!t.d.traced && !t.gone)
        (void)turn(&t, false); /* what went wrong before has been said */
    return ok;
}

static bool check_trace(const struct args *a)
{
    return a->slot[1].text || !scenario_reads() ||
           refuse("trace: a scenario has no keys: say on, off, or for how many "
                  "seconds");
}

const struct command command_trace[] = {
    {"trace", "NAME [on|off|SECONDS]",
     "a domain's hypercalls as they come, until a key is pressed or the time "
     "is over; on: keep the last of them from now on; off: show and end that, "
     "also of who has gone",
     run_trace, check_trace, false},
    {0},
};
