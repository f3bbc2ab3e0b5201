/* SPDX-License-Identifier: MIT */
/*
 * module.c: one table of words. A word nobody knows, a number out of range or
 * the same word twice is an error: a guest with a typo in its line does not
 * start with something else than was meant.
 */
#include "hv/svc/build/module.h"

#include "hv/base/print.h"
#include "hv/base/string.h"

struct word {
    const char *p;
    size_t len;
};

static bool word_is(struct word w, const char *s)
{
    return strlen(s) == w.len && !memcmp(w.p, s, w.len);
}

/* 512M, 1G, 4096K; a plain number is MiB. false: not that, or too large. */
static bool parse_size(struct word w, uint64_t *bytes)
{
    uint64_t v = 0;
    unsigned shift = 20;
    size_t i = 0;

    for (; i < w.len && w.p[i] >= '0' && w.p[i] <= '9'; i++) {
        v = v * 10 + (uint64_t)(w.p[i] - '0');
        if (v >> 32)
            return false;
    }
    if (!i || i + 1 < w.len)
        return false;
    if (i < w.len) {
        switch (w.p[i] | 0x20) {
        case 'k':
            shift = 10;
            break;
        case 'm':
            break;
        case 'g':
            shift = 30;
            break;
        default:
            return false;
        }
    }
    /* Blocks; 4 TiB is what the direct map has room for. */
    *bytes = ((v << shift) + BLOCK_SIZE - 1) & ~(BLOCK_SIZE - 1);
    return *bytes && *bytes <= UINT64_C(1) << 42;
}

static bool set_mem(struct module_config *m, struct word v)
{
    return parse_size(v, &m->mem);
}

static bool set_maxmem(struct module_config *m, struct word v)
{
    return parse_size(v, &m->maxmem);
}

static bool set_vcpus(struct module_config *m, struct word v)
{
    if (v.len == 0 || v.len > 2)
        return false;
    m->vcpus = 0;
    for (size_t i = 0; i < v.len; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return false;
        m->vcpus = m->vcpus * 10 + (unsigned)(v.p[i] - '0');
    }
    return m->vcpus >= 1 && m->vcpus <= MODULE_VCPUS;
}

/* The id at *i, which goes on behind it; CPU_MAX: there is none. */
static unsigned take_id(struct word v, size_t *i)
{
    unsigned id = CPU_MAX;

    for (; *i < v.len && v.p[*i] >= '0' && v.p[*i] <= '9'; ++*i) {
        id = (id == CPU_MAX ? 0 : id * 10) + (unsigned)(v.p[*i] - '0');
        if (id >= CPU_MAX)
            return CPU_MAX;
    }
    return id;
}

/* 0,2-3: ids and spans of them. */
static bool set_cpus(struct module_config *m, struct word v)
{
    for (size_t i = 0; i < v.len;) {
        unsigned first = take_id(v, &i), last = first;

        if (i < v.len && v.p[i] == '-') {
            i++;
            last = take_id(v, &i);
        }
        if (last == CPU_MAX || first > last)
            return false;
        for (; first <= last; first++)
            cpu_set_add(&m->cpus, first);
        if (i < v.len && (v.p[i] != ',' || ++i == v.len))
            return false;
    }
    return v.len;
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/*
 * What is printed before every line of its output, and in JSON: it begins
 * like a name, not like a line of the hypervisor's ("(hv)", "@").
 */
static bool word_is_name(struct word v)
{
    if (!v.len || v.len >= MODULE_NAME || !is_letter_or_digit(v.p[0]))
        return false;
    for (size_t i = 0; i < v.len; i++)
        if (!is_letter_or_digit(v.p[i]) && v.p[i] != '-' && v.p[i] != '.' &&
            v.p[i] != '_' && v.p[i] != '+')
            return false;
    return true;
}

bool module_name_ok(const char *name)
{
    return word_is_name((struct word){name, strlen(name)});
}

static bool set_name(struct module_config *m, struct word v)
{
    if (!word_is_name(v))
        return false;
    memcpy(m->name, v.p, v.len);
    m->name[v.len] = '\0';
    return true;
}

static bool set_initrd(struct module_config *m, struct word v)
{
    m->kind = MODULE_INITRD;
    return set_name(m, v);
}

static bool set_kernel(struct module_config *m, struct word v)
{
    m->kind = MODULE_KERNEL;
    return set_name(m, v);
}

static bool set_scenario(struct module_config *m, struct word v)
{
    m->kind = MODULE_SCENARIO;
    return set_name(m, v);
}

static bool set_superpages(struct module_config *m, struct word v)
{
    if (word_is(v, "off"))
        m->superpages = SUPERPAGES_OFF;
    else if (word_is(v, "prefer"))
        m->superpages = SUPERPAGES_PREFER;
    else if (word_is(v, "require"))
        m->superpages = SUPERPAGES_REQUIRE;
    else
        return false;
    return true;
}

static bool set_relinquish(struct module_config *m, struct word v)
{
    if (word_is(v, "keep"))
        m->relinquish = RELINQUISH_KEEP;
    else if (word_is(v, "cut"))
        m->relinquish = RELINQUISH_CUT;
    else
        return false;
    return true;
}

static bool set_cpu(struct module_config *m, struct word v)
{
    return shown_choice_parse(&m->cpu, v.p, v.len);
}

static bool set_pse(struct module_config *m, struct word v)
{
    if (word_is(v, "off"))
        m->cpu.pse = SHOWN_PSE_OFF;
    else if (word_is(v, "late"))
        m->cpu.pse = SHOWN_PSE_LATE;
    else if (word_is(v, "always"))
        m->cpu.pse = SHOWN_PSE_ALWAYS;
    else
        return false;
    return true;
}

static bool set_control(struct module_config *m, struct word v)
{
    m->control = true;
    return v.len == 0;
}

static bool set_terminal(struct module_config *m, struct word v)
{
    m->terminal = true;
    return v.len == 0;
}

static const struct {
    const char *name;
    bool (*set)(struct module_config *m, struct word value);
    bool valued;
} words[] = {
    {"name", set_name, true},
    {"mem", set_mem, true},
    {"maxmem", set_maxmem, true},
    {"vcpus", set_vcpus, true},
    {"cpus", set_cpus, true},
    {"initrd", set_initrd, true},
    {"kernel", set_kernel, true},
    {"scenario", set_scenario, true},
    {"superpages", set_superpages, true},
    {"relinquish", set_relinquish, true},
    {"cpu", set_cpu, true},
    {"pse", set_pse, true},
    {"control", set_control, false},
    {"terminal", set_terminal, false},
};

struct parse {
    struct module_config *m;
    char *why;
    unsigned seen; /* bits of words[] */
};

static bool take_word(struct parse *p, struct word w)
{
    struct word name = w, value = {w.p + w.len, 0};

    for (size_t i = 0; i < w.len; i++) {
        if (w.p[i] == '=') {
            name.len = i;
            value = (struct word){w.p + i + 1, w.len - i - 1};
            break;
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        if (!word_is(name, words[i].name))
            continue;
        if ((p->seen & BIT(i)) || words[i].valued != (name.len < w.len) ||
            !words[i].set(p->m, value)) {
            print_format(p->why, MODULE_WHY, "bad '%.*s'", (int)MIN(w.len, 60),
                         w.p);
            return false;
        }
        p->seen |= (unsigned)BIT(i);
        return true;
    }
    print_format(p->why, MODULE_WHY, "unknown word '%.*s'", (int)MIN(w.len, 50),
                 w.p);
    return false;
}

static bool take_words(struct parse *p, const char *s)
{
    bool first = true;

    for (;; first = false) {
        struct word w;

        while (*s == ' ')
            s++;
        w = (struct word){s, 0};
        while (s[w.len] && s[w.len] != ' ')
            w.len++;
        s += w.len;
        if (!w.len)
            return true;
        if (word_is(w, "--")) {
            p->m->args = s + (*s == ' ');
            return true;
        }
        /* The loader may have left the file's name. */
        if ((!first || w.p[0] != '/') && !take_word(p, w))
            return false;
    }
}

static const char *check(const struct module_config *m, unsigned seen)
{
    static const char *const alone[] = {
        [MODULE_INITRD] = "initrd= stands alone",
        [MODULE_KERNEL] = "kernel= stands alone",
        [MODULE_SCENARIO] = "scenario= stands alone",
    };

    if (m->kind != MODULE_GUEST)
        return seen & (seen - 1) || *m->args ? alone[m->kind] : NULL;
    if (!m->name[0])
        return "no name=";
    if (!m->mem)
        return "no mem=";
    if (m->maxmem < m->mem)
        return "maxmem= is less than mem=";
    if (m->cpu.pse != SHOWN_PSE_OFF && m->superpages == SUPERPAGES_OFF)
        return "pse= shows what superpages=off refuses";
    return NULL;
}

enum err module_parse(struct module_config *m, const char *text,
                      const struct module_defaults *defaults,
                      char why[MODULE_WHY])
{
    struct parse p = {.m = m, .why = why};
    const char *wrong;

    *m = (struct module_config){
        .vcpus = 1,
        .superpages = defaults->superpages,
        .relinquish = RELINQUISH_KEEP,
        .args = "",
    };
    if (!take_words(&p, text))
        return ERR_INVAL;
    if (!m->maxmem)
        m->maxmem = m->mem;
    wrong = check(m, p.seen);
    if (!wrong)
        return ERR_NONE;
    print_format(why, MODULE_WHY, "%s", wrong);
    return ERR_INVAL;
}

struct domain_config module_domain(const struct module_config *m)
{
    return (struct domain_config){
        .name = m->name,
        .mem = m->mem,
        .maxmem = m->maxmem,
        .vcpus = m->vcpus,
        .cpus = m->cpus,
        .superpages = m->superpages,
        .relinquish = m->relinquish,
        .control = m->control,
        .terminal = m->terminal,
    };
}
