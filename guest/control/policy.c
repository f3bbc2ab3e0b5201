/* SPDX-License-Identifier: MIT */
/* policy.c: settings by name, each with the few values it may have. */
#include "guest/control/policy.h"

#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/floor.h"
#include "guest/control/near.h"
#include "guest/lib/guest.h"

enum { RESTORE, SUPERPAGES, RELINQUISH, OVERCOMMIT, RESERVE, REUSE, SETTINGS };

/* Values by name; none: a number. now: which; of a number, what was said. */
static struct setting {
    const char *name;
    const char *values[NEAR_VALUES];
    uint64_t now;
} settings[SETTINGS] = {
    [RESTORE] = {"restore", {"fail", "guest", "shatter"}, 2},
    [SUPERPAGES] = {"superpages", {"default", "off", "prefer", "require"}, 0},
    [RELINQUISH] = {"relinquish", {"default", "keep", "cut"}, 0},
    [OVERCOMMIT] = {"overcommit", {"off", "on"}, 0},
    [RESERVE] = {"reserve", {NULL}, 0},
    [REUSE] = {"reuse", {"off", "on"}, 1},
};

enum flagstone_restore policy_restore(void)
{
    return (enum flagstone_restore)settings[RESTORE].now;
}

static int option(char *out, size_t size, const struct setting *s, bool wanted)
{
    if (!wanted || !s->now)
        return 0;
    return format(out, size, "%s=%s ", s->name, s->values[s->now]);
}

int policy_options(char *out, size_t size, bool superpages, bool relinquish)
{
    int n = option(out, size, &settings[SUPERPAGES], superpages);

    n += option(out + n, size - (size_t)n, &settings[RELINQUISH], relinquish);
    return n;
}

bool policy_make_room(uint64_t blocks)
{
    struct flagstone_machine m;
    uint64_t wanted;

    if (!settings[OVERCOMMIT].now)
        return true;
    if (!ctl_machine(&m))
        return false;
    /* Tables and records of a new domain come out of a few blocks more. */
    wanted = blocks + m.reserve + m.claimed + 2;
    return m.blocks_free >= wanted || floor_reclaim(wanted);
}

static struct setting *find(const char *word, const char **value)
{
    for (unsigned i = 0; i < SETTINGS; i++) {
        size_t n = strlen(settings[i].name);

        *value = word + n + 1;
        if (!strncmp(word, settings[i].name, n) && word[n] == '=')
            return &settings[i];
    }
    return NULL;
}

static bool read_value(const struct setting *s, const char *text, uint64_t *v)
{
    if (!s->values[0])
        return words_number(text, v);
    for (*v = 0; *v < ARRAY_SIZE(s->values) && s->values[*v]; ++*v)
        if (!strcmp(text, s->values[*v]))
            return true;
    return false;
}

void policy_each(policy_each_t *each, void *ctx)
{
    char word[40];

    for (unsigned i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];

        format(word, sizeof(word), "%s=", s->name);
        each(ctx, word);
        for (unsigned v = 0; v < ARRAY_SIZE(s->values) && s->values[v]; v++) {
            format(word, sizeof(word), "%s=%s", s->name, s->values[v]);
            each(ctx, word);
        }
    }
}

static bool set(struct setting *s, uint64_t v)
{
    if (s == &settings[RESERVE] && !ctl_with_number(FLAGSTONE_CTL_reserve, v))
        return false;
    if (s == &settings[REUSE] && !ctl_with_number(FLAGSTONE_CTL_reuse, v))
        return false;
    s->now = v;
    return true;
}

static bool not_understood(const struct setting *s, const char *word)
{
    struct near near;
    char allowed[48] = "";
    const char *text;

    near_begin(&near, word);
    policy_each(near_offer, &near);
    text = near_text(&near);
    if (s && !text[0])
        near_values("a number of blocks", s->values, allowed, sizeof(allowed));
    return refuse("policy: %s '%.60s'%s%s", s ? "bad" : "unknown setting", word,
                  allowed, text);
}

/* All of the words are read before the first is obeyed. */
static bool each_setting(const char *text, bool obey)
{
    struct words w;
    const char *wrong = words_split(&w, text, WORDS_LINE), *value;
    uint64_t v;

    if (wrong)
        return refuse("policy: %s", wrong);
    for (unsigned i = 0; i < w.n; i++) {
        struct setting *s = find(w.word[i], &value);

        if (!s || !read_value(s, value, &v))
            return not_understood(s, w.word[i]);
        if (obey && !set(s, v))
            return false;
    }
    return true;
}

static bool check_policy(const struct args *a)
{
    return !a->slot[0].text || each_setting(a->slot[0].text, false);
}

static void show_one(const struct setting *s)
{
    char now[40];

    if (s->values[0])
        format(now, sizeof(now), "%s=%s", s->name, s->values[s->now]);
    else
        format(now, sizeof(now), "%s=%lu", s->name, s->now);
    printk("%-20s  ", now);
    if (!s->values[0])
        printk("or another number of blocks");
    for (unsigned v = 0; v < ARRAY_SIZE(s->values) && s->values[v]; v++)
        printk("%s%s", v ? "|" : "of ", s->values[v]);
    printk("\n");
}

static bool show(void)
{
    struct flagstone_machine m;

    if (!ctl_machine(&m))
        return false;
    settings[RESERVE].now = m.reserve;
    settings[REUSE].now = m.reuse;
    for (unsigned i = 0; i < SETTINGS; i++)
        show_one(&settings[i]);
    floor_show();
    return true;
}

static bool run_policy(const struct args *a)
{
    return a->slot[0].text ? each_setting(a->slot[0].text, true) : show();
}

static bool run_floor(const struct args *a)
{
    return floor_set(a->slot[0].text, a->slot[1].value / PAGE_SIZE);
}

static bool run_reclaim(const struct args *a)
{
    return floor_reclaim(a->slot[0].value);
}

const struct command command_policy[] = {
    {"policy", "[SETTING...]",
     "show or set restore=fail|guest|shatter superpages=off|prefer|require "
     "relinquish=keep|cut overcommit=on|off reserve=N "
     "reuse=on|off",
     run_policy, check_policy, false},
    {"floor", "NAME SIZE", "how far a domain may be ballooned down", run_floor,
     NULL, false},
    {"reclaim", "BLOCKS",
     "balloon domains down to their floors until that many blocks are free",
     run_reclaim, NULL, false},
    {0},
};
