/* SPDX-License-Identifier: MIT */
/*
 * story.c: rows are filled in as things happen; `tally` adds what only the
 * domain itself knows, when it is done.
 */
#include "guest/control/story.h"

#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/figure.h"
#include "guest/lib/guest.h"

#define ROWS 16u

static const char *const policies[] = {"fail", "guest", "shatter"};

static struct row {
    char name[FLAGSTONE_NAME];
    const char *policy;
    bool refused, relocated, tallied;
    uint64_t before, after, healed;
    uint64_t hv_l1, hv_ticks, heal_ticks, own_l1, own_ticks;
} rows[ROWS];
static unsigned used;

/* The last row of that name. */
static struct row *find(const char *name)
{
    for (unsigned i = used; i-- > 0;)
        if (!strcmp(rows[i].name, name) && !rows[i].refused)
            return &rows[i];
    return NULL;
}

static void add(const char *name, const char *policy, uint64_t large,
                const struct flagstone_layout *l)
{
    struct row *r = &rows[used];

    if (used == ROWS)
        return;
    used++;
    *r = (struct row){.policy = policy, .before = large, .refused = !l};
    format(r->name, sizeof(r->name), "%s", name);
    if (!l)
        return;
    r->after = l->large_after;
    r->hv_l1 = l->supplied;
    r->hv_ticks = l->ticks;
}

static void tell(const char *what, const char *name,
                 const struct flagstone_layout *l)
{
    printk("%s '%s': of %lu superpage mappings %lu are there, %lu go through "
           "supplied tables, %lu are the guest's to remap; %lu of %lu runs are "
           "whole blocks\n",
           what, name, l->large_before, l->large_after, l->shattered, l->remap,
           l->whole, l->whole + l->scattered);
    printk("@{\"%s\":\"%s\",\"large_before\":%lu,\"large_after\":%lu,"
           "\"shattered\":%lu,\"remap\":%lu,\"supplied\":%lu,\"whole\":%lu,"
           "\"scattered\":%lu,\"moved\":%lu,\"healed\":%lu,\"ticks\":%lu}\n",
           what, name, l->large_before, l->large_after, l->shattered, l->remap,
           l->supplied, l->whole, l->scattered, l->moved, l->healed, l->ticks);
}

void story_restored(const char *name, enum flagstone_restore policy,
                    uint64_t large, const struct flagstone_layout *layout)
{
    struct flagstone_layout l;

    if (!layout) {
        add(name, policies[policy], large, NULL);
        return;
    }
    l = *layout;
    add(name, policies[policy], large, &l);
    figure_set_layout(&l);
    tell("restored", name, &l);
}

void story_relocated(const char *name, const struct flagstone_layout *layout)
{
    struct flagstone_layout l = *layout;
    struct row *r = find(name);

    figure_set_layout(&l);
    tell("relocated", name, &l);
    if (!r)
        return;
    r->relocated = true;
    r->heal_ticks += l.ticks;
    r->healed = l.large_after;
}

static bool run_tally(const struct args *a)
{
    struct row *r = find(a->slot[0].text);
    struct flagstone_domain d;

    if (!r)
        return refuse("tally: '%s' has not been restored", a->slot[0].text);
    if (!ctl_domain(a->slot[0].text, &d))
        return false;
    r->tallied = true;
    r->healed = d.stats.superpage_maps;
    r->own_l1 = d.stats.own_l1;
    r->own_ticks = d.stats.own_ticks;
    return true;
}

/* In 80 columns. */
static void print_row(const struct row *r)
{
    if (r->refused) {
        printk("%-9s %-7s %6lu  refused, and nothing was changed\n", r->name,
               r->policy, r->before);
        return;
    }
    printk("%-9s %-7s %6lu %5lu ", r->name, r->policy, r->before, r->after);
    if (r->relocated || r->tallied)
        printk("%6lu", r->healed);
    else
        printk("%6s", "-");
    printk(" %5lu %5lu %9lu %9lu ", r->hv_l1, r->own_l1, r->hv_ticks,
           r->own_ticks);
    if (r->relocated)
        printk("%9lu\n", r->heal_ticks);
    else
        printk("%9s\n", r->healed > r->after ? "by itself" : "-");
}

static void print_json(const struct row *r)
{
    printk("@{\"story\":\"%s\",\"policy\":\"%s\",\"refused\":%s,\"before\":%lu,"
           "\"after\":%lu,\"healed\":%lu,\"hv_l1\":%lu,\"guest_l1\":%lu,"
           "\"hv_ticks\":%lu,\"guest_ticks\":%lu,\"heal_ticks\":%lu}\n",
           r->name, r->policy, r->refused ? "true" : "false", r->before,
           r->after, r->healed, r->hv_l1, r->own_l1, r->hv_ticks, r->own_ticks,
           r->heal_ticks);
}

static bool run_table(const struct args *a)
{
    (void)a;
    printk("\n"
           "                  large mappings      L1 frames   "
           " ticks (ICOUNT: instructions)\n"
           "domain    restore before after healed    hv guest    "
           "hyperv     guest   healing\n");
    for (unsigned i = 0; i < used; i++)
        print_row(&rows[i]);
    printk("\n");
    for (unsigned i = 0; i < used; i++)
        print_json(&rows[i]);
    return true;
}

const struct command command_story[] = {
    {"tally", "NAME", "take down what a restored domain has come to", run_tally,
     NULL, true},
    {"table", "", "what became of the large mappings of all restored domains",
     run_table, NULL, false},
    {0},
};
