/* SPDX-License-Identifier: MIT */
/* fake.c: see fake.h. Time passes only when somebody sleeps. */
#include "tests/control/fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/control/ctl.h"
#include "guest/control/terminal.h"
#include "guest/lib/console.h"
#include "guest/lib/timer.h"
#include "xen/errno.h"

struct fake fake;
static uint64_t now;

void console_write(const char *text, size_t len)
{
    size_t at = strlen(fake.said);
    size_t n = MIN(len, sizeof(fake.said) - 1 - at);

    memcpy(fake.said + at, text, n);
    fake.said[at + n] = '\0';
}

void console_drain(void)
{
}

noreturn_fn void bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}

uint64_t timer_now(void)
{
    return now;
}

int64_t timer_sleep(uint64_t ns)
{
    now += ns;
    return 0;
}

bool terminal_pressed(void)
{
    return fake.keys && !--fake.keys;
}

int terminal_key(uint64_t ms)
{
    now += ms * 1000000;
    return fake.typed && *fake.typed ? (unsigned char)*fake.typed++ : -1;
}

bool terminal_interrupted(void)
{
    return fake.ctrl_c && !--fake.ctrl_c;
}

void fake_reset(void)
{
    memset(&fake, 0, sizeof(fake));
    fake.machine.blocks = fake.machine.blocks_free = 100;
    fake.machine.reserve = 2;
    fake.machine.reuse = 1;
    fake_add_domain("control", 8)->control = 1;
}

struct flagstone_domain *fake_add_domain(const char *name, uint64_t blocks)
{
    for (uint32_t i = 0; i < FAKE_DOMAINS; i++) {
        struct flagstone_domain *d = &fake.domain[i];

        if (d->name[0])
            continue;
        *d = (struct flagstone_domain){.domid = i + 1};
        snprintf(d->name, sizeof(d->name), "%s", name);
        d->stats.tot_pages = d->stats.max_pages = blocks * BLOCK_FRAMES;
        fake.machine.blocks_free -= blocks;
        return d;
    }
    abort();
}

void fake_add_module(const char *name, enum flagstone_module_kind kind,
                     const char *text)
{
    struct fake_module *m = fake.module;

    while (m < fake.module + FAKE_MODULES && m->text)
        m++;
    if (m == fake.module + FAKE_MODULES)
        abort();
    m->text = text;
    m->m.kind = kind;
    m->m.len = strlen(text);
    snprintf(m->m.name, sizeof(m->m.name), "%s", name);
}

void fake_drop_module(const char *name)
{
    struct fake_module *m = fake.module;

    while (strcmp(m->m.name, name) != 0)
        m++;
    for (; m + 1 < fake.module + FAKE_MODULES; m++)
        *m = m[1];
    memset(m, 0, sizeof(*m));
}

/* --- what it is asked ---------------------------------------------------- */

static printf_like(1, 2) int64_t note(const char *fmt, ...)
{
    size_t at = strlen(fake.asked);
    va_list args;

    va_start(args, fmt);
    vsnprintf(fake.asked + at, sizeof(fake.asked) - at, fmt, args);
    va_end(args);
    strncat(fake.asked, "|", sizeof(fake.asked) - 1 - strlen(fake.asked));
    return 0;
}

static int64_t no(struct flagstone_control *c, int64_t error, const char *text)
{
    snprintf(c->text, sizeof(c->text), "%s", text);
    return -error;
}

static struct flagstone_domain *domain(uint32_t id)
{
    return id && id <= FAKE_DOMAINS && fake.domain[id - 1].name[0]
               ? &fake.domain[id - 1]
               : NULL;
}

static struct flagstone_image *image(const char *name)
{
    for (unsigned i = 0; i < FAKE_IMAGES; i++)
        if (!strcmp(fake.image[i].name, name))
            return &fake.image[i];
    return NULL;
}

static void forget(struct flagstone_domain *d)
{
    fake.machine.blocks_free += d->stats.tot_pages / BLOCK_FRAMES;
    d->name[0] = '\0';
}

static int64_t look(struct flagstone_control *c)
{
    switch (c->cmd) {
    case FLAGSTONE_CTL_machine:
        c->machine = fake.machine;
        c->machine.ns = now;
        return 0;
    case FLAGSTONE_CTL_domain:
        for (uint32_t i = MAX(c->domid, 1u); i <= FAKE_DOMAINS; i++)
            if (domain(i)) {
                c->domain = *domain(i);
                return 0;
            }
        return -XEN_ESRCH;
    case FLAGSTONE_CTL_image:
        for (unsigned i = 0, n = 0; i < FAKE_IMAGES; i++)
            if (fake.image[i].name[0] && n++ == c->n) {
                c->image = fake.image[i];
                return 0;
            }
        return -XEN_ENOENT;
    case FLAGSTONE_CTL_module:
        if (c->n >= FAKE_MODULES || !fake.module[c->n].text)
            return -XEN_ENOENT;
        c->module = fake.module[c->n].m;
        return 0;
    default:
        return -XEN_ENOSYS;
    }
}

/* A few bytes at a time, to see that the rest is asked for. */
static int64_t read_module(struct flagstone_control *c)
{
    const struct fake_module *m = &fake.module[c->n];

    c->len = MIN(MIN(c->len, m->m.len - c->offset), UINT64_C(7));
    memcpy((void *)c->data, m->text + c->offset, c->len);
    return 0;
}

/* A few at a time, as modules are read. */
static int64_t map(struct flagstone_control *c)
{
    const uint64_t first = MIN(c->n, fake.blocks);

    c->n = fake.blocks;
    c->len = MIN(MIN(c->len, fake.blocks - first), UINT64_C(100));
    for (uint64_t i = 0; i < c->len; i++)
        ((struct flagstone_block *)c->data)[i] = fake.block(first + i);
    return 0;
}

static int64_t walk(struct flagstone_control *c)
{
    if (!domain(c->domid))
        return no(c, XEN_ESRCH, "no such domain");
    note("walk %u %lx %s %lu", c->domid, c->offset,
         c->policy ? "user" : "kernel", c->n);
    c->walk = fake.walk;
    c->walk.va = c->offset;
    return 0;
}

/* Found at every fourth look, then as often as there are some. */
static int64_t mapping(struct flagstone_control *c)
{
    const uint64_t looks = c->mapping.next + 1;

    if (!fake.domain[c->domid].name[0] && looks <= 4 * fake.mappings) {
        if (looks % 4 == 0)
            c->mapping = fake.mapping;
        c->mapping.next = looks;
        return 0;
    }
    return no(c, XEN_ENOENT, "nowhere else");
}

/* The calls there are, so many at a time; then, if it is short, none is left.
 */
static int64_t read_calls(struct flagstone_control *c)
{
    const struct flagstone_domain *d = domain(c->domid);
    struct flagstone_call *out = (struct flagstone_call *)c->data;

    if (!d && (fake.calls_of != c->domid || !fake.calls)) {
        fake.calls_of = 0;
        return -XEN_ESRCH;
    }
    if (d && !d->traced)
        return no(c, XEN_EINVAL, "it is not traced");
    c->len = MIN(c->len, fake.calls);
    for (uint64_t i = 0; i < c->len; i++)
        out[i] = fake.call;
    fake.calls -= c->len;
    c->n = fake.lost;
    return 0;
}

static int64_t ask(struct flagstone_domain *d, uint64_t n)
{
    if (!fake.stubborn && n == FLAGSTONE_ASK_suspend)
        d->state = FLAGSTONE_STATE_suspended;
    else if (!fake.stubborn)
        forget(d);
    return 0;
}

static int64_t set_target(struct flagstone_domain *d, uint64_t pages)
{
    d->target = pages;
    if (fake.stubborn)
        return 0;
    fake.machine.blocks_free +=
        (uint64_t)((int64_t)(d->stats.tot_pages - pages) / BLOCK_FRAMES);
    d->stats.tot_pages = pages;
    return 0;
}

static int64_t on_domain(struct flagstone_control *c)
{
    struct flagstone_domain *d = domain(c->domid);

    if (!d)
        return no(c, XEN_ESRCH, "no such domain");
    note("%u %s %lu", c->cmd, d->name, c->n);
    switch (c->cmd) {
    case FLAGSTONE_CTL_maxmem:
        d->stats.max_pages = c->n;
        return 0;
    case FLAGSTONE_CTL_destroy:
        forget(d);
        return 0;
    case FLAGSTONE_CTL_ask:
        return ask(d, c->n);
    case FLAGSTONE_CTL_target:
        return set_target(d, c->n);
    case FLAGSTONE_CTL_vcpus:
        d->vcpus_target = d->vcpus_up = c->n;
        return 0;
    case FLAGSTONE_CTL_pause:
        d->state = c->n ? FLAGSTONE_STATE_paused : FLAGSTONE_STATE_running;
        return 0;
    case FLAGSTONE_CTL_trace:
        d->traced = (uint32_t)c->n;
        return 0;
    case FLAGSTONE_CTL_resume:
        d->state = FLAGSTONE_STATE_running;
        return 0;
    case FLAGSTONE_CTL_attach:
        return 0;
    case FLAGSTONE_CTL_relocate:
        if (fake.lent)
            return no(c, XEN_EBUSY, "web still has grants mapped: 1");
        c->layout =
            (struct flagstone_layout){.large_before = 4, .large_after = 4};
        return 0;
    default: /* save */
        *image("") = (struct flagstone_image){
            .bytes = 8192, .domain_pages = d->stats.tot_pages, .large = 4};
        snprintf(image("")->domain, FLAGSTONE_NAME, "%s", d->name);
        memcpy(image("")->name, c->name, FLAGSTONE_NAME);
        return 0;
    }
}

static int64_t create(struct flagstone_control *c)
{
    char line[512];

    if (c->len >= sizeof(line))
        abort();
    memcpy(line, (const void *)c->data, c->len);
    line[c->len] = '\0';
    return note("create %s: %s", c->name, line);
}

static int64_t restore(struct flagstone_control *c)
{
    const struct flagstone_image *i = image(c->name);

    if (!i)
        return no(c, XEN_ENOENT, "there is no such image");
    note("restore %s %u %.*s", c->name, c->policy, (int)c->len,
         (const char *)c->data);
    if (c->policy == FLAGSTONE_RESTORE_fail)
        return no(c, XEN_ENOMEM, "no whole block is free");
    c->layout = (struct flagstone_layout){.large_before = i->large,
                                          .shattered = i->large,
                                          .supplied = i->large,
                                          .ticks = 1000};
    return 0;
}

/* A few bytes at a time, into a console that may have little room; ctrl-d ends
 * it. */
static int64_t type(struct flagstone_control *c)
{
    const size_t at = strlen(fake.heard);

    if (!domain(c->domid))
        return no(c, XEN_ESRCH, "no such domain");
    c->len = MIN(c->len, (uint64_t)(fake.room ? fake.room : 5));
    c->len = fake.stubborn ? 0 : c->len;
    memcpy(fake.heard + at, (const void *)c->data, c->len);
    fake.heard[at + c->len] = '\0';
    if (strchr(fake.heard, 4))
        forget(domain(c->domid));
    return 0;
}

static int64_t read_log(struct flagstone_control *c)
{
    const uint64_t end = fake.log_from + strlen(fake.log);

    c->offset = MIN(MAX(c->offset, fake.log_from), end);
    c->len = MIN(MIN(c->len, end - c->offset), UINT64_C(9));
    memcpy((void *)c->data, fake.log + (c->offset - fake.log_from), c->len);
    return 0;
}

int64_t ctl_try(struct flagstone_control *c)
{
    switch (c->cmd) {
    case FLAGSTONE_CTL_machine:
    case FLAGSTONE_CTL_domain:
    case FLAGSTONE_CTL_image:
    case FLAGSTONE_CTL_module:
        return look(c);
    case FLAGSTONE_CTL_read:
        return read_module(c);
    case FLAGSTONE_CTL_map:
        return map(c);
    case FLAGSTONE_CTL_regs:
        c->regs = fake.regs;
        return note("regs %u %lu", c->domid, c->n);
    case FLAGSTONE_CTL_who:
        c->frame = fake.frame;
        return note("who %lx", c->n);
    case FLAGSTONE_CTL_walk:
        return walk(c);
    case FLAGSTONE_CTL_mapping:
        return mapping(c);
    case FLAGSTONE_CTL_trace_read:
        return read_calls(c);
    case FLAGSTONE_CTL_type:
        return type(c);
    case FLAGSTONE_CTL_log:
        return read_log(c);
    case FLAGSTONE_CTL_create:
        return create(c);
    case FLAGSTONE_CTL_restore:
        return restore(c);
    case FLAGSTONE_CTL_destroy:
    case FLAGSTONE_CTL_ask:
    case FLAGSTONE_CTL_target:
    case FLAGSTONE_CTL_maxmem:
    case FLAGSTONE_CTL_vcpus:
    case FLAGSTONE_CTL_pause:
    case FLAGSTONE_CTL_trace:
    case FLAGSTONE_CTL_attach:
    case FLAGSTONE_CTL_resume:
    case FLAGSTONE_CTL_relocate:
    case FLAGSTONE_CTL_save:
        return on_domain(c);
    default:
        return note("%u '%s' %lu %lu", c->cmd, c->name, c->n, c->offset);
    }
}
