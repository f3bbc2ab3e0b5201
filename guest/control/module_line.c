/* SPDX-License-Identifier: MIT */
/*
 * module_line.c: the words of hv/svc/build/module.h that make sense here; each
 * at most once.
 */
#include "guest/control/module_line.h"

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

/* Only the hypervisor knows which there are. */
static bool take_cpus(struct module_line *m, const char *v)
{
    (void)m;
    return *v;
}

static bool take_superpages(struct module_line *m, const char *v)
{
    m->superpages = true;
    return !strcmp(v, "off") || !strcmp(v, "prefer") || !strcmp(v, "require");
}

static bool take_relinquish(struct module_line *m, const char *v)
{
    m->relinquish = true;
    return !strcmp(v, "keep") || !strcmp(v, "cut");
}

/* Only the hypervisor knows of what there is. */
static bool take_cpu(struct module_line *m, const char *v)
{
    (void)m;
    return *v;
}

static bool take_pse(struct module_line *m, const char *v)
{
    (void)m;
    return !strcmp(v, "off") || !strcmp(v, "late") || !strcmp(v, "always");
}

static const struct {
    const char *name;
    bool (*take)(struct module_line *m, const char *value);
} options[] = {
    {"name=", take_name},
    {"mem=", take_mem},
    {"maxmem=", take_maxmem},
    {"vcpus=", take_vcpus},
    {"cpus=", take_cpus},
    {"superpages=", take_superpages},
    {"relinquish=", take_relinquish},
    {"cpu=", take_cpu},
    {"pse=", take_pse},
};

/* NULL: fine; else what to say before the word. */
static const char *take(struct module_line *m, const char *word, unsigned *seen)
{
    for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
        size_t n = strlen(options[i].name);

        if (strncmp(word, options[i].name, n))
            continue;
        if (*seen & BIT(i))
            return "said twice:";
        *seen |= (unsigned)BIT(i);
        return options[i].take(m, word + n) ? NULL : "bad";
    }
    return "unknown option";
}

bool module_line_read(struct module_line *m, const char *text, char *why,
                      size_t size)
{
    struct words w;
    unsigned seen = 0;
    const char *wrong = words_split(&w, text, WORDS_LINE);

    memset(m, 0, sizeof(*m));
    for (unsigned i = 0; !wrong && i < w.n; i++) {
        if (!strcmp(w.word[i], "--"))
            break;
        wrong = take(m, w.word[i], &seen);
        if (wrong) {
            format(why, size, "%s '%.60s'", wrong, w.word[i]);
            return false;
        }
    }
    if (!wrong && (!m->name[0] || !m->mem))
        wrong = m->name[0] ? "mem= is missing" : "name= is missing";
    if (wrong)
        format(why, size, "%s", wrong);
    return !wrong;
}
