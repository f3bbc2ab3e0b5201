/* SPDX-License-Identifier: MIT */
/*
 * cmdline.c: one table says what options there are; nobody else looks at the
 * text. Invariant: every word either changes exactly one option or is named
 * in one line on the console.
 */
#include "hv/base/cmdline.h"

#include "hv/base/log.h"
#include "hv/base/string.h"

struct options options = {
    .exit = EXIT_ACPI,
    .console = CONSOLE_SERIAL | CONSOLE_VGA | CONSOLE_FB,
    .loglevel = LOG_NORMAL,
    .superpages = OPT_SUPERPAGES_PREFER,
    .fragment_reserve = OPT_RESERVE_AUTO,
    .reserve = 0,
    .reuse = 1,
    .timeslice = 10,
    .cpus = OPT_CPUS_MAX,
    .fast = 1,
    .watchdog = 30,
};

enum option_type {
    TYPE_NUMBER,        /* uint64_t between min and max */
    TYPE_NUMBER_OR_OFF, /* the same, or the word off: 0 */
    TYPE_CHOICE,        /* unsigned, one of names */
    TYPE_SET,           /* unsigned, names or-ed together, comma between */
    TYPE_FLAG,          /* no value; sets an unsigned to min */
};

struct choice {
    const char *name;
    unsigned value;
};

static const struct choice exits[] = {
    {"acpi", EXIT_ACPI}, {"qemu", EXIT_QEMU}, {"hang", EXIT_HANG}, {NULL, 0}};
static const struct choice levels[] = {{"quiet", LOG_QUIET},
                                       {"normal", LOG_NORMAL},
                                       {"debug", LOG_DEBUG},
                                       {NULL, 0}};
static const struct choice selftests[] = {{"bug", SELFTEST_BUG},
                                          {"write-text", SELFTEST_WRITE_TEXT},
                                          {"write-alias", SELFTEST_WRITE_ALIAS},
                                          {"exec-data", SELFTEST_EXEC_DATA},
                                          {"stack", SELFTEST_STACK},
                                          {"null", SELFTEST_NULL},
                                          {"lock-order", SELFTEST_LOCK_ORDER},
                                          {"hang", SELFTEST_HANG},
                                          {"hang-locked", SELFTEST_HANG_LOCKED},
                                          {"drift", SELFTEST_DRIFT},
                                          {"skew", SELFTEST_SKEW},
                                          {"fast-clock", SELFTEST_FAST_CLOCK},
                                          {"absent-cpu", SELFTEST_ABSENT_CPU},
                                          {"feature", SELFTEST_FEATURE},
                                          {"lost-flush", SELFTEST_LOST_FLUSH},
                                          {"wrong-error", SELFTEST_WRONG_ERROR},
                                          {NULL, 0}};
static const struct choice superpages[] = {{"off", OPT_SUPERPAGES_OFF},
                                           {"prefer", OPT_SUPERPAGES_PREFER},
                                           {"require", OPT_SUPERPAGES_REQUIRE},
                                           {NULL, 0}};
static const struct choice consoles[] = {
    {"com1", CONSOLE_COM1}, {"vga", CONSOLE_VGA}, {"fb", CONSOLE_FB},
    {"spcr", CONSOLE_SPCR}, {"pci", CONSOLE_PCI}, {NULL, 0}};

static const struct choice nmis[] = {
    {"panic", NMI_PANIC}, {"report", NMI_REPORT}, {NULL, 0}};

static const struct choice clocks[] = {
    {"auto", CLOCK_AUTO}, {"hpet", CLOCK_HPET},   {"pm", CLOCK_PM},
    {"pit", CLOCK_PIT},   {"cpuid", CLOCK_CPUID}, {NULL, 0}};

static const struct choice lines[] = {
    {"any", LINE_ANY}, {"com2", LINE_COM2}, {NULL, 0}};

static const struct choice specs[] = {{"auto", OPT_SPEC_AUTO},
                                      {"tell", OPT_SPEC_TELL},
                                      {"off", OPT_SPEC_OFF},
                                      {"force", OPT_SPEC_FORCE},
                                      {NULL, 0}};

static const struct choice apics[] = {
    {"auto", APIC_AUTO}, {"x2apic", APIC_X2APIC}, {NULL, 0}};
static const struct choice screens[] = {
    {"words", SCREEN_WORDS}, {"json", SCREEN_JSON}, {NULL, 0}};
static const struct choice layouts[] = {
    {"us", KEYS_US}, {"de", KEYS_DE}, {"fr", KEYS_FR}, {NULL, 0}};
static const struct choice ends[] = {
    {"auto", END_AUTO}, {"key", END_KEY}, {"now", END_NOW}, {NULL, 0}};

static const struct choice switches[] = {{"off", 0}, {"on", 1}, {NULL, 0}};

static const struct option {
    const char *name;
    enum option_type type;
    void *target;
    const struct choice *names;
    uint64_t min, max;
} table[] = {
    {"exit", TYPE_CHOICE, &options.exit, exits, 0, 0},
    {"debug", TYPE_FLAG, &options.loglevel, NULL, LOG_DEBUG, 0},
    {"loglevel", TYPE_CHOICE, &options.loglevel, levels, 0, 0},
    {"console", TYPE_SET, &options.console, consoles, 0, 0},
    {"superpages", TYPE_CHOICE, &options.superpages, superpages, 0, 0},
    {"fragment_reserve", TYPE_NUMBER, &options.fragment_reserve, NULL, 0,
     1u << 20},
    {"reserve", TYPE_NUMBER, &options.reserve, NULL, 0, 1u << 22},
    {"selftest", TYPE_CHOICE, &options.selftest, selftests, 0, 0},
    {"profile", TYPE_FLAG, &options.profile, NULL, 1, 0},
    {"summary", TYPE_FLAG, &options.summary, NULL, 1, 0},
    {"slowline", TYPE_NUMBER, &options.slowline, NULL, 0, 10000000},
    {"nmi", TYPE_CHOICE, &options.nmi, nmis, 0, 0},
    {"clock", TYPE_CHOICE, &options.clock, clocks, 0, 0},
    {"watchdog", TYPE_NUMBER_OR_OFF, &options.watchdog, NULL, 2, 3600},
    {"timeslice", TYPE_NUMBER, &options.timeslice, NULL, 1, 1000},
    {"cpus", TYPE_NUMBER, &options.cpus, NULL, 1, OPT_CPUS_MAX},
    {"line", TYPE_CHOICE, &options.line, lines, 0, 0},
    {"reuse", TYPE_CHOICE, &options.reuse, switches, 0, 0},
    {"fast", TYPE_CHOICE, &options.fast, switches, 0, 0},
    {"apic", TYPE_CHOICE, &options.apic, apics, 0, 0},
    {"isolate", TYPE_CHOICE, &options.isolate, switches, 0, 0},
    {"spec", TYPE_CHOICE, &options.spec, specs, 0, 0},
    {"screen", TYPE_CHOICE, &options.screen, screens, 0, 0},
    {"keys", TYPE_CHOICE, &options.keys, layouts, 0, 0},
    {"end", TYPE_CHOICE, &options.end, ends, 0, 0},
    {"end_wait", TYPE_NUMBER, &options.end_wait, NULL, 0, 86400},
};

/* Part of the command line: not terminated. */
struct word {
    const char *p;
    size_t len;
};

static bool word_is(struct word w, const char *s)
{
    return strlen(s) == w.len && !strncmp(w.p, s, w.len);
}

/* Cuts w at the first c; what is behind it goes to *rest. */
static struct word cut(struct word w, char c, struct word *rest)
{
    size_t i = 0;

    while (i < w.len && w.p[i] != c)
        i++;
    *rest = i < w.len ? (struct word){w.p + i + 1, w.len - i - 1}
                      : (struct word){w.p + i, 0};
    return (struct word){w.p, i};
}

static bool parse_number(struct word w, uint64_t *v)
{
    *v = 0;
    if (!w.len || w.len > 18) /* below 2^63 */
        return false;
    for (size_t i = 0; i < w.len; i++) {
        if (w.p[i] < '0' || w.p[i] > '9')
            return false;
        *v = *v * 10 + (uint64_t)(w.p[i] - '0');
    }
    return true;
}

static const struct choice *find_choice(const struct choice *c, struct word w)
{
    for (; c->name; c++)
        if (word_is(w, c->name))
            return c;
    return NULL;
}

static bool set_number(const struct option *o, struct word value)
{
    uint64_t v;

    if (!parse_number(value, &v) || v < o->min || v > o->max)
        return false;
    *(uint64_t *)o->target = v;
    return true;
}

static bool set_off(const struct option *o)
{
    *(uint64_t *)o->target = 0;
    return true;
}

static bool set_choice(const struct option *o, struct word value)
{
    const struct choice *c = find_choice(o->names, value);

    if (!c)
        return false;
    *(unsigned *)o->target = c->value;
    return true;
}

/* One name at least, and one on each side of a comma. */
static bool set_set(const struct option *o, struct word value)
{
    unsigned v = 0;
    bool last;

    do {
        struct word rest, one = cut(value, ',', &rest);
        const struct choice *c = find_choice(o->names, one);

        if (!c)
            return false;
        v |= c->value;
        last = one.len == value.len;
        value = rest;
    } while (!last);
    *(unsigned *)o->target = v;
    return true;
}

static bool set_flag(const struct option *o)
{
    *(unsigned *)o->target = (unsigned)o->min;
    return true;
}

static bool set_option(const struct option *o, struct word value)
{
    switch (o->type) {
    case TYPE_NUMBER:
        return set_number(o, value);
    case TYPE_NUMBER_OR_OFF:
        return word_is(value, "off") ? set_off(o) : set_number(o, value);
    case TYPE_CHOICE:
        return set_choice(o, value);
    case TYPE_SET:
        return set_set(o, value);
    case TYPE_FLAG:
        return set_flag(o);
    }
    return false;
}

static void take_word(struct word w)
{
    struct word value;
    struct word name = cut(w, '=', &value);

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (!word_is(name, table[i].name))
            continue;
        if ((table[i].type == TYPE_FLAG) != (name.len == w.len) ||
            !set_option(&table[i], value))
            log_say("command line: bad value in '%.*s'", (int)w.len, w.p);
        return;
    }
    log_say("command line: unknown option '%.*s'", (int)w.len, w.p);
}

void cmdline_parse(const char *text)
{
    struct word rest = {text, strlen(text)};

    while (rest.len) {
        struct word w = cut(rest, ' ', &rest);

        if (w.len)
            take_word(w);
    }
}
