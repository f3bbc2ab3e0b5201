/* SPDX-License-Identifier: MIT */
/*
 * module_line.c: the words of hv/svc/build/module.h that make sense here; each
 * at most once.
 */
#include "guest/control/module_line.h"

#include "guest/control/near.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"

static bool take_name(struct module_line *m, const char *v)
{
    if (!words_is_name(v))
        return false;
    memcpy(m->name, v, strlen(v) + 1);
    return true;
}

static bool take_mem(struct module_line *m, const char *v)
{
    return words_size(v, &m->mem);
}

static bool take_maxmem(struct module_line *m, const char *v)
{
    uint64_t bytes;

    (void)m;
    return words_size(v, &bytes);
}

static bool take_vcpus(struct module_line *m, const char *v)
{
    uint64_t n;

    (void)m;
    return words_number(v, &n) && n >= 1 && n <= 32;
}

static bool take_superpages(struct module_line *m, const char *v)
{
    m->superpages = *v;
    return *v;
}

static bool take_relinquish(struct module_line *m, const char *v)
{
    m->relinquish = *v;
    return *v;
}

/* Of processors and their features only the hypervisor knows. */
static bool take_any(struct module_line *m, const char *v)
{
    (void)m;
    return *v;
}

/* Where there are values, it has to be one of them. */
static const struct option {
    const char *name;
    bool (*take)(struct module_line *m, const char *value);
    const char *what; /* it may be, or values */
    const char *values[NEAR_VALUES];
} options[] = {
    {"name=", take_name, "at most 15 characters, none of | \\ \" =", {NULL}},
    {"mem=", take_mem, "a size like 64M", {NULL}},
    {"maxmem=", take_maxmem, "a size like 64M", {NULL}},
    {"vcpus=", take_vcpus, "1 to 32", {NULL}},
    {"cpus=", take_any, "processors like 0-3,5", {NULL}},
    {"superpages=", take_superpages, NULL, {"off", "prefer", "require"}},
    {"relinquish=", take_relinquish, NULL, {"keep", "cut"}},
    {"cpu=", take_any, "a level like x86-64-v2", {NULL}},
    {"pse=", take_any, NULL, {"off", "late", "always"}},
};

static bool is_value(const struct option *o, const char *value)
{
    unsigned i = 0;

    while (i < ARRAY_SIZE(o->values) && o->values[i] &&
           strcmp(o->values[i], value) != 0)
        i++;
    return !o->values[0] || (i < ARRAY_SIZE(o->values) && o->values[i]);
}

/* NULL: fine; else what to say before the word. *of: what is wrong with which.
 */
static const char *take(struct module_line *m, const char *word, unsigned *seen,
                        const struct option **of)
{
    for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
        size_t n = strlen(options[i].name);

        if (strncmp(word, options[i].name, n))
            continue;
        if (*seen & BIT(i))
            return "said twice:";
        *seen |= (unsigned)BIT(i);
        *of = &options[i];
        return is_value(&options[i], word + n) && options[i].take(m, word + n)
                   ? NULL
                   : "bad";
    }
    return "unknown option";
}

/* What was said twice is near to itself only; what is near says enough. */
static void say_near(const char *wrong, const char *word,
                     const struct option *bad, char *why, size_t size)
{
    struct near near;
    char allowed[64] = "";
    const char *text;

    near_begin(&near, word);
    module_line_each(near_offer, &near);
    text = near_text(&near);
    if (bad && !text[0])
        near_values(bad->what, bad->values, allowed, sizeof(allowed));
    format(why, size, "%s '%.60s'%s%s", wrong, word, allowed, text);
}

bool module_line_read(struct module_line *m, const char *text, char *why,
                      size_t size)
{
    struct words w;
    unsigned seen = 0;
    const char *wrong = words_split(&w, text, WORDS_LINE);

    memset(m, 0, sizeof(*m));
    for (unsigned i = 0; !wrong && i < w.n; i++) {
        const struct option *bad = NULL;

        if (!strcmp(w.word[i], "--"))
            break;
        wrong = take(m, w.word[i], &seen, &bad);
        if (wrong) {
            say_near(wrong, w.word[i], bad, why, size);
            return false;
        }
    }
    if (!wrong && (!m->name[0] || !m->mem))
        wrong = m->name[0] ? "mem= is missing" : "name= is missing";
    if (wrong)
        format(why, size, "%s", wrong);
    return !wrong;
}

void module_line_each(module_line_each_t *each, void *ctx)
{
    char word[40];

    for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
        const struct option *o = &options[i];

        each(ctx, o->name);
        for (unsigned v = 0; v < ARRAY_SIZE(o->values) && o->values[v]; v++) {
            format(word, sizeof(word), "%s%s", o->name, o->values[v]);
            each(ctx, word);
        }
    }
}
