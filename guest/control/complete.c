/* SPDX-License-Identifier: MIT */
/*
 * complete.c: the usage of a command says what may stand at the cursor; the
 * hypervisor says which names there are. Two passes over the same candidates:
 * one to find what they have in common, one to show them.
 */
#include "guest/control/complete.h"

#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/figure.h"
#include "guest/control/help.h"
#include "guest/control/module_line.h"
#include "guest/control/policy.h"
#include "guest/control/value.h"
#include "guest/lib/guest.h"

struct completion {
    const char *part; /* what of the word is there */
    size_t len;
    unsigned count;
    char common[WORDS_LINE]; /* what all candidates begin with */
    size_t common_len;
    bool show;
    size_t column; /* of what is shown */
};

/* Beside the one before, while there is room in the row. */
static void show(struct completion *c, const char *word, size_t len)
{
    const bool fits = c->column + len + 2 < shell_columns();

    printk("%s%.*s", !c->count ? "" : fits ? "  " : "\n", (int)len, word);
    c->column = (c->count && fits ? c->column + 2 : 0) + len;
}

static void candidate(void *ctx, const char *word, size_t len)
{
    struct completion *c = ctx;
    size_t n = 0;

    if (len < c->len || memcmp(word, c->part, c->len) ||
        len >= sizeof(c->common))
        return;
    if (c->show)
        show(c, word, len);
    if (!c->count++) {
        memcpy(c->common, word, len);
        c->common_len = len;
        return;
    }
    while (n < len && n < c->common_len && word[n] == c->common[n])
        n++;
    c->common_len = n;
}

static void add_string(struct completion *c, const char *s)
{
    candidate(c, s, strlen(s));
}

static void add_commands(struct completion *c)
{
    const struct command *command;

    for (unsigned n = 0; (command = command_nth(n)); n++)
        add_string(c, command->name);
}

static void add_domains(struct completion *c)
{
    struct flagstone_domain d;

    for (uint32_t id = 0; ctl_next_domain(id, &d); id = d.domid + 1)
        if (!d.control)
            add_string(c, d.name);
}

static void add_images(struct completion *c)
{
    struct flagstone_image i;

    for (uint64_t n = 0; ctl_nth_image(n, &i); n++)
        add_string(c, i.name);
}

static void add_modules(struct completion *c, enum flagstone_module_kind kind)
{
    struct flagstone_module m;

    for (uint64_t n = 0; ctl_nth_module(n, &m); n++)
        if (m.kind == kind)
            add_string(c, m.name);
}

static void add_kernels(struct completion *c)
{
    add_modules(c, FLAGSTONE_MODULE_kernel);
}

static void add_scenarios(struct completion *c)
{
    add_modules(c, FLAGSTONE_MODULE_scenario);
}

/* Where "NAME=" stands already its values could follow. */
static void add_word(void *ctx, const char *word)
{
    const struct completion *c = ctx;
    const size_t n = strlen(word);

    if (n != c->len || word[n - 1] != '=')
        add_string(ctx, word);
}

static void add_settings(struct completion *c)
{
    policy_each(add_word, c);
}

static void add_options(struct completion *c)
{
    module_line_each(add_word, c);
}

/* "SCOPE.", and all that it has once that is there: there are many. */
static void add_scope(struct completion *c, const char *scope,
                      const struct figure *f)
{
    const size_t n = strlen(scope);
    char word[64];

    format(word, sizeof(word), "%s.", scope);
    if (c->len <= n || memcmp(c->part, word, n + 1) != 0) {
        add_string(c, word);
        return;
    }
    for (; f->name; f++) {
        format(word, sizeof(word), "%s.%s", scope, f->name);
        add_string(c, word);
    }
}

static void add_figures(struct completion *c)
{
    struct flagstone_domain d;

    add_scope(c, "machine", figure_of_machine);
    add_scope(c, "last", figure_of_layout);
    for (uint32_t id = 0; ctl_next_domain(id, &d); id = d.domid + 1)
        add_scope(c, d.name, figure_of_domain);
}

static void add_values(struct completion *c)
{
    const char *label;
    char word[WORDS_NAME + 1];

    for (unsigned n = 0; (label = value_nth_label(n)); n++) {
        format(word, sizeof(word), "$%s", label);
        add_string(c, word);
    }
    add_figures(c);
}

static void add_topics(struct completion *c)
{
    const char *topic;

    for (unsigned n = 0; (topic = help_nth_topic(n)); n++)
        add_string(c, topic);
    add_commands(c);
}

static const struct {
    const char *type;
    void (*add)(struct completion *c);
} kinds[] = {
    {"NAME", add_domains},     {"IMAGE", add_images},
    {"KERNEL", add_kernels},   {"SCENARIO", add_scenarios},
    {"COMMAND", add_commands}, {"TOPIC", add_topics},
    {"FIGURE", add_figures},   {"VALUE", add_values},
    {"SETTING", add_settings}, {"OPTIONS", add_options},
};

static void add_usage_word(void *ctx, const char *word, size_t len)
{
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strlen(kinds[i].type) == len && !memcmp(word, kinds[i].type, len)) {
            kinds[i].add(ctx);
            return;
        }
    if (*word < 'A' || *word > 'Z')
        candidate(ctx, word, len);
}

/* Words before the command itself: `try`, `fails "TEXT"`. */
static unsigned words_before(const struct words *w, unsigned nth)
{
    if (nth && !strcmp(w->word[0], "try"))
        return 1;
    return nth >= 2 && !strcmp(w->word[0], "fails") ? 2 : 0;
}

/* What may stand where the line before the cursor ends. */
static void add_all(struct completion *c, const struct words *w, unsigned nth)
{
    const unsigned from = words_before(w, nth);
    const struct command *command;

    c->count = 0;
    if (nth == from) {
        add_commands(c);
        return;
    }
    command = command_find(w->word[from]);
    if (command)
        usage_words(command->usage, nth - from - 1, add_usage_word, c);
}

/* A name that ends so goes on. */
static bool goes_on(const struct completion *c)
{
    const char last = c->common_len ? c->common[c->common_len - 1] : ' ';

    return last == '.' || last == '=';
}

void complete(struct line *l)
{
    struct completion c = {.part = ""};
    struct words w;
    unsigned nth;

    if (words_split(&w, l->text, l->cursor))
        return;
    nth = w.n;
    if (l->cursor && l->text[l->cursor - 1] != ' ' && w.n) {
        c.part = w.word[--nth];
        c.len = strlen(c.part);
    }
    add_all(&c, &w, nth);
    if (!c.count)
        return;
    line_insert(l, c.common + c.len, c.common_len - c.len);
    if (c.count == 1 && !goes_on(&c))
        line_insert(l, " ", 1);
    if (c.count == 1 || c.common_len > c.len)
        return;
    c.show = true;
    printk("\n");
    add_all(&c, &w, nth);
    printk("\n");
}
