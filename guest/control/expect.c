/* SPDX-License-Identifier: MIT */
/*
 * expect.c: commands that look at figures: stat shows them, expect compares
 * one and fails, until waits for one, note keeps one under a label.
 */
#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/domains.h"
#include "guest/control/figure.h"
#include "guest/control/names.h"
#include "guest/control/value.h"
#include "guest/lib/guest.h"

enum comparison { EQUAL, DIFFERENT, LESS, AT_MOST, MORE, AT_LEAST };
#define COMPARISONS "=|!=|<|<=|>|>="

static bool holds(uint64_t a, enum comparison c, uint64_t b)
{
    switch (c) {
    case EQUAL:
        return a == b;
    case DIFFERENT:
        return a != b;
    case LESS:
        return a < b;
    case AT_MOST:
        return a <= b;
    case MORE:
        return a > b;
    default:
        return a >= b;
    }
}

struct compared {
    const struct args *a;
    uint64_t left, right;
};

static bool compare(void *ctx)
{
    struct compared *c = ctx;

    return value_read(c->a->slot[0].text, &c->left) &&
           value_read(c->a->slot[2].text, &c->right) &&
           holds(c->left, (enum comparison)c->a->slot[1].choice, c->right);
}

static bool check_comparison(const struct args *a)
{
    return figure_known(a->slot[0].text) && value_known(a->slot[2].text);
}

static bool differs(const char *command, const struct compared *c)
{
    const struct arg *how = &c->a->slot[1];
    const char *value = c->a->slot[2].text;
    char number[24], is[32] = "";

    format(number, sizeof(number), "%lu", c->right);
    if (strcmp(number, value) != 0)
        format(is, sizeof(is), " (%s)", number);
    return refuse("%s: %s is %lu, not %s%s%s%s", command, c->a->slot[0].text,
                  c->left, how->choice == EQUAL ? "" : how->text,
                  how->choice == EQUAL ? "" : " ", value, is);
}

static bool run_expect(const struct args *a)
{
    struct compared c = {a, 0, 0};

    if (!value_read(a->slot[0].text, &c.left) ||
        !value_read(a->slot[2].text, &c.right))
        return false;
    return compare(&c) || differs("expect", &c);
}

static bool run_until(const struct args *a)
{
    struct compared c = {a, 0, 0};
    uint64_t seconds = a->slot[3].text ? a->slot[3].value : WAIT_SECONDS;
    char what[64];

    format(what, sizeof(what), "until: %s", a->slot[0].text);
    if (shell_wait(compare, &c, MIN(seconds, 3600u) * 1000, what))
        return true;
    if (shell_interrupted())
        return false;
    return compare(&c) ? true : differs("until", &c);
}

static bool check_note(const struct args *a)
{
    return value_label_known(a->slot[0].text) && value_known(a->slot[1].text) &&
           names_make(NAMES_LABEL, a->slot[0].text);
}

static bool run_note(const struct args *a)
{
    uint64_t value;

    return value_read(a->slot[1].text, &value) &&
           value_note(a->slot[0].text, value);
}

/* --- stat ---------------------------------------------------------------- */

static void show(const char *scope, const struct figure *f, const void *record)
{
    char json[2000];
    int n = format(json, sizeof(json), "@{\"stat\":\"%s\"", scope);

    for (; f->name; f++) {
        uint64_t v = figure_at(f, record);

        printk("  %s.%-17s %12lu\n", scope, f->name, v);
        n += format(json + n, sizeof(json) - (size_t)n, ",\"%s\":%lu", f->name,
                    v);
    }
    printk("%s}\n", json);
}

static bool run_stat(const struct args *a)
{
    struct flagstone_domain d;
    struct flagstone_machine m;

    if (a->slot[0].text) {
        if (!ctl_domain(a->slot[0].text, &d))
            return false;
        show(d.name, figure_of_domain, &d);
        return true;
    }
    if (!ctl_machine(&m))
        return false;
    show("machine", figure_of_machine, &m);
    return true;
}

const struct command command_figures[] = {
    {"stat", "[NAME]", "all figures of a domain, or of the machine", run_stat,
     NULL, false},
    {"expect", "FIGURE " COMPARISONS " VALUE",
     "fails if it is not so; VALUE is a number, 64M, $label or a figure",
     run_expect, check_comparison, true},
    {"until", "FIGURE " COMPARISONS " VALUE [SECONDS]", "wait until it is so",
     run_until, check_comparison, true},
    {"note", "LABEL VALUE", "keep a figure, to be compared with as $LABEL",
     run_note, check_note, true},
    {0},
};
