/* SPDX-License-Identifier: MIT */
/* domains.c: commands that make, change, and end domains. */
#include "guest/control/domains.h"
#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/module_line.h"
#include "guest/control/names.h"
#include "guest/control/policy.h"
#include "guest/control/scenario.h"
#include "guest/control/story.h"
#include "guest/lib/guest.h"

static const char *const state_names[] = {"running", "suspended", "ending",
                                          "paused"};

static const char *state_name(uint32_t state)
{
    return state < ARRAY_SIZE(state_names) ? state_names[state] : "?";
}

/* --- list ---------------------------------------------------------------- */

static void list_one(const struct flagstone_domain *d)
{
    const struct flagstone_stats *s = &d->stats;

    printk("%3u %-15s %-9s %6lu %6lu %6lu %6lu %5lu %3lu %9lu%s\n", d->domid,
           d->name, state_name(d->state), s->tot_pages >> 8, s->max_pages >> 8,
           d->target >> 8, s->superpage_maps, s->blocks_whole, s->blocks_cut,
           s->ranges_shattered + s->ranges_remap, d->control ? " *" : "");
}

static bool run_list(const struct args *a)
{
    struct flagstone_domain d;
    struct flagstone_machine m;

    (void)a;
    if (!ctl_machine(&m))
        return false;
    printk(
        " id name            state        MiB    max target  large whole cut "
        "shattered\n");
    for (uint32_t id = 0; ctl_next_domain(id, &d); id = d.domid + 1)
        list_one(&d);
    printk(
        "*: this one. %lu blocks of 2 MiB, %lu free, %lu claimed; %lu images\n",
        m.blocks, m.blocks_free, m.claimed, m.images);
    if (m.ballast_blocks || m.ballast_frames)
        printk("the filler holds %lu blocks and %lu frames\n", m.ballast_blocks,
               m.ballast_frames);
    return true;
}

/* --- create and destroy -------------------------------------------------- */

static bool check_create(const struct args *a)
{
    struct module_line m;
    char why[160];

    if (!module_line_read(&m, a->slot[1].text, why, sizeof(why)))
        return refuse("create: %s", why);
    return names_make(NAMES_DOMAIN, m.name);
}

static bool run_create(const struct args *a)
{
    struct module_line m;
    struct flagstone_control *c;
    char why[160], line[WORDS_LINE];
    int n;

    if (!module_line_read(&m, a->slot[1].text, why, sizeof(why)))
        return refuse("create: %s", why);
    if (!policy_make_room((m.mem + BLOCK_SIZE - 1) / BLOCK_SIZE))
        return false;
    n = policy_options(line, sizeof(line), !m.superpages, !m.relinquish);
    n += format(line + n, sizeof(line) - (size_t)n, "%s", a->slot[1].text);
    if ((size_t)n >= sizeof(line))
        return refuse("create: the line is too long");
    c = ctl_named(FLAGSTONE_CTL_create, a->slot[0].text);
    c->data = (uint64_t)line;
    c->len = (uint64_t)n;
    if (!ctl_run(c))
        return false;
    ctl_remember(m.name);
    return true;
}

static bool run_destroy(const struct args *a)
{
    return ctl_on_domain(FLAGSTONE_CTL_destroy, a->slot[0].text, 0);
}

static bool run_claim(const struct args *a)
{
    struct flagstone_control *c =
        ctl_named(FLAGSTONE_CTL_claim, a->slot[0].text);

    c->n = a->slot[1].value;
    return ctl_run(c);
}

/* --- asking -------------------------------------------------------------- */

/* It would wait for itself, for ever. */
static bool is_another(const char *what, const char *name)
{
    struct flagstone_domain d;

    if (!ctl_domain(name, &d))
        return false;
    return !d.control ||
           refuse("%s: '%s' is the control guest, which runs this "
                  "shell: quit ends it",
                  what, name);
}

static bool run_ask(const struct args *a)
{
    static const enum flagstone_ask asks[] = {
        FLAGSTONE_ASK_suspend, FLAGSTONE_ASK_poweroff, FLAGSTONE_ASK_reboot};

    return is_another("ask", a->slot[1].text) &&
           ctl_on_domain(FLAGSTONE_CTL_ask, a->slot[1].text,
                         asks[a->slot[0].choice]);
}

static bool run_shutdown(const struct args *a)
{
    return is_another("shutdown", a->slot[0].text) &&
           ctl_on_domain(FLAGSTONE_CTL_ask, a->slot[0].text,
                         FLAGSTONE_ASK_poweroff);
}

static bool run_balloon(const struct args *a)
{
    uint64_t pages = a->slot[1].value / PAGE_SIZE;
    struct flagstone_domain d;

    if (!is_another("balloon", a->slot[0].text) ||
        !ctl_domain(a->slot[0].text, &d))
        return false;
    if (pages > d.stats.max_pages)
        return refuse("balloon: '%s' may have at most %luM", d.name,
                      d.stats.max_pages >> 8);
    if (pages < BLOCK_FRAMES)
        return refuse("balloon: a domain needs at least 2M");
    return ctl_on_domain(FLAGSTONE_CTL_target, d.name, pages);
}

static bool run_maxmem(const struct args *a)
{
    return ctl_on_domain(FLAGSTONE_CTL_maxmem, a->slot[0].text,
                         a->slot[1].value / PAGE_SIZE);
}

static bool run_vcpus(const struct args *a)
{
    return ctl_on_domain(FLAGSTONE_CTL_vcpus, a->slot[0].text,
                         a->slot[1].value);
}

static bool run_pause(const struct args *a)
{
    return ctl_on_domain(FLAGSTONE_CTL_pause, a->slot[0].text, 1);
}

static bool run_unpause(const struct args *a)
{
    return ctl_on_domain(FLAGSTONE_CTL_pause, a->slot[0].text, 0);
}

/* --- waiting ------------------------------------------------------------- */

struct waiting {
    const char *name;
    const struct arg *what;
};

static bool is_at_last(void *ctx)
{
    const struct waiting *w = ctx;
    struct flagstone_domain d;

    if (!ctl_has_domain(w->name, &d))
        return w->what->choice == 2 ||
               refuse("there is no domain named '%s'", w->name);
    switch (w->what->choice) {
    case 0:
        return d.state == FLAGSTONE_STATE_running;
    case 1:
        return d.state == FLAGSTONE_STATE_suspended;
    case 2:
        return false;
    default:
        return d.stats.tot_pages == w->what->value / PAGE_SIZE;
    }
}

static bool run_wait(const struct args *a)
{
    struct waiting w = {a->slot[0].text, &a->slot[1]};
    uint64_t seconds = a->slot[2].text ? a->slot[2].value : WAIT_SECONDS;
    struct flagstone_domain d;
    char what[64];

    /* Of a scenario's that has been looked at before. At the prompt it may well
     * have gone while one typed. */
    if (w.what->choice == 2 && !scenario_reads() &&
        !ctl_has_domain(w.name, &d) && !ctl_remembers(w.name))
        printk("there is no domain named '%s'\n", w.name);
    format(what, sizeof(what), "wait: '%s' %s", w.name, w.what->text);
    return shell_wait(is_at_last, &w, MIN(seconds, 3600u) * 1000, what);
}

/* --- suspended domains --------------------------------------------------- */

static bool run_resume(const struct args *a)
{
    return ctl_on_domain(FLAGSTONE_CTL_resume, a->slot[0].text, 0);
}

bool domain_suspend(const char *name)
{
    struct arg what = {.text = "suspended", .choice = 1};
    struct waiting w = {name, &what};
    struct flagstone_domain d;

    if (!ctl_domain(name, &d))
        return false;
    if (d.state == FLAGSTONE_STATE_suspended)
        return true;
    return ctl_on_domain(FLAGSTONE_CTL_ask, name, FLAGSTONE_ASK_suspend) &&
           shell_wait(is_at_last, &w, WAIT_SECONDS * 1000, "suspend");
}

bool domain_relocate(const char *name)
{
    struct flagstone_domain d;
    struct flagstone_control *c;

    if (!ctl_domain(name, &d))
        return false;
    c = ctl_new(FLAGSTONE_CTL_relocate);
    c->domid = d.domid;
    if (!ctl_run(c))
        return false;
    story_relocated(name, &c->layout);
    return true;
}

static bool run_relocate(const struct args *a)
{
    return domain_relocate(a->slot[0].text);
}

/* It stays as it was, if it is still there; why not healed has been said. */
static void wake_again(const char *name)
{
    struct flagstone_domain d;

    if (ctl_has_domain(name, &d) && d.state == FLAGSTONE_STATE_suspended)
        (void)ctl_on_domain(FLAGSTONE_CTL_resume, name, 0);
}

static bool run_heal(const struct args *a)
{
    const char *name = a->slot[0].text;
    struct flagstone_domain before;

    if (!is_another("heal", name) || !ctl_domain(name, &before) ||
        !domain_suspend(name))
        return false;
    if (domain_relocate(name))
        return ctl_on_domain(FLAGSTONE_CTL_resume, name, 0);
    if (before.state == FLAGSTONE_STATE_running)
        wake_again(name);
    return false;
}

const struct command command_domains[] = {
    {"list", "", "all domains", run_list, NULL, false},
    {"create", "KERNEL OPTIONS...",
     "start a kernel: name=web mem=64M [maxmem=] [vcpus=] [cpus=] "
     "[superpages=] "
     "[relinquish=] [cpu=] [pse=] [-- its command line]",
     run_create, check_create, false},
    {"destroy", "NAME", "end a domain at once", run_destroy, NULL, false},
    {"claim", "NEWNAME BLOCKS", "promise blocks to a domain that is to come",
     run_claim, NULL, false},
    {"ask", "suspend|poweroff|reboot NAME", "ask a domain to do that", run_ask,
     NULL, false},
    {"shutdown", "NAME", "the same as ask poweroff NAME", run_shutdown, NULL,
     false},
    {"balloon", "NAME SIZE", "ask a domain to come to a size", run_balloon,
     NULL, false},
    {"maxmem", "NAME SIZE", "how much it may have from now on", run_maxmem,
     NULL, false},
    {"vcpus", "NAME N", "ask a domain to have its first N vCPUs online",
     run_vcpus, NULL, false},
    {"pause", "NAME", "let none of its vCPUs run; it does not know", run_pause,
     NULL, false},
    {"unpause", "NAME", "let them run on", run_unpause, NULL, false},
    {"wait", "NAME running|suspended|gone|SIZE [SECONDS]",
     "until a domain is so", run_wait, NULL, true},
    {"resume", "NAME", "let a suspended domain go on", run_resume, NULL, false},
    {"relocate", "NAME", "relocate the memory of a suspended domain",
     run_relocate, NULL, false},
    {"heal", "NAME", "suspend, relocate and resume it", run_heal, NULL, false},
    {0},
};
