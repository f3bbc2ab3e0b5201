/* SPDX-License-Identifier: MIT */
/*
 * command.c: looks commands up, and runs none that it did not understand. Calls
 * are here and not on the stack, which has to do for all scenarios that run
 * each other (guest.mk bounds the frames of these).
 */
#include "guest/control/command.h"

#include "guest/control/names.h"
#include "guest/control/near.h"
#include "guest/control/scenario.h"
#include "guest/lib/guest.h"

/* A line at the prompt and one of each scenario, with what is behind it. */
#define CALLS (2u * (1 + SCENARIO_DEPTH))

static struct command_call calls[CALLS];
static unsigned in_hand;

static const struct command *const groups[] = {
    command_basic,    command_help,     command_attach, command_domains,
    command_images,   command_pressure, command_policy, command_figures,
    command_record,   command_attempt,  command_story,  command_storm,
    command_scenario, command_view,     command_map,    command_trace,
    command_top,
};

const struct command *command_nth(unsigned n)
{
    for (unsigned g = 0; g < ARRAY_SIZE(groups); g++)
        for (const struct command *c = groups[g]; c->name; c++)
            if (!n--)
                return c;
    return NULL;
}

const struct command *command_find(const char *name)
{
    const struct command *c;

    for (unsigned n = 0; (c = command_nth(n)); n++)
        if (!strcmp(c->name, name))
            return c;
    return NULL;
}

bool command_unknown(const char *name)
{
    const struct command *c;
    struct near near;

    near_begin(&near, name);
    for (unsigned n = 0; (c = command_nth(n)); n++)
        near_offer(&near, c->name);
    return refuse("unknown command '%.40s'%s", name, near_text(&near));
}

struct command_call *command_take(void)
{
    ASSERT(in_hand < CALLS);
    return &calls[in_hand++];
}

void command_give(struct command_call *c)
{
    ASSERT(in_hand && c == &calls[in_hand - 1]);
    in_hand--;
}

/* Nobody can have it: what no line before this one of a scenario makes. */
static bool names_are_known(const struct args *a)
{
    for (unsigned i = 0; i < USAGE_SLOTS; i++) {
        const struct arg *s = &a->slot[i];

        if (!s->text || s->name == USAGE_NO_NAME)
            continue;
        if (s->name == USAGE_KERNEL
                ? !names_use_kernel(s->text)
                : !names_use(s->name == USAGE_DOMAIN ? NAMES_DOMAIN
                                                     : NAMES_IMAGE,
                             s->text))
            return false;
    }
    return true;
}

bool command_read(struct command_call *c, const char *line, size_t len)
{
    const char *wrong = words_split(&c->words, line, len);
    static char why[USAGE_WHY];

    c->command = NULL;
    if (wrong)
        return refuse("%s", wrong);
    if (!c->words.n)
        return true;
    c->command = command_find(c->words.word[0]);
    if (!c->command)
        return command_unknown(c->words.word[0]);
    if (!usage_read(c->command->usage, &c->words, 1, &c->args, why))
        return refuse("%s: %s (%s%s%s)", c->command->name, why,
                      c->command->name, *c->command->usage ? " " : "",
                      c->command->usage);
    return names_are_known(&c->args) &&
           (!c->command->check || c->command->check(&c->args));
}

bool command_run(const struct command_call *c)
{
    return !c->command || c->command->run(&c->args);
}

bool command_check(const char *line, size_t len)
{
    struct command_call *c = command_take();
    const bool ok = command_read(c, line, len);

    command_give(c);
    return ok;
}

bool command_line(const char *line, size_t len)
{
    struct command_call *c = command_take();
    const bool ok = command_read(c, line, len) && command_run(c);

    command_give(c);
    return ok;
}
