/* SPDX-License-Identifier: MIT */
/*
 * complete.c: the usage of a command says what may stand at the cursor; the
 * hypervisor says which names there are. Two passes over the same candidates:
 * one to find what they have in common, one to show them.
 */
#include "guest/control/complete.h"

#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/lib/guest.h"

struct completion {
    const char *part; /* what of the word is there */
    size_t len;
    unsigned count;
    char common[WORDS_LINE]; /* what all candidates begin with */
    size_t common_len;
    bool show;
};

static void candidate(void *ctx, const char *word, size_t len)
{
    struct completion *c = ctx;
    size_t n = 0;

    if (len < c->len || memcmp(word, c->part, c->len) ||
        len >= sizeof(c->common))
        return;
    if (c->show)
        printk("%s%.*s", c->count ? "  " : "", (int)len, word);
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

static const struct {
    const char *type;
    void (*add)(struct completion *c);
} kinds[] = {
    {"NAME", add_domains},     {"IMAGE", add_images},
    {"KERNEL", add_kernels},   {"SCENARIO", add_scenarios},
    {"COMMAND", add_commands},
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

/* What may stand where the line before the cursor ends. */
static void add_all(struct completion *c, const struct words *w, unsigned nth)
{
    const struct command *command;

    c->count = 0;
    if (!nth) {
        add_commands(c);
        return;
    }
    command = command_find(w->word[0]);
    if (command)
        usage_words(command->usage, nth - 1, add_usage_word, c);
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
    if (c.count == 1)
        line_insert(l, " ", 1);
    if (c.count == 1 || c.common_len > c.len)
        return;
    c.show = true;
    printk("\n");
    add_all(&c, &w, nth);
    printk("\n");
}
