/* SPDX-License-Identifier: MIT */
/*
 * help.c: topics by the names of their commands.
 *
 * Invariant: each command is in one topic, and each topic's text fits a screen
 * of 80 columns and 24 rows (test_help).
 */
#include "guest/control/help.h"

#include "guest/control/command.h"
#include "guest/lib/guest.h"

static const struct topic {
    const char *name, *commands, *help;
} topics[] = {
    {"domains", "list create destroy ask shutdown wait pause unpause console",
     "make, end and talk to them"},
    {"memory", "balloon maxmem vcpus claim floor reclaim policy",
     "how much they have, and may take"},
    {"suspended", "resume relocate heal",
     "go on, with other memory or as it was"},
    {"saving",
     "save restore images drop check damage truncate send migrate "
     "receive",
     "suspended domains, kept and sent"},
    {"pressure", "fill frag drain storm audit", "make memory scarce; check it"},
    {"figures", "stat top expect until note record",
     "what is measured: shown, compared, kept"},
    {"looking", "map walk who regs trace log", "into memory, at what is done"},
    {"scenarios", "run for done try fails tally table echo sleep",
     "many commands in a file"},
    {"shell", "help quit end", "this prompt"},
};

const char *help_nth_topic(unsigned n)
{
    return n < ARRAY_SIZE(topics) ? topics[n].name : NULL;
}

static const struct topic *find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(topics); i++)
        if (!strcmp(topics[i].name, name))
            return &topics[i];
    return NULL;
}

/* --- text in rows --------------------------------------------------------- */

static size_t word_length(const char *s)
{
    size_t n = 0;

    while (s[n] && s[n] != ' ')
        n++;
    return n;
}

/* Words from `column` on; what does not fit goes into rows indented so far. */
static void print_words(const char *text, size_t column, size_t indent)
{
    for (size_t n; *text; text += n) {
        while (*text == ' ')
            text++;
        n = word_length(text);
        if (column > indent && column + 1 + n >= shell_columns()) {
            printk("\n%*s", (int)indent, "");
            column = indent;
        }
        if (column > indent)
            printk(" ");
        printk("%.*s", (int)n, text);
        column += n + (column > indent);
    }
    printk("\n");
}

/* What it takes, and what it does beside it or, where that is long, below. */
#define BESIDE 30u

static void print_one(const struct command *c)
{
    size_t used = 2 + strlen(c->name) + !!*c->usage + strlen(c->usage);

    printk("  %s%s%s", c->name, *c->usage ? " " : "", c->usage);
    if (used + 2 > BESIDE)
        printk("\n");
    printk("%*s", (int)(used + 2 > BESIDE ? BESIDE : BESIDE - used), "");
    print_words(c->help, BESIDE, BESIDE);
}

static void print_topic(const struct topic *t)
{
    char name[WORDS_NAME];

    printk("%s: %s\n", t->name, t->help);
    for (const char *s = t->commands; *s; s += word_length(s)) {
        while (*s == ' ')
            s++;
        format(name, sizeof(name), "%.*s", (int)word_length(s), s);
        print_one(command_find(name));
    }
}

static void print_topics(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(topics); i++) {
        printk("  %-10s", topics[i].name);
        print_words(topics[i].help, 12, 12);
        printk("%*s", 14, "");
        print_words(topics[i].commands, 14, 14);
    }
    printk("help TOPIC, help COMMAND: more; the tab key completes\n");
}

/* --- help ----------------------------------------------------------------- */

static bool check_help(const struct args *a)
{
    const char *what = a->slot[0].text;

    return !what || find(what) || command_find(what) || command_unknown(what);
}

static bool run_help(const struct args *a)
{
    const char *what = a->slot[0].text;

    if (!what)
        print_topics();
    else if (find(what))
        print_topic(find(what));
    else
        print_one(command_find(what));
    return true;
}

const struct command command_help[] = {
    {"help", "[TOPIC]", "what can be asked for: topics, one of them, a command",
     run_help, check_help, true},
    {0},
};
